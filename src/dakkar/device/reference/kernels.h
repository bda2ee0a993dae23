#pragma once

#include "dakkar/device/ops_attention.h"
#include "dakkar/device/ops_dispatch.h"
#include "dakkar/device/ops_layout.h"
#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/device/ops_sampling.h"

/// The plain-loop form of each op, one file per op; the contracts are those of `ops::`.
namespace dak::reference {

void embed(const EmbedArgs& args);
void rms_norm(const RmsNormArgs& args);
void add_rms_norm(const AddRmsNormArgs& args);
void gated_group_norm(const GatedGroupNormArgs& args);
void relu2(const Relu2Args& args);
void gather_rows(const GatherRowsArgs& args);
void concat_columns(const ConcatColumnsArgs& args);
void convert(const ConvertArgs& args);
void join_columns(const JoinColumnsArgs& args);
void linear(const LinearArgs& args);
void route(const RouteArgs& args);
void expert_linear(const ExpertLinearArgs& args);
void combine_experts(const CombineExpertsArgs& args);
void share_rows(const ShareRowsArgs& args);
void deal_choices(const DealChoicesArgs& args);
void count_arrivals(const CountArrivalsArgs& args);
void begin_step(const StepArgs& args);
void advance(const StepArgs& args);
void causal_conv(const CausalConvArgs& args);
void ssm_scan(const SsmScanArgs& args);
void kv_write(const KvWriteArgs& args);
void attention(const AttentionArgs& args);
void weigh_part(const WeighPartArgs& args);
void record_history(const HistoryArgs& args);
void sample(const SampleArgs& args);

}  // namespace dak::reference
