#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dakkar/text/tokenizer/pattern.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {

/// The steps that a `decoder` of tokenizer.json is made of. Each maps a list of texts, at first one
/// per token, to another list.
struct ByteLevelDecode {};     ///< letters to bytes, joined; broken UTF-8 to U+FFFD
struct ByteFallbackDecode {};  ///< runs of `<0xAB>` to their text, or one U+FFFD per byte
struct FuseDecode {};          ///< joins all
struct JoinWithSpaces {};      ///< what a file without decoder gets
struct MetaspaceDecode {
  char32_t mark;
  bool drops_first;  ///< the first text loses its marks, elsewhere they become spaces
};
struct ReplaceDecode {
  Pattern pattern;
  std::string content;
};
struct StripDecode {
  char32_t content;
  int64_t start;  ///< at most this many `content` are cut from the front of each text
  int64_t stop;   ///< and from its end
};
using DecoderStep = std::variant<ByteLevelDecode, ByteFallbackDecode, FuseDecode, JoinWithSpaces,
                                 MetaspaceDecode, ReplaceDecode, StripDecode>;

/// The decoder of a file, nested sequences flattened.
struct Decoder {
  std::vector<DecoderStep> steps;

  /// Bytes that a token contributes in the middle of a text.
  [[nodiscard]] std::string token_bytes(std::string_view token) const;
};

/// Runs a decoder over tokens as they come. The text of all `push` and the `finish` equals that of
/// the library's batch decoding: a step that needs what follows holds its input back.
class DecoderRun final {
 public:
  /// `decoder` must outlive this object.
  explicit DecoderRun(const Decoder& decoder);

  /// Takes the spelling of the next token; appends text that is certain to `out`.
  void push(std::string_view token, std::string& out);

  /// Ends the text: appends what was held back. The next `push` begins a new text.
  void finish(std::string& out);

 private:
  struct StepState {
    bool after_join = false;  ///< the step sees one text that comes in parts
    bool began = false;       ///< it has seen a text
    std::string held;         ///< input, or bytes, that wait for what follows
    int64_t cut = 0;          ///< `StripDecode` after a join: characters cut from the front
    Utf8Assembler assembler;
  };

  void feed(size_t step, std::string_view text, std::string& out);
  void end(size_t step, std::string& out);
  void run(const ByteLevelDecode& step, size_t index, std::string_view text, std::string& out);
  void run(const ByteFallbackDecode& step, size_t index, std::string_view text, std::string& out);
  void run(const FuseDecode& step, size_t index, std::string_view text, std::string& out);
  void run(const JoinWithSpaces& step, size_t index, std::string_view text, std::string& out);
  void run(const MetaspaceDecode& step, size_t index, std::string_view text, std::string& out);
  void run(const ReplaceDecode& step, size_t index, std::string_view text, std::string& out);
  void run(const StripDecode& step, size_t index, std::string_view text, std::string& out);
  void strip_joined(const StripDecode& step, size_t index, std::string_view text, std::string& out);
  void release_byte_run(size_t index, std::string& out);

  const Decoder* decoder_;
  std::vector<StepState> states_;
};

}  // namespace dak::tok
