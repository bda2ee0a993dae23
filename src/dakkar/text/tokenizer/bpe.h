#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/text/tokenizer/string_table.h"
#include "dakkar/text/tokenizer/vocabulary.h"

namespace dak::tok {

/// What a piece given to the model consists of.
enum class PieceForm {
  kText,   ///< UTF-8; a symbol is a character
  kBytes,  ///< any bytes; a symbol is a byte, spelt with its letter in the vocabulary
};

/// The settings of a BPE model in tokenizer.json.
struct BpeOptions {
  PieceForm form = PieceForm::kText;
  bool ignore_merges = false;  ///< a piece that is a token as a whole becomes that token
  bool byte_fallback = false;  ///< an unknown symbol becomes its bytes' tokens `<0xAB>`
  bool fuse_unk = false;       ///< unknown symbols in a row become one unknown token
  std::optional<std::string> unk_token;
  std::string continuing_prefix;  ///< put before all symbols of a piece but the first
  std::string end_suffix;         ///< put behind the last symbol of a piece
};

/// One rule "these two tokens in a row become that one". Rank is the place in the file.
using MergePair = std::pair<std::string, std::string>;

/// What one encoding call needs to keep between pieces, so that pieces allocate nothing.
struct BpeScratch {
  struct Symbol {
    TokenId id;
    int32_t previous;
    int32_t next;
    bool merged;  ///< part of the symbol before it
  };
  struct Candidate {
    int32_t rank;
    int32_t position;
    TokenId id;
  };
  std::vector<TokenId> ids;
  std::vector<Candidate> candidates;
  std::vector<Symbol> symbols;
  /// Elementary steps done so far, for tests of the cost's growth.
  int64_t steps = 0;
};

/// A byte-pair-encoding model: repeatedly merges the adjacent pair of least rank, leftmost first.
///
/// A piece of n symbols costs O(n log n). Source: Sennrich et al. 2016, algorithm 1; details as the
/// `tokenizers` library has them.
class Bpe final {
 public:
  /// Errors: a merge whose parts or result are not in `vocabulary`, which must outlive this object.
  static Result<Bpe> create(const Vocabulary& vocabulary, const std::vector<MergePair>& merges,
                            BpeOptions options);

  /// Appends the ids of `piece` by merging, without regard to `ignore_merges`.
  /// Errors: an unknown symbol while `unk_token` is not in the vocabulary.
  [[nodiscard]] Status encode(std::string_view piece, BpeScratch& scratch,
                              std::vector<TokenId>& out) const;

  /// The id of a piece that is one token under `ignore_merges`, else -1.
  [[nodiscard]] TokenId whole_piece(std::string_view piece) const;

 private:
  struct Merge {
    uint64_t pair = ~uint64_t{0};
    int32_t rank = -1;
    TokenId id = -1;
  };

  Bpe(const Vocabulary& vocabulary, BpeOptions options);

  [[nodiscard]] Status add_merges(const std::vector<MergePair>& merges);
  [[nodiscard]] Merge find_merge(TokenId left, TokenId right) const;
  [[nodiscard]] size_t merge_slot(uint64_t pair) const;
  [[nodiscard]] Status split_into_symbols(std::string_view piece, std::vector<TokenId>& ids) const;
  [[nodiscard]] Status append_symbol(std::string symbol, int64_t& pending,
                                     std::vector<TokenId>& ids) const;
  [[nodiscard]] bool append_byte_tokens(std::string_view symbol, std::vector<TokenId>& ids) const;
  void merge_few(BpeScratch& scratch) const;
  void merge_many(BpeScratch& scratch) const;

  const Vocabulary* vocabulary_;
  BpeOptions options_;
  StringTable pieces_;                      // kBytes: tokens by the bytes that their letters mean
  std::array<TokenId, 256> byte_ids_{};     // kBytes without prefix and suffix
  std::array<TokenId, 256> byte_tokens_{};  // `<0x00>`..`<0xFF>`, -1 where there is none
  TokenId unk_id_ = -1;
  std::vector<Merge> merges_;  // open addressing, a power of two
};

}  // namespace dak::tok
