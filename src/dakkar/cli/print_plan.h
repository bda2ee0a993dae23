#pragma once

#include <cstdint>

#include "dakkar/model/rank_sizes.h"

namespace dak {

/// What a memory plan is printed for.
struct PlanQuestion {
  const ModelConfig& config;
  const QuantConfig& quant;
  FormatOf format_of;
  RankGrid grid;
  DType state = DType::kF32;  ///< of the SSM states that slots keep
  double memory_gib = 0.0;    ///< of one rank; 0: this machine's, divided by the ranks
  int64_t max_model_len = 0;  ///< 0: what the checkpoint was trained for
};

/// Prints what a rank takes (weights, a KV page, a state slot) and how many requests of some
/// lengths fit beside the weights, a tenth of the memory being left to steps.
void print_plan(const PlanQuestion& question);

}  // namespace dak
