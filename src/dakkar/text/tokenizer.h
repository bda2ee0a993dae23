#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/text/tokenizer/text_span.h"

namespace dak {

namespace tok {
struct Pipeline;
}  // namespace tok

/// Whether `encode` adds what the file's post-processor adds (`<s>` and the like).
enum class AddSpecialTokens { kYes, kNo };

/// Whether `decode` leaves out the tokens that the file marks as special.
enum class SkipSpecialTokens { kYes, kNo };

/// A Hugging Face `tokenizer.json` with a BPE model: text to ids and back.
///
/// Gives the ids and the text that the Python package `tokenizers` gives for the same file, quirks
/// included. Immutable after loading: all const functions may run on many threads at once.
/// Time to encode grows with n log n for n bytes whatever the text is.
///
/// Where it knowingly differs: `truncation` and `padding` of the file are ignored (limits are the
/// server's business), and characters newer than Unicode 14 may be split otherwise.
class Tokenizer final {
 public:
  /// Reads `file`, a `tokenizer.json`.
  /// Errors: file missing or over 256 MiB, malformed JSON, a component or field this class does not
  /// implement, references to tokens that are not there; the message names file and field.
  static Result<Tokenizer> load(const std::filesystem::path& file);

  /// As `load`, from the JSON text itself.
  static Result<Tokenizer> parse(std::string_view json);

  ~Tokenizer();
  Tokenizer(Tokenizer&& other) noexcept;
  Tokenizer& operator=(Tokenizer&& other) noexcept;

  /// Encodes `text`. Bytes that are not UTF-8 become U+FFFD first, as Python's `errors='replace'`.
  /// Errors: text of 2 GiB or more; a character without a token where the file names an unknown
  /// token that it does not have; a split regex of the file that exceeds its backtracking limit.
  [[nodiscard]] Result<std::vector<TokenId>> encode(std::string_view text,
                                                    AddSpecialTokens add) const;

  /// Encodes the concatenation of `spans` as `encode` does, but an added token (special or not) is
  /// recognised only where its whole text comes from `SpanOrigin::kTemplate`. Text is split into
  /// words across span borders, so ids equal those of `encode` when users spell no added token.
  [[nodiscard]] Result<std::vector<TokenId>> encode_spans(std::span<const TextSpan> spans,
                                                          AddSpecialTokens add) const;

  /// Text of `ids`, valid UTF-8; broken bytes become U+FFFD. Ids without a token are left out.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, SkipSpecialTokens skip) const;

  /// Bytes that `id` adds to a text when it is not the first token, not always whole UTF-8;
  /// empty for an id without a token. For byte-level files `decode` is their concatenation.
  [[nodiscard]] std::string_view token_bytes(TokenId id) const;

  /// The id of a token as the file spells it ("Ġthe", "<|im_end|>"); added tokens come first.
  [[nodiscard]] std::optional<TokenId> id_of(std::string_view token) const;

  /// The spelling of `id` in the file, or nothing for an id without a token.
  [[nodiscard]] std::optional<std::string_view> token_of(TokenId id) const;

  /// Whether the file marks the token as special (skipped by `SkipSpecialTokens::kYes`).
  [[nodiscard]] bool is_special(TokenId id) const;

  /// Number of tokens, added ones included.
  [[nodiscard]] int64_t vocab_size() const;

  /// One more than the greatest id.
  [[nodiscard]] int64_t id_limit() const;

 private:
  friend class Detokenizer;
  explicit Tokenizer(std::unique_ptr<const tok::Pipeline> pipeline);

  std::unique_ptr<const tok::Pipeline> pipeline_;
};

}  // namespace dak
