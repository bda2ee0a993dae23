#include "dakkar/device/host_kernel.h"
#include "dakkar/device/kernel_table.h"
#include "dakkar/device/reference/kernels.h"

namespace dak {

const KernelTable& reference_kernels() {
  static constexpr KernelTable kTable = {
      .embed = host_kernel<EmbedArgs, reference::embed>,
      .rms_norm = host_kernel<RmsNormArgs, reference::rms_norm>,
      .add_rms_norm = host_kernel<AddRmsNormArgs, reference::add_rms_norm>,
      .gated_group_norm = host_kernel<GatedGroupNormArgs, reference::gated_group_norm>,
      .relu2 = host_kernel<Relu2Args, reference::relu2>,
      .gather_rows = host_kernel<GatherRowsArgs, reference::gather_rows>,
      .concat_columns = host_kernel<ConcatColumnsArgs, reference::concat_columns>,
      .convert = host_kernel<ConvertArgs, reference::convert>,
      .join_columns = host_kernel<JoinColumnsArgs, reference::join_columns>,
      .linear = host_kernel<LinearArgs, reference::linear>,
      .route = host_kernel<RouteArgs, reference::route>,
      .expert_linear = host_kernel<ExpertLinearArgs, reference::expert_linear>,
      .combine_experts = host_kernel<CombineExpertsArgs, reference::combine_experts>,
      .share_rows = host_kernel<ShareRowsArgs, reference::share_rows>,
      .deal_choices = host_kernel<DealChoicesArgs, reference::deal_choices>,
      .count_arrivals = host_kernel<CountArrivalsArgs, reference::count_arrivals>,
      .begin_step = host_kernel<StepArgs, reference::begin_step>,
      .advance = host_kernel<StepArgs, reference::advance>,
      .causal_conv = host_kernel<CausalConvArgs, reference::causal_conv>,
      .ssm_scan = host_kernel<SsmScanArgs, reference::ssm_scan>,
      .kv_write = host_kernel<KvWriteArgs, reference::kv_write>,
      .attention = host_kernel<AttentionArgs, reference::attention>,
      .weigh_part = host_kernel<WeighPartArgs, reference::weigh_part>,
      .record_history = host_kernel<HistoryArgs, reference::record_history>,
      .sample = host_kernel<SampleArgs, reference::sample>,
  };
  return kTable;
}

}  // namespace dak
