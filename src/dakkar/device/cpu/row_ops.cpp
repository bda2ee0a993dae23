#include "dakkar/device/cpu/row_ops.h"

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
void embed(const EmbedArgs& args) {
  const auto* ids = args.ids.as<int32_t>();
  const int64_t width = args.out.dim(1);
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    const int64_t index = ids[t] - args.row_begin;
    const Elements out = elements_of(args.out, t);
    if (index >= 0 && index < args.table.dim(0)) {
      kKernels.copy({.x = elements_of(args.table, index), .out = out, .width = width});
    } else {
      std::memset(out.data, 0, static_cast<size_t>(width * size_of(args.out.dtype)));
    }
  }
}

template <const RowKernels& kKernels>
void rms_norm(const RmsNormArgs& args) {
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    kKernels.norm({.x = elements_of(args.x, t),
                   .other = {},
                   .weight = args.weight.as<float>(),
                   .eps = args.eps,
                   .out = elements_of(args.out, t),
                   .width = args.x.dim(1)});
  }
}

template <const RowKernels& kKernels>
void add_rms_norm(const AddRmsNormArgs& args) {
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    kKernels.add_norm({.x = elements_of(args.residual, t),
                       .other = elements_of(args.delta, t),
                       .weight = args.weight.as<float>(),
                       .eps = args.eps,
                       .out = elements_of(args.out, t),
                       .width = args.residual.dim(1)});
  }
}

template <const RowKernels& kKernels>
void gated_group_norm(const GatedGroupNormArgs& args) {
  const int64_t columns = args.y.dim(1) / args.groups;
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    for (int64_t begin = 0; begin < args.y.dim(1); begin += columns) {
      kKernels.gated_norm({.x = elements_of(args.y, t, begin),
                           .other = elements_of(args.z, t, begin),
                           .weight = args.weight.as<float>() + begin,
                           .eps = args.eps,
                           .out = elements_of(args.out, t, begin),
                           .width = columns});
    }
  }
}

template <const RowKernels& kKernels>
void relu2(const Relu2Args& args) {
  for (int64_t r = 0; r < args.tokens.read() * args.rows_per_token; ++r) {
    kKernels.relu2(
        {.x = elements_of(args.x, r), .out = elements_of(args.out, r), .width = args.x.dim(1)});
  }
}

template <const RowKernels& kKernels>
void convert(const ConvertArgs& args) {
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    kKernels.copy(
        {.x = elements_of(args.x, t), .out = elements_of(args.out, t), .width = args.x.dim(1)});
  }
}

template <const RowKernels& kKernels>
void concat_columns(const ConcatColumnsArgs& args) {
  const int64_t left = args.left.dim(1);
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    kKernels.copy({.x = elements_of(args.left, t), .out = elements_of(args.out, t), .width = left});
    kKernels.copy({.x = elements_of(args.right, t),
                   .out = elements_of(args.out, t, left),
                   .width = args.right.dim(1)});
  }
}

template <const RowKernels& kKernels>
void combine_experts(const CombineExpertsArgs& args) {
  const int64_t k = args.weights.dim(1);
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    kKernels.combine({.x = args.x.as<float>() + t * k * args.x.stride(0),
                      .stride = args.x.stride(0),
                      .count = k,
                      .weights = args.weights.as<float>() + t * args.weights.stride(0),
                      .out = elements_of(args.out, t),
                      .width = args.out.dim(1)});
  }
}

template void embed<kRowsAvx2>(const EmbedArgs& args);
template void embed<kRowsAvx512>(const EmbedArgs& args);
template void rms_norm<kRowsAvx2>(const RmsNormArgs& args);
template void rms_norm<kRowsAvx512>(const RmsNormArgs& args);
template void add_rms_norm<kRowsAvx2>(const AddRmsNormArgs& args);
template void add_rms_norm<kRowsAvx512>(const AddRmsNormArgs& args);
template void gated_group_norm<kRowsAvx2>(const GatedGroupNormArgs& args);
template void gated_group_norm<kRowsAvx512>(const GatedGroupNormArgs& args);
template void relu2<kRowsAvx2>(const Relu2Args& args);
template void relu2<kRowsAvx512>(const Relu2Args& args);
template void convert<kRowsAvx2>(const ConvertArgs& args);
template void convert<kRowsAvx512>(const ConvertArgs& args);
template void concat_columns<kRowsAvx2>(const ConcatColumnsArgs& args);
template void concat_columns<kRowsAvx512>(const ConcatColumnsArgs& args);
template void combine_experts<kRowsAvx2>(const CombineExpertsArgs& args);
template void combine_experts<kRowsAvx512>(const CombineExpertsArgs& args);

}  // namespace dak::cpu
