#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dakkar/bench/costs.h"
#include "dakkar/bench/operands.h"

namespace dak::bench {

/// An op ready to be called over and over on operands that rotate through memory.
struct PreparedOp {
  Cost cost;                         ///< of one call, on average over a cycle
  int64_t cycle = 1;                 ///< calls until the operands come round again
  std::function<void(int64_t)> run;  ///< call number i
  std::function<void()> restore{};   ///< not timed: makes inputs that calls destroy new, per cycle
};

/// One line of `bench ops`.
struct OpRow {
  std::string name;  ///< "linear.nvfp4.nano.in_proj.64", for filters and machines
  std::string what;  ///< for people
  std::function<PreparedOp(Operands&)> prepare;
};

/// How many copies of `bytes` fill four last caches.
[[nodiscard]] int64_t copies_beyond_cache(double bytes);

/// The rows by family, in the order printed.
void add_linear_rows(std::vector<OpRow>& rows);
void add_mamba_rows(std::vector<OpRow>& rows);
void add_attention_rows(std::vector<OpRow>& rows);
void add_token_rows(std::vector<OpRow>& rows);
[[nodiscard]] std::vector<OpRow> all_op_rows();

}  // namespace dak::bench
