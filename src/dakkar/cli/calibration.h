#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/text/tokenizer.h"

namespace dak {

/// How much of a calibration text is used.
struct CalibrationLimits {
  int64_t tokens = 0;    ///< of all sequences together
  int64_t sequence = 0;  ///< of one; longer documents are cut
};

/// Sequences to calibrate with, and where they came from.
struct Calibration {
  std::vector<std::vector<TokenId>> sequences;
  std::string source;  ///< for people

  [[nodiscard]] int64_t tokens() const;
};

/// The built-in text, about 32 KB: prose, chats, sums, tables, JSON, logs, code, eleven languages.
[[nodiscard]] std::string_view calibration_text();

/// Reads `file` (the built-in text when empty) and cuts it into sequences. A .jsonl file has a
/// document a line, {"text": ...}; any other file is one document. Without a tokenizer and a file,
/// ids are drawn by a fixed rule below `vocab`.
/// Errors: a file that cannot be read or holds no text; a file without a tokenizer.
[[nodiscard]] Result<Calibration> read_calibration(const std::string& file,
                                                   const Tokenizer* tokenizer, int64_t vocab,
                                                   const CalibrationLimits& limits);

}  // namespace dak
