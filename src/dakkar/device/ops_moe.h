#pragma once

#include <span>

#include "dakkar/device/device_count.h"
#include "dakkar/device/packed_weight.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

struct Context;

/// Arguments of `ops::route`.
struct RouteArgs {
  TensorView x;     ///< [T, H]
  TensorView gate;  ///< [E, H], f32, bf16 or f16
  TensorView bias;  ///< f32 [E], enters the choice only
  int64_t n_group = 1;
  int64_t topk_group = 1;
  bool normalise = true;  ///< divide the chosen weights by their sum + 1e-20
  float scaling = 1.0F;
  TensorView chosen;   ///< i32 [T, k], best first; ties go to the lower index
  TensorView weights;  ///< f32 [T, k]
  DeviceCount tokens;
};

/// Whether an expert linear reads one row per token or one per (token, choice).
enum class ExpertInput { kPerToken, kPerChoice };

/// Arguments of `ops::expert_linear`.
struct ExpertLinearArgs {
  TensorView x;  ///< [T, K] or [T*k, K], by `input`
  ExpertInput input = ExpertInput::kPerToken;
  std::span<const PackedWeight> experts;  ///< E weights [N, K]; an empty one (n or k 0) gives zeros
  TensorView chosen;                      ///< i32 [T, k]
  TensorView out;                         ///< [T*k, N]
  DeviceCount tokens;
};

/// Arguments of `ops::combine_experts`.
struct CombineExpertsArgs {
  TensorView x;        ///< f32 [T*k, Z]
  TensorView weights;  ///< f32 [T, k]
  TensorView out;      ///< [T, Z]
  DeviceCount tokens;
};

namespace ops {

/// Chooses k experts for each token and weighs them (spec/model.md 2.5 steps 1 to 3), in f32.
void route(Context& ctx, const RouteArgs& args);

/// Applies to each (token, choice) row the linear of the expert chosen, as `ops::linear` would.
void expert_linear(Context& ctx, const ExpertLinearArgs& args);

/// out[t] = sum over j, in order, of weights[t, j] * x[t*k + j], in f32, rounded once.
void combine_experts(Context& ctx, const CombineExpertsArgs& args);

}  // namespace ops
}  // namespace dak
