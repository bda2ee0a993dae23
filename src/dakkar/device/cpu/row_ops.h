#pragma once

#include "dakkar/device/cpu/rows.h"
#include "dakkar/device/ops_layout.h"
#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/device/worker_team.h"

/// Ops of `ops::` by the vectors of `kKernels`, for arguments that are vectorised: rows of bf16 or
/// f32, four taps of a convolution, experts in one group. Instantiated for the two instruction
/// sets.
namespace dak::cpu {

[[nodiscard]] bool is_vectorised(const EmbedArgs& args);
[[nodiscard]] bool is_vectorised(const RmsNormArgs& args);
[[nodiscard]] bool is_vectorised(const AddRmsNormArgs& args);
[[nodiscard]] bool is_vectorised(const GatedGroupNormArgs& args);
[[nodiscard]] bool is_vectorised(const Relu2Args& args);
[[nodiscard]] bool is_vectorised(const ConvertArgs& args);
[[nodiscard]] bool is_vectorised(const ConcatColumnsArgs& args);
[[nodiscard]] bool is_vectorised(const CombineExpertsArgs& args);
[[nodiscard]] bool is_vectorised(const CausalConvArgs& args);
[[nodiscard]] bool is_vectorised(const RouteArgs& args);

template <const RowKernels& kKernels>
void embed(WorkerTeam& team, const EmbedArgs& args);
template <const RowKernels& kKernels>
void rms_norm(WorkerTeam& team, const RmsNormArgs& args);
template <const RowKernels& kKernels>
void add_rms_norm(WorkerTeam& team, const AddRmsNormArgs& args);
template <const RowKernels& kKernels>
void gated_group_norm(WorkerTeam& team, const GatedGroupNormArgs& args);
template <const RowKernels& kKernels>
void relu2(WorkerTeam& team, const Relu2Args& args);
template <const RowKernels& kKernels>
void convert(WorkerTeam& team, const ConvertArgs& args);
template <const RowKernels& kKernels>
void concat_columns(WorkerTeam& team, const ConcatColumnsArgs& args);
template <const RowKernels& kKernels>
void combine_experts(WorkerTeam& team, const CombineExpertsArgs& args);
template <const RowKernels& kKernels>
void causal_conv(WorkerTeam& team, const CausalConvArgs& args);
template <const RowKernels& kKernels>
void route(WorkerTeam& team, const RouteArgs& args);

}  // namespace dak::cpu
