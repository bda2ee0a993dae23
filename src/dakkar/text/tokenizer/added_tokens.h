#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/text/tokenizer/normalizer.h"
#include "dakkar/text/tokenizer/pattern.h"
#include "dakkar/text/tokenizer/vocabulary.h"

namespace dak::tok {

/// An entry of `added_tokens`: text that becomes one token before anything else looks at it.
struct AddedToken {
  std::string content;
  bool single_word = false;  ///< only between characters that are no word characters
  bool lstrip = false;       ///< takes the white space before it too
  bool rstrip = false;       ///< takes the white space behind it too
  bool normalized = false;   ///< looked for, normalised, in the normalised text
  bool special = false;      ///< left out by `SkipSpecialTokens::kYes`
};

/// A stretch of text, in bytes: an added token or text between them.
struct AddedMatch {
  int64_t begin = 0;
  int64_t end = 0;
  TokenId id = -1;  ///< -1 for text
};

/// Says whether an added token may be recognised at bytes [begin, end) of the searched text.
using MayMatch = std::function<bool(int64_t begin, int64_t end)>;

/// The added tokens of a file and the search for them, leftmost first and of those the longest.
///
/// A search costs one step per byte of text and per byte of the longest added token that the text
/// spells from there.
class AddedTokens final {
 public:
  /// Gives each token its id: that of its text in `vocabulary`, else the next free one in order.
  /// Errors: an empty or repeated text after normalisation, an id over the limit.
  static Result<AddedTokens> create(const std::vector<AddedToken>& tokens,
                                    const Vocabulary& vocabulary, const Normalizer& normalizer);

  enum class Stage { kRaw, kNormalized };

  /// Cuts `text` into added tokens of a stage and the text around them; replaces `out`. The
  /// stretches cover the text but for tokens with `rstrip`, whose space a next token may share.
  void find_all(std::string_view text, Stage stage, const MayMatch& may_match,
                std::vector<AddedMatch>& out) const;

  /// Whether a stage has tokens at all.
  [[nodiscard]] bool has(Stage stage) const { return !trie(stage).nodes.front().children.empty(); }

  /// The id that the added token `content` has, or -1.
  [[nodiscard]] TokenId find(std::string_view content) const;

  /// What decoding starts from: the normalised text of a normalised token, else its text.
  [[nodiscard]] std::optional<std::string_view> spelling(TokenId id) const;

  /// Whether `id` is an added token.
  [[nodiscard]] bool contains(TokenId id) const { return by_id_.contains(id); }

  /// Whether a token of this spelling is left out when special tokens are skipped.
  [[nodiscard]] bool is_special(std::string_view spelling) const {
    return special_.contains(std::string(spelling));
  }

  /// Added tokens by id.
  [[nodiscard]] const std::map<TokenId, AddedToken>& by_id() const { return by_id_; }

 private:
  struct Node {
    std::vector<std::pair<uint8_t, int32_t>> children;  // sorted by byte
    TokenId id = -1;
  };
  struct Trie {
    std::vector<Node> nodes{1};
    std::array<bool, 256> starts{};  // bytes that a token begins with
  };

  explicit AddedTokens(Pattern word) : word_(std::move(word)) {}

  [[nodiscard]] const Trie& trie(Stage stage) const {
    return stage == Stage::kRaw ? raw_ : normalized_;
  }
  [[nodiscard]] Status assign_ids(const std::vector<AddedToken>& tokens,
                                  const Vocabulary& vocabulary);
  [[nodiscard]] Status build_tries(const Normalizer& normalizer);
  static bool insert(Trie& trie, std::string_view text, TokenId id);
  [[nodiscard]] bool is_word(std::string_view character) const;
  [[nodiscard]] bool stands_alone(std::string_view text, const AddedMatch& match) const;

  Pattern word_;
  std::unordered_map<std::string, TokenId> ids_;
  std::map<TokenId, AddedToken> by_id_;
  std::map<TokenId, std::string> normalized_text_;  // only where it differs from the content
  std::unordered_set<std::string> special_;
  Trie raw_;
  Trie normalized_;
};

}  // namespace dak::tok
