#include "dakkar/device/cpu/open_cpu.h"

#include <cpuid.h>

#include "dakkar/device/cpu/attention.h"
#include "dakkar/device/cpu/linear.h"
#include "dakkar/device/cpu/pack_panels.h"
#include "dakkar/device/cpu/row_ops.h"
#include "dakkar/device/cpu/sample.h"
#include "dakkar/device/cpu/ssm_scan.h"
#include "dakkar/device/cpu/vector_kernel.h"
#include "dakkar/device/host_kernel.h"
#include "dakkar/device/host_memory.h"
#include "dakkar/device/host_stream.h"
#include "dakkar/device/usable_cores.h"

namespace dak {
namespace cpu {
namespace {

template <const LinearKernels& kLinear, const ScanKernels& kScan, const KeyBlockKernels& kKeyBlocks,
          const RowKernels& kRows, const ScoreKernels& kScores>
KernelTable kernels_with() {
  KernelTable table = reference_kernels();
  table.embed = vector_kernel<EmbedArgs, embed<kRows>, &KernelTable::embed>;
  table.rms_norm = vector_kernel<RmsNormArgs, rms_norm<kRows>, &KernelTable::rms_norm>;
  table.add_rms_norm =
      vector_kernel<AddRmsNormArgs, add_rms_norm<kRows>, &KernelTable::add_rms_norm>;
  table.gated_group_norm =
      vector_kernel<GatedGroupNormArgs, gated_group_norm<kRows>, &KernelTable::gated_group_norm>;
  table.relu2 = vector_kernel<Relu2Args, relu2<kRows>, &KernelTable::relu2>;
  table.convert = vector_kernel<ConvertArgs, convert<kRows>, &KernelTable::convert>;
  table.concat_columns =
      vector_kernel<ConcatColumnsArgs, concat_columns<kRows>, &KernelTable::concat_columns>;
  table.combine_experts =
      vector_kernel<CombineExpertsArgs, combine_experts<kRows>, &KernelTable::combine_experts>;
  table.causal_conv = vector_kernel<CausalConvArgs, causal_conv<kRows>, &KernelTable::causal_conv>;
  table.sample = team_kernel<SampleArgs, sample<kScores>>;
  table.route = vector_kernel<RouteArgs, route<kRows>, &KernelTable::route>;
  table.linear = team_kernel<LinearArgs, linear<kLinear>>;
  table.expert_linear = team_kernel<ExpertLinearArgs, expert_linear<kLinear>>;
  table.ssm_scan = vector_kernel<SsmScanArgs, ssm_scan<kScan>, &KernelTable::ssm_scan>;
  table.attention = team_kernel<AttentionArgs, attention<kKeyBlocks>>;
  return table;
}

/// Compilers disagree on whether their own test knows this name.
bool has_f16c() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

const KernelTable& kernels_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx2:
      return kernels_avx2();
    case InstructionSet::kAvx512:
      return kernels_avx512();
    case InstructionSet::kAvx512Bf16:
      return kernels_avx512_bf16();
  }
  return kernels_avx2();
}

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(InstructionSet set) : set_(set), kernels_(kernels_of(set)) {}

  [[nodiscard]] std::string_view name() const override { return "cpu"; }
  [[nodiscard]] std::string description() const override {
    return describe_processor() + ", " + std::string(name_of(set_));
  }
  [[nodiscard]] const KernelTable& kernels() const override { return kernels_; }
  [[nodiscard]] int64_t memory_limit_bytes(int ranks) const override {
    return host_memory_limit_bytes() / ranks;
  }
  [[nodiscard]] Result<DeviceMemory> allocate(int64_t bytes) const override {
    return allocate_host_memory(bytes);
  }
  [[nodiscard]] std::unique_ptr<Stream> open_stream(int streams) const override {
    return make_host_stream(threads_per_stream(streams));
  }
  [[nodiscard]] Result<PackedWeight> pack(const QuantView& weight,
                                          Numerics numerics) const override {
    return pack_panels(weight, numerics, pages_);
  }

 private:
  InstructionSet set_;
  const KernelTable& kernels_;
  mutable PagePool pages_;  ///< of packed weights
};

}  // namespace

const KernelTable& kernels_avx2() {
  static const KernelTable kTable =
      kernels_with<kLinearAvx2, kScanAvx2, kKeyBlocksAvx2, kRowsAvx2, kScoresAvx2>();
  return kTable;
}

const KernelTable& kernels_avx512() {
  static const KernelTable kTable =
      kernels_with<kLinearAvx512, kScanAvx512, kKeyBlocksAvx512, kRowsAvx512, kScoresAvx512>();
  return kTable;
}

const KernelTable& kernels_avx512_bf16() {
  static const KernelTable kTable = [] {
    KernelTable table = kernels_avx512();
    table.attention = team_kernel<AttentionArgs, attention_by_dots>;
    table.linear = team_kernel<LinearArgs, linear<kLinearAvx512Bf16>>;
    table.expert_linear = team_kernel<ExpertLinearArgs, expert_linear<kLinearAvx512Bf16>>;
    return table;
  }();
  return kTable;
}

std::string_view name_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kAvx512Bf16:
      return "avx512_bf16";
  }
  return "?";
}

bool supports(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case InstructionSet::kAvx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    case InstructionSet::kAvx512Bf16:
      return supports(InstructionSet::kAvx512) && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vbmi");
  }
  return false;
}

std::unique_ptr<Backend> open_with(InstructionSet set) {
  check(supports(set), "kernels are opened for instructions that the processor has");
  return std::make_unique<CpuBackend>(set);
}

}  // namespace cpu

Result<std::unique_ptr<Backend>> open_cpu() {
  if (!cpu::supports(cpu::InstructionSet::kAvx2)) {
    return fail(ErrorCode::kUnimplemented,
                "this processor lacks AVX2, FMA or F16C, which the cpu device needs");
  }
  for (const cpu::InstructionSet set :
       {cpu::InstructionSet::kAvx512Bf16, cpu::InstructionSet::kAvx512}) {
    if (cpu::supports(set)) {
      return cpu::open_with(set);
    }
  }
  return cpu::open_with(cpu::InstructionSet::kAvx2);
}

}  // namespace dak
