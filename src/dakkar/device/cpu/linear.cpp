#include "dakkar/device/cpu/linear.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "dakkar/device/cpu/panel_product.h"

namespace dak::cpu {
namespace {

/// The rows of one block, which lie at `rows`, packed at `packed`.
struct RowBlock {
  std::span<const int64_t> rows;
  std::byte* packed = nullptr;
};

void multiply_block(WorkerTeam& team, const LinearArgs& args, const PanelKernels& kernels,
                    const RowBlock& block) {
  const PackedWeight& weight = *args.weight;
  const int64_t* rows = block.rows.data();
  RowGroups x({.form = kernels.form, .columns = weight.k, .rows = std::ssize(block.rows)},
              block.packed);
  team.run(x.count(), [&](int64_t group, Scratch& scratch) {
    x.fill(group, {.x = args.x, .rows = rows, .input_scale = weight.input_scale},
           scratch.take<float>(weight.k));
  });
  const PanelJob job{.weight = weight,
                     .kernels = kernels,
                     .x = x,
                     .output = {.out = args.out, .rows = rows, .accumulate = args.accumulate}};
  team.for_ranges({.total = (weight.n + kPanel - 1) / kPanel},
                  [&](WorkRange panels, Scratch& scratch) {
                    multiply_panels(job, panels, take_product_scratch(scratch, x.rows()));
                  });
}

}  // namespace

const PanelKernels& choose(const LinearKernels& kernels, const TensorView& x,
                           const PackedWeight& weight) {
  const bool held_by_bf16 = x.dtype == DType::kBF16 || weight.input_scale > 0.0F;
  return held_by_bf16 ? kernels.fast : kernels.exact;
}

template <const LinearKernels& kKernels>
void linear(WorkerTeam& team, const LinearArgs& args) {
  const int64_t rows = args.tokens.read();
  Scratch& shared = team.kernel_scratch();
  const std::span<int64_t> all = shared.take<int64_t>(rows);
  std::iota(all.begin(), all.end(), int64_t{0});
  if (args.weight->layout == kReferenceLayout) {
    return multiply_reference_rows(
        *args.weight, args.x, all,
        {.out = args.out, .rows = all.data(), .accumulate = args.accumulate});
  }
  const PanelKernels& kernels = choose(kKernels, args.x, *args.weight);
  std::byte* packed =
      shared
          .take<std::byte>(RowGroups::bytes_for(
              {.form = kernels.form, .columns = args.weight->k, .rows = std::min(rows, kRowBlock)}))
          .data();
  for (int64_t begin = 0; begin < rows; begin += kRowBlock) {
    const auto count = static_cast<size_t>(std::min(kRowBlock, rows - begin));
    multiply_block(team, args, kernels,
                   {.rows = all.subspan(static_cast<size_t>(begin), count), .packed = packed});
  }
}

template void linear<kLinearAvx2>(WorkerTeam& team, const LinearArgs& args);
template void linear<kLinearAvx512>(WorkerTeam& team, const LinearArgs& args);
template void linear<kLinearAvx512Bf16>(WorkerTeam& team, const LinearArgs& args);

}  // namespace dak::cpu
