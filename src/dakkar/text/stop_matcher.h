#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"

namespace dak {

/// Where a stop string stands in the bytes fed so far.
struct StopMatch {
  int64_t stop_index = 0;  ///< which stop string, in the order given
  int64_t begin = 0;       ///< offset of its first byte in the whole stream
  int64_t end = 0;         ///< offset behind its last byte

  bool operator==(const StopMatch&) const = default;
};

/// Finds stop strings in one sequence's bytes as tokens arrive.
///
/// Works on bytes (`Tokenizer::token_bytes`), so a stop string may begin and end inside tokens or
/// inside code points. Costs one table step per byte and stop string.
class StopMatcher final {
 public:
  /// Errors: an empty stop string.
  static Result<StopMatcher> create(std::vector<std::string> stops);

  /// Takes the next bytes. Gives the stop string that is complete first; of several that end at the
  /// same byte the one that began first. Bytes after a match are not looked at: the match stays.
  std::optional<StopMatch> feed(std::string_view bytes);

  /// Bytes at the end of the stream that may be the beginning of a stop string: hold them back.
  [[nodiscard]] int64_t held_bytes() const;

  /// Bytes taken so far, those after a match not counted.
  [[nodiscard]] int64_t fed_bytes() const { return fed_; }

  /// The match found so far.
  [[nodiscard]] const std::optional<StopMatch>& match() const { return match_; }

 private:
  struct Stop {
    std::string text;
    std::vector<int64_t> borders;  ///< length of the longest proper border of each prefix
    int64_t matched = 0;           ///< bytes of `text` that the stream ends with
  };

  explicit StopMatcher(std::vector<Stop> stops) : stops_(std::move(stops)) {}

  std::vector<Stop> stops_;
  int64_t fed_ = 0;
  std::optional<StopMatch> match_;
};

}  // namespace dak
