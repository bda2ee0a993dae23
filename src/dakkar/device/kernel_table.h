#pragma once

#include "dakkar/device/ops_attention.h"
#include "dakkar/device/ops_dispatch.h"
#include "dakkar/device/ops_layout.h"
#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/device/ops_sampling.h"
#include "dakkar/device/stream.h"

namespace dak {

/// One kernel of a backend.
template <typename Args>
using Kernel = void (*)(Stream& stream, const Args& args);

/// A backend's kernels, one per op, chosen once when the device is opened. Every entry is set.
/// `ops::x` checks shapes and calls the entry; nothing else does.
struct KernelTable {
  Kernel<EmbedArgs> embed = nullptr;
  Kernel<RmsNormArgs> rms_norm = nullptr;
  Kernel<AddRmsNormArgs> add_rms_norm = nullptr;
  Kernel<GatedGroupNormArgs> gated_group_norm = nullptr;
  Kernel<Relu2Args> relu2 = nullptr;
  Kernel<GatherRowsArgs> gather_rows = nullptr;
  Kernel<ConcatColumnsArgs> concat_columns = nullptr;
  Kernel<ConvertArgs> convert = nullptr;
  Kernel<JoinColumnsArgs> join_columns = nullptr;
  Kernel<LinearArgs> linear = nullptr;
  Kernel<RouteArgs> route = nullptr;
  Kernel<ExpertLinearArgs> expert_linear = nullptr;
  Kernel<CombineExpertsArgs> combine_experts = nullptr;
  Kernel<ShareRowsArgs> share_rows = nullptr;
  Kernel<DealChoicesArgs> deal_choices = nullptr;
  Kernel<CountArrivalsArgs> count_arrivals = nullptr;
  Kernel<StepArgs> begin_step = nullptr;
  Kernel<StepArgs> advance = nullptr;
  Kernel<CausalConvArgs> causal_conv = nullptr;
  Kernel<SsmScanArgs> ssm_scan = nullptr;
  Kernel<KvWriteArgs> kv_write = nullptr;
  Kernel<AttentionArgs> attention = nullptr;
  Kernel<WeighPartArgs> weigh_part = nullptr;
  Kernel<HistoryArgs> record_history = nullptr;
  Kernel<SampleArgs> sample = nullptr;
};

/// The reference backend's kernels: plain loops over host memory, for any weight that
/// `pack_reference` made. Defined in device/reference; other host backends start from them.
[[nodiscard]] const KernelTable& reference_kernels();

}  // namespace dak
