#include "dakkar/device/cpu/row_ops.h"

#include <algorithm>
#include <cstring>

#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

bool is_wide_or_bf16(const TensorView& view) {
  return view.dtype == DType::kF32 || view.dtype == DType::kBF16;
}

/// Row `row` of a view, from column `column` on.
Elements elements_of(const TensorView& view, int64_t row, int64_t column = 0) {
  return {.data = row_address(view, row) + column * size_of(view.dtype),
          .stored = view.dtype == DType::kBF16 ? Stored::kBF16 : Stored::kF32};
}

/// Elements below which sharing the work out costs more than it saves.
constexpr int64_t kWorthSharing = 32 * 1024;

/// Calls `work` for each of `rows` rows of `width` elements, on several threads if there is enough.
template <typename Work>
void for_rows(WorkerTeam& team, int64_t rows, int64_t width, const Work& work) {
  const int64_t grain = std::max<int64_t>(1, kWorthSharing / std::max<int64_t>(1, width));
  team.for_ranges({.total = rows, .grain = grain}, [&](WorkRange range, Scratch&) {
    for (int64_t row = range.begin; row < range.end; ++row) {
      work(row);
    }
  });
}

}  // namespace

bool is_vectorised(const EmbedArgs& args) {
  return is_wide_or_bf16(args.table) && is_wide_or_bf16(args.out);
}

bool is_vectorised(const RmsNormArgs& args) {
  return is_wide_or_bf16(args.x) && is_wide_or_bf16(args.out);
}

bool is_vectorised(const AddRmsNormArgs& args) {
  return is_wide_or_bf16(args.residual) && is_wide_or_bf16(args.delta) && is_wide_or_bf16(args.out);
}

bool is_vectorised(const GatedGroupNormArgs& args) {
  return is_wide_or_bf16(args.y) && is_wide_or_bf16(args.z) && is_wide_or_bf16(args.out) &&
         args.y.dim(1) / args.groups <= kMostGroupColumns;
}

bool is_vectorised(const Relu2Args& args) {
  return is_wide_or_bf16(args.x) && is_wide_or_bf16(args.out);
}

bool is_vectorised(const ConvertArgs& args) {
  return is_wide_or_bf16(args.x) && is_wide_or_bf16(args.out);
}

bool is_vectorised(const ConcatColumnsArgs& args) {
  return is_wide_or_bf16(args.left) && is_wide_or_bf16(args.right) && is_wide_or_bf16(args.out);
}

bool is_vectorised(const CombineExpertsArgs& args) {
  return is_wide_or_bf16(args.out);
}

template <const RowKernels& kKernels>
void embed(WorkerTeam& team, const EmbedArgs& args) {
  const auto* ids = args.ids.as<int32_t>();
  const int64_t width = args.out.dim(1);
  for_rows(team, args.tokens.read(), args.out.dim(1), [&](int64_t t) {
    const int64_t index = ids[t] - args.row_begin;
    const Elements out = elements_of(args.out, t);
    if (index >= 0 && index < args.table.dim(0)) {
      kKernels.copy({.x = elements_of(args.table, index), .out = out, .width = width});
    } else {
      std::memset(out.data, 0, static_cast<size_t>(width * size_of(args.out.dtype)));
    }
  });
}

template <const RowKernels& kKernels>
void rms_norm(WorkerTeam& team, const RmsNormArgs& args) {
  for_rows(team, args.tokens.read(), args.x.dim(1), [&](int64_t t) {
    kKernels.norm({.x = elements_of(args.x, t),
                   .other = {},
                   .weight = args.weight.as<float>(),
                   .eps = args.eps,
                   .out = elements_of(args.out, t),
                   .width = args.x.dim(1)});
  });
}

template <const RowKernels& kKernels>
void add_rms_norm(WorkerTeam& team, const AddRmsNormArgs& args) {
  for_rows(team, args.tokens.read(), args.out.dim(1), [&](int64_t t) {
    kKernels.add_norm({.x = elements_of(args.residual, t),
                       .other = elements_of(args.delta, t),
                       .weight = args.weight.as<float>(),
                       .eps = args.eps,
                       .out = elements_of(args.out, t),
                       .width = args.residual.dim(1)});
  });
}

template <const RowKernels& kKernels>
void gated_group_norm(WorkerTeam& team, const GatedGroupNormArgs& args) {
  const int64_t columns = args.y.dim(1) / args.groups;
  for_rows(team, args.tokens.read(), 2 * args.out.dim(1), [&](int64_t t) {
    for (int64_t begin = 0; begin < args.y.dim(1); begin += columns) {
      kKernels.gated_norm({.x = elements_of(args.y, t, begin),
                           .other = elements_of(args.z, t, begin),
                           .weight = args.weight.as<float>() + begin,
                           .eps = args.eps,
                           .out = elements_of(args.out, t, begin),
                           .width = columns});
    }
  });
}

template <const RowKernels& kKernels>
void relu2(WorkerTeam& team, const Relu2Args& args) {
  for_rows(team, args.tokens.read() * args.rows_per_token, args.x.dim(1), [&](int64_t r) {
    kKernels.relu2(
        {.x = elements_of(args.x, r), .out = elements_of(args.out, r), .width = args.x.dim(1)});
  });
}

template <const RowKernels& kKernels>
void convert(WorkerTeam& team, const ConvertArgs& args) {
  for_rows(team, args.tokens.read(), args.out.dim(1), [&](int64_t t) {
    kKernels.copy(
        {.x = elements_of(args.x, t), .out = elements_of(args.out, t), .width = args.x.dim(1)});
  });
}

template <const RowKernels& kKernels>
void concat_columns(WorkerTeam& team, const ConcatColumnsArgs& args) {
  const int64_t left = args.left.dim(1);
  for_rows(team, args.tokens.read(), args.out.dim(1), [&](int64_t t) {
    kKernels.copy({.x = elements_of(args.left, t), .out = elements_of(args.out, t), .width = left});
    kKernels.copy({.x = elements_of(args.right, t),
                   .out = elements_of(args.out, t, left),
                   .width = args.right.dim(1)});
  });
}

template <const RowKernels& kKernels>
void combine_experts(WorkerTeam& team, const CombineExpertsArgs& args) {
  const int64_t k = args.weights.dim(1);
  for_rows(team, args.tokens.read(), args.weights.dim(1) * args.out.dim(1), [&](int64_t t) {
    kKernels.combine({.x = args.x.as<float>() + t * k * args.x.stride(0),
                      .stride = args.x.stride(0),
                      .count = k,
                      .weights = args.weights.as<float>() + t * args.weights.stride(0),
                      .out = elements_of(args.out, t),
                      .width = args.out.dim(1)});
  });
}

template void embed<kRowsAvx2>(WorkerTeam& team, const EmbedArgs& args);
template void embed<kRowsAvx512>(WorkerTeam& team, const EmbedArgs& args);
template void rms_norm<kRowsAvx2>(WorkerTeam& team, const RmsNormArgs& args);
template void rms_norm<kRowsAvx512>(WorkerTeam& team, const RmsNormArgs& args);
template void add_rms_norm<kRowsAvx2>(WorkerTeam& team, const AddRmsNormArgs& args);
template void add_rms_norm<kRowsAvx512>(WorkerTeam& team, const AddRmsNormArgs& args);
template void gated_group_norm<kRowsAvx2>(WorkerTeam& team, const GatedGroupNormArgs& args);
template void gated_group_norm<kRowsAvx512>(WorkerTeam& team, const GatedGroupNormArgs& args);
template void relu2<kRowsAvx2>(WorkerTeam& team, const Relu2Args& args);
template void relu2<kRowsAvx512>(WorkerTeam& team, const Relu2Args& args);
template void convert<kRowsAvx2>(WorkerTeam& team, const ConvertArgs& args);
template void convert<kRowsAvx512>(WorkerTeam& team, const ConvertArgs& args);
template void concat_columns<kRowsAvx2>(WorkerTeam& team, const ConcatColumnsArgs& args);
template void concat_columns<kRowsAvx512>(WorkerTeam& team, const ConcatColumnsArgs& args);
template void combine_experts<kRowsAvx2>(WorkerTeam& team, const CombineExpertsArgs& args);
template void combine_experts<kRowsAvx512>(WorkerTeam& team, const CombineExpertsArgs& args);

}  // namespace dak::cpu
