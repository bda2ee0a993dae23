#include "dakkar/bench/op_meter.h"

#include <utility>

namespace dak::bench {

OpTotal& OpTotal::operator+=(const OpTotal& other) {
  calls += other.calls;
  seconds += other.seconds;
  cost += other.cost;
  return *this;
}

OpTotal PhaseTotals::all() const {
  OpTotal sum;
  for (const auto& [name, total] : ops) {
    sum += total;
  }
  return sum;
}

OpTotal PhaseTotals::of(std::string_view op) const {
  const auto found = ops.find(op);
  return found == ops.end() ? OpTotal{} : found->second;
}

PhaseTotals& PhaseTotals::operator+=(const PhaseTotals& other) {
  steps += other.steps;
  for (const auto& [name, total] : other.ops) {
    ops[name] += total;
  }
  return *this;
}

PhaseTotals& OpMeter::of(StepPhase phase) {
  return phase == StepPhase::kPrefill ? totals_.prefill : totals_.decode;
}

void OpMeter::count_step(StepPhase phase) {
  const std::lock_guard lock(mutex_);
  ++of(phase).steps;
}

void OpMeter::add(StepPhase phase, std::string_view op, const OpTotal& call) {
  const std::lock_guard lock(mutex_);
  auto& ops = of(phase).ops;
  const auto found = ops.find(op);
  if (found == ops.end()) {
    ops.emplace(op, call);
  } else {
    found->second += call;
  }
}

OpMeter::Totals OpMeter::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(totals_, Totals{});
}

}  // namespace dak::bench
