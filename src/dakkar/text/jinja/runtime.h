#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/text/jinja/marked_text.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

/// What one render may use before it ends with an error.
struct Limits {
  int64_t steps = 50'000'000;                 ///< nodes evaluated, items walked, text made / 4
  int64_t output_bytes = int64_t{64} << 20;   ///< of the whole output, or of one captured block
  int64_t memory_bytes = int64_t{768} << 20;  ///< of all values made
  int64_t call_depth = 200;                   ///< macros and recursive loops inside each other
};

/// The time that `strftime_now` shows, as broken-down local time.
struct ClockTime {
  int32_t year = 1970;
  int32_t month = 1;  ///< 1..12
  int32_t day = 1;    ///< 1..31
  int32_t hour = 0;
  int32_t minute = 0;
  int32_t second = 0;
  int32_t microsecond = 0;
};

/// Deepest nesting of lists and dicts that is printed, compared or dumped.
inline constexpr int32_t kMaxValueDepth = 200;

/// The state of one render that filters, methods and operators share: the heap, the budget, the
/// first error, the output, and the clock.
class Runtime {
 public:
  Runtime(const Limits& limits, const ClockTime& clock) : limits_(limits), clock_(clock) {}

  /// Records an error (only the first one counts) at the current line and returns a failed value.
  Value raise(std::string message);
  /// The same for the template's own `raise_exception`, whose text is shown alone.
  Value raise_exception(std::string message);
  bool failed() const { return failed_; }
  /// The message of the first error.
  const std::string& message() const { return message_; }

  /// Spends budget; false (with an error) when there is none left.
  bool spend(int64_t steps);
  /// False (with an error) when `bytes` more would pass the memory limit; call before allocating.
  bool room_for(int64_t bytes);

  Heap& heap() { return heap_; }
  const ClockTime& clock() const { return clock_; }
  const Limits& limits() const { return limits_; }

  /// Makes values, within the memory limit.
  Value text(MarkedText text);
  Value text(std::string_view bytes, Origin origin);
  Value list(std::vector<Value> items);
  Value tuple(std::vector<Value> items);
  Value undefined(std::string message);
  /// Makes an iterator over `items`; `error`, if not empty, is raised behind them.
  Value generator(std::vector<Value> items, std::string error = {});
  /// Joins two strings without copying them when they are long.
  Value joined(const Value& left, const Value& right);

  /// Appends to the innermost open buffer.
  void write(const MarkedText& text);
  void open_buffer() { buffers_.emplace_back(); }
  MarkedText close_buffer();

  void set_line(int32_t line) { line_ = line; }
  int32_t line() const { return line_; }

  /// Takes back an error raised since `failed()` was false, for generators that raise it later.
  std::string take_error();

 private:
  Limits limits_;
  ClockTime clock_;
  Heap heap_;
  std::vector<MarkedText> buffers_ = std::vector<MarkedText>(1);
  int64_t steps_ = 0;
  int32_t line_ = 0;
  bool failed_ = false;
  bool out_of_budget_ = false;
  std::string message_;
};

}  // namespace dak::jinja
