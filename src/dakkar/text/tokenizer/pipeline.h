#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/text/tokenizer/added_tokens.h"
#include "dakkar/text/tokenizer/bpe.h"
#include "dakkar/text/tokenizer/decoder.h"
#include "dakkar/text/tokenizer/normalizer.h"
#include "dakkar/text/tokenizer/post_processor.h"
#include "dakkar/text/tokenizer/pre_tokenizer.h"
#include "dakkar/text/tokenizer/vocabulary.h"

namespace dak::tok {

/// A parsed tokenizer.json: added tokens, normalizer, pre-tokenizer, model, post-processor, decoder
/// in the order that text goes through them. Never moved, since parts point at each other.
struct Pipeline {
  Vocabulary vocabulary;
  Normalizer normalizer{{}};
  PreTokenizer pre_tokenizer{{}};
  std::optional<AddedTokens> added;  ///< always there after loading
  std::optional<Bpe> model;          ///< likewise
  PostProcessor post_processor;
  Decoder decoder;

  std::string bytes;                  ///< of all tokens in a row, see `Decoder::token_bytes`
  std::vector<uint32_t> byte_begins;  ///< where each id's begin in `bytes`, and one end
  std::vector<uint8_t> special;       ///< 1 for ids that `SkipSpecialTokens` leaves out

  /// The spelling that decoding starts from, or nothing.
  [[nodiscard]] std::optional<std::string_view> spelling(TokenId id) const;
};

/// Bytes of a text that users wrote: sorted ranges that do not overlap.
class UserRanges final {
 public:
  /// Adds [begin, end), which lies behind all ranges before.
  void add(int64_t begin, int64_t end);

  [[nodiscard]] bool empty() const { return ranges_.empty(); }

  /// Whether some byte in [begin, end) is a user's.
  [[nodiscard]] bool touch(int64_t begin, int64_t end) const;

 private:
  struct Range {
    int64_t begin;
    int64_t end;
  };
  std::vector<Range> ranges_;
};

/// The ids of `text`, valid UTF-8 below 2 GiB, before the post-processor. Added tokens are not
/// recognised where they touch a range of `user`.
[[nodiscard]] Result<std::vector<TokenId>> encode_text(const Pipeline& pipeline,
                                                       std::string_view text,
                                                       const UserRanges& user);

}  // namespace dak::tok
