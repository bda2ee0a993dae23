#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "dakkar/bench/costs.h"

namespace dak::bench {

/// A step with a prompt's tokens in it, or one of decoding sequences only.
enum class StepPhase { kPrefill, kDecode };

/// What an op took over a number of calls.
struct OpTotal {
  int64_t calls = 0;
  double seconds = 0.0;
  Cost cost;

  OpTotal& operator+=(const OpTotal& other);
};

/// What the steps of one phase took, of all ranks together.
struct PhaseTotals {
  int64_t steps = 0;
  std::map<std::string, OpTotal, std::less<>> ops;

  [[nodiscard]] OpTotal all() const;
  /// One op's total; zeros when it was not called.
  [[nodiscard]] OpTotal of(std::string_view op) const;
  PhaseTotals& operator+=(const PhaseTotals& other);
};

/// The name under which the projection to the vocabulary is counted.
inline constexpr std::string_view kLmHead = "lm_head";

/// Adds up what ops take, per phase. Thread-safe.
class OpMeter final {
 public:
  void count_step(StepPhase phase);
  void add(StepPhase phase, std::string_view op, const OpTotal& call);

  /// What was added since the last call.
  struct Totals {
    PhaseTotals prefill;
    PhaseTotals decode;
  };
  [[nodiscard]] Totals take();

 private:
  [[nodiscard]] PhaseTotals& of(StepPhase phase);

  std::mutex mutex_;
  Totals totals_;
};

}  // namespace dak::bench
