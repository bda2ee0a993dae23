#include <algorithm>
#include <span>

#include "dakkar/device/cpu/linear.h"
#include "dakkar/device/cpu/panel_product.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

/// Output rows (token * k + choice) by the expert that serves them: those of expert e are
/// rows[begin[e]] to rows[begin[e + 1] - 1], in order.
struct Grouping {
  std::span<int64_t> begin;
  std::span<int64_t> rows;

  [[nodiscard]] std::span<const int64_t> of(size_t expert) const {
    const auto first = static_cast<size_t>(begin[expert]);
    return rows.subspan(first, static_cast<size_t>(begin[expert + 1]) - first);
  }
};

Grouping group_by_expert(const ExpertLinearArgs& args, Scratch& scratch) {
  const auto* chosen = args.chosen.as<int32_t>();
  const int64_t k = args.chosen.dim(1);
  const int64_t rows = args.tokens.read() * k;
  const auto experts = std::ssize(args.experts);
  const Grouping grouping{.begin = scratch.take<int64_t>(experts + 1),
                          .rows = scratch.take<int64_t>(rows)};
  const std::span<int64_t> next = scratch.take<int64_t>(experts);
  std::fill(grouping.begin.begin(), grouping.begin.end(), int64_t{0});
  const auto expert_of = [&](int64_t row) {
    const int64_t expert = chosen[row / k * args.chosen.stride(0) + row % k];
    check(expert >= 0 && expert < experts, "expert_linear: a chosen expert is out of range");
    return static_cast<size_t>(expert);
  };
  for (int64_t row = 0; row < rows; ++row) {
    ++grouping.begin[expert_of(row) + 1];
  }
  for (size_t e = 0; e < next.size(); ++e) {
    next[e] = grouping.begin[e];
    grouping.begin[e + 1] += grouping.begin[e];
  }
  for (int64_t row = 0; row < rows; ++row) {
    grouping.rows[static_cast<size_t>(next[expert_of(row)]++)] = row;
  }
  return grouping;
}

/// Row of x that an output row reads.
int64_t input_row(const ExpertLinearArgs& args, int64_t row) {
  return args.input == ExpertInput::kPerToken ? row / args.chosen.dim(1) : row;
}

/// An expert that is empty, or whose weight is in the reference's layout.
void run_apart(const ExpertLinearArgs& args, const PackedWeight& weight,
               std::span<const int64_t> rows, Scratch& scratch) {
  if (weight.n == 0 || weight.k == 0) {
    const std::span<float> zeros = scratch.take<float>(args.out.dim(1));
    std::fill(zeros.begin(), zeros.end(), 0.0F);
    for (const int64_t row : rows) {
      store_row(zeros, args.out, row);
    }
    return;
  }
  const std::span<int64_t> inputs = scratch.take<int64_t>(std::ssize(rows));
  std::transform(rows.begin(), rows.end(), inputs.begin(),
                 [&](int64_t row) { return input_row(args, row); });
  multiply_reference_rows(weight, args.x, inputs, {.out = args.out, .rows = rows.data()});
}

/// The experts that have rows and whose weights are in panels, as one line of panels.
struct ExpertLine {
  const ExpertLinearArgs& args;
  const LinearKernels& kernels;
  const Grouping& grouping;
  std::span<const size_t> experts;
  int64_t panels = 0;      ///< of each expert
  int64_t block_rows = 0;  ///< most rows multiplied at a time
};

/// A thread's memory for one block of rows of any expert.
struct ExpertScratch {
  ProductScratch product;
  std::span<int64_t> inputs;
  std::span<std::byte> packed;
  std::span<float> row;
};

ExpertScratch take_expert_scratch(const ExpertLine& line, Scratch& scratch) {
  const int64_t columns = line.args.x.dim(1);
  return {.product = take_product_scratch(scratch, line.block_rows),
          .inputs = scratch.take<int64_t>(line.block_rows),
          .packed = scratch.take<std::byte>(RowGroups::bytes_for(
              {.form = InputForm::kF32Columns, .columns = columns, .rows = line.block_rows})),
          .row = scratch.take<float>(columns)};
}

/// Some panels of one expert, all of its rows.
void run_expert(const ExpertLine& line, size_t expert, WorkRange panels,
                const ExpertScratch& scratch) {
  const ExpertLinearArgs& args = line.args;
  const PackedWeight& weight = args.experts[expert];
  const PanelKernels& kernels = choose(line.kernels, args.x, weight);
  const std::span<const int64_t> rows = line.grouping.of(expert);
  for (int64_t begin = 0; begin < std::ssize(rows); begin += kRowBlock) {
    const int64_t count = std::min(kRowBlock, std::ssize(rows) - begin);
    const auto block = rows.subspan(static_cast<size_t>(begin), static_cast<size_t>(count));
    std::transform(block.begin(), block.end(), scratch.inputs.begin(),
                   [&](int64_t row) { return input_row(args, row); });
    RowGroups x({.form = kernels.form, .columns = weight.k, .rows = count}, scratch.packed.data());
    const RowGroups::Source source{
        .x = args.x, .rows = scratch.inputs.data(), .input_scale = weight.input_scale};
    for (int64_t group = 0; group < x.count(); ++group) {
      x.fill(group, source, scratch.row);
    }
    multiply_panels({.weight = weight,
                     .kernels = kernels,
                     .x = x,
                     .output = {.out = args.out, .rows = block.data()}},
                    panels, scratch.product);
  }
}

/// Some panels of the line, which may begin and end inside an expert.
void run_line(const ExpertLine& line, WorkRange panels, Scratch& scratch) {
  const ExpertScratch mine = take_expert_scratch(line, scratch);
  for (int64_t at = panels.begin; at < panels.end;) {
    const int64_t index = at / line.panels;
    const int64_t end = std::min(panels.end, (index + 1) * line.panels);
    run_expert(line, line.experts[static_cast<size_t>(index)],
               {.begin = at - index * line.panels, .end = end - index * line.panels}, mine);
    at = end;
  }
}

}  // namespace

template <const LinearKernels& kKernels>
void expert_linear(WorkerTeam& team, const ExpertLinearArgs& args) {
  Scratch& shared = team.kernel_scratch();
  const Grouping grouping = group_by_expert(args, shared);
  const std::span<size_t> experts = shared.take<size_t>(std::ssize(args.experts));
  size_t active = 0;
  int64_t most_rows = 0;
  for (size_t e = 0; e < args.experts.size(); ++e) {
    const std::span<const int64_t> rows = grouping.of(e);
    if (!rows.empty() && args.experts[e].layout == kReferenceLayout) {
      run_apart(args, args.experts[e], rows, shared);
    } else if (!rows.empty()) {
      experts[active++] = e;
      most_rows = std::max(most_rows, std::ssize(rows));
    }
  }
  const ExpertLine line{.args = args,
                        .kernels = kKernels,
                        .grouping = grouping,
                        .experts = experts.first(active),
                        .panels = (args.out.dim(1) + kPanel - 1) / kPanel,
                        .block_rows = std::min(most_rows, kRowBlock)};
  // Each range lays out the rows of its experts anew: with more of them that is work.
  const int64_t grain = most_rows > kRowGroup ? (line.panels + 3) / 4 : 1;
  team.for_ranges({.total = line.panels * static_cast<int64_t>(active), .grain = grain},
                  [&](WorkRange panels, Scratch& scratch) { run_line(line, panels, scratch); });
}

template void expert_linear<kLinearAvx2>(WorkerTeam& team, const ExpertLinearArgs& args);
template void expert_linear<kLinearAvx512>(WorkerTeam& team, const ExpertLinearArgs& args);
template void expert_linear<kLinearAvx512Bf16>(WorkerTeam& team, const ExpertLinearArgs& args);

}  // namespace dak::cpu
