#include "dakkar/bench/metered_backend.h"

#include <utility>

#include "dakkar/base/clock.h"
#include "dakkar/bench/step_costs.h"
#include "dakkar/device/forwarding_stream.h"

namespace dak::bench {
namespace {

/// A stream of the inner backend that knows which phase its step is in.
class MeteredStream final : public ForwardingStream {
 public:
  struct Parts {
    const KernelTable& kernels;  ///< the inner ones
    OpMeter& meter;
    int64_t vocab;
  };
  MeteredStream(std::unique_ptr<Stream> inner, Parts parts)
      : ForwardingStream(std::move(inner)), parts_(parts) {}

  [[nodiscard]] const Parts& parts() const { return parts_; }

  void begin_step(const SequenceTable& table) {
    phase_ =
        table.sequences.read() > table.decodes.read() ? StepPhase::kPrefill : StepPhase::kDecode;
    parts_.meter.count_step(phase_);
  }
  void begin_op() { begin_ = steady_now(); }
  void end_op(std::string_view name, const Cost& cost) {
    const double seconds = seconds_between(begin_, steady_now());
    parts_.meter.add(phase_, name, {.calls = 1, .seconds = seconds, .cost = cost});
  }

 private:
  Parts parts_;
  StepPhase phase_ = StepPhase::kDecode;
  SteadyTime begin_;
};

/// Names of ops, told apart where a profile needs it.
std::string_view name_of_call(const LinearArgs& args, int64_t vocab) {
  if (args.weight->n == vocab) {
    return kLmHead;
  }
  switch (args.weight->format) {
    case QuantFormat::kF32:
      return "linear f32";
    case QuantFormat::kF16:
      return "linear f16";
    case QuantFormat::kBF16:
      return "linear bf16";
    case QuantFormat::kFp8:
      return "linear fp8";
    case QuantFormat::kNvfp4:
      return "linear nvfp4";
  }
  return "linear";
}
std::string_view name_of_call(const ExpertLinearArgs& /*args*/, int64_t /*vocab*/) {
  return "expert_linear";
}
std::string_view name_of_call(const RouteArgs& /*args*/, int64_t /*vocab*/) {
  return "route";
}
std::string_view name_of_call(const SsmScanArgs& /*args*/, int64_t /*vocab*/) {
  return "ssm_scan";
}
std::string_view name_of_call(const AttentionArgs& /*args*/, int64_t /*vocab*/) {
  return "attention";
}
std::string_view name_of_call(const EmbedArgs& /*args*/, int64_t /*vocab*/) {
  return "embed";
}

MeteredStream& metered(Stream& stream) {
  return dynamic_cast<MeteredStream&>(stream);
}

/// An op with a cost.
template <typename Args, Kernel<Args> KernelTable::*kMember>
void run_costed(Stream& stream, const Args& args) {
  MeteredStream& own = metered(stream);
  own.launch([&own] { own.begin_op(); });
  (own.parts().kernels.*kMember)(own.inner(), args);
  own.launch([&own, args] { own.end_op(name_of_call(args, own.parts().vocab), step_cost(args)); });
}

/// An op on rows, whose bytes are in the caches.
template <const char* kName, typename Args, Kernel<Args> KernelTable::*kMember>
void run_timed(Stream& stream, const Args& args) {
  MeteredStream& own = metered(stream);
  own.launch([&own] { own.begin_op(); });
  (own.parts().kernels.*kMember)(own.inner(), args);
  own.launch([&own] { own.end_op(kName, {}); });
}

constexpr char kBeginStep[] = "begin_step";
constexpr char kAdvance[] = "advance";
constexpr char kRmsNorm[] = "rms_norm";
constexpr char kAddRmsNorm[] = "add_rms_norm";
constexpr char kGatedNorm[] = "gated_group_norm";
constexpr char kRelu2[] = "relu2";
constexpr char kGatherRows[] = "gather_rows";
constexpr char kConcat[] = "concat_columns";
constexpr char kConvert[] = "convert";
constexpr char kJoin[] = "join_columns";
constexpr char kCombine[] = "combine_experts";
constexpr char kConv[] = "causal_conv";
constexpr char kKvWrite[] = "kv_write";
constexpr char kHistory[] = "record_history";
constexpr char kSample[] = "sample";

/// The first op of a step, which tells the phase.
void begin_step(Stream& stream, const StepArgs& args) {
  MeteredStream& own = metered(stream);
  own.launch([&own, args] { own.begin_step(args.table); });
  run_timed<kBeginStep, StepArgs, &KernelTable::begin_step>(stream, args);
}

KernelTable metered_kernels(const KernelTable& inner) {
  KernelTable table = inner;
  table.linear = run_costed<LinearArgs, &KernelTable::linear>;
  table.expert_linear = run_costed<ExpertLinearArgs, &KernelTable::expert_linear>;
  table.route = run_costed<RouteArgs, &KernelTable::route>;
  table.ssm_scan = run_costed<SsmScanArgs, &KernelTable::ssm_scan>;
  table.attention = run_costed<AttentionArgs, &KernelTable::attention>;
  table.embed = run_costed<EmbedArgs, &KernelTable::embed>;
  table.begin_step = begin_step;
  table.advance = run_timed<kAdvance, StepArgs, &KernelTable::advance>;
  table.rms_norm = run_timed<kRmsNorm, RmsNormArgs, &KernelTable::rms_norm>;
  table.add_rms_norm = run_timed<kAddRmsNorm, AddRmsNormArgs, &KernelTable::add_rms_norm>;
  table.gated_group_norm =
      run_timed<kGatedNorm, GatedGroupNormArgs, &KernelTable::gated_group_norm>;
  table.relu2 = run_timed<kRelu2, Relu2Args, &KernelTable::relu2>;
  table.gather_rows = run_timed<kGatherRows, GatherRowsArgs, &KernelTable::gather_rows>;
  table.concat_columns = run_timed<kConcat, ConcatColumnsArgs, &KernelTable::concat_columns>;
  table.convert = run_timed<kConvert, ConvertArgs, &KernelTable::convert>;
  table.join_columns = run_timed<kJoin, JoinColumnsArgs, &KernelTable::join_columns>;
  table.combine_experts = run_timed<kCombine, CombineExpertsArgs, &KernelTable::combine_experts>;
  table.causal_conv = run_timed<kConv, CausalConvArgs, &KernelTable::causal_conv>;
  table.kv_write = run_timed<kKvWrite, KvWriteArgs, &KernelTable::kv_write>;
  table.record_history = run_timed<kHistory, HistoryArgs, &KernelTable::record_history>;
  table.sample = run_timed<kSample, SampleArgs, &KernelTable::sample>;
  return table;
}

}  // namespace

MeteredBackend::MeteredBackend(std::unique_ptr<Backend> inner, OpMeter& meter, int64_t vocab)
    : inner_(std::move(inner)),
      meter_(meter),
      vocab_(vocab),
      kernels_(metered_kernels(inner_->kernels())) {}

std::unique_ptr<Stream> MeteredBackend::open_stream(int streams) const {
  return std::make_unique<MeteredStream>(
      inner_->open_stream(streams),
      MeteredStream::Parts{.kernels = inner_->kernels(), .meter = meter_, .vocab = vocab_});
}

}  // namespace dak::bench
