#pragma once

#include "dakkar/device/device_count.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

struct Context;

/// Arguments of `ops::embed`.
struct EmbedArgs {
  TensorView ids;         ///< i32 [T]
  TensorView table;       ///< [rows, H], any float dtype
  int64_t row_begin = 0;  ///< vocabulary id of the table's first row
  TensorView out;         ///< [T, H]
  DeviceCount tokens;
};

/// Arguments of `ops::rms_norm`.
struct RmsNormArgs {
  TensorView x;       ///< [T, H]
  TensorView weight;  ///< f32 [H]
  float eps = 1e-5F;
  TensorView out;  ///< [T, H], may alias x
  DeviceCount tokens;
};

/// Arguments of `ops::add_rms_norm`.
struct AddRmsNormArgs {
  TensorView residual;  ///< [T, H], read and written
  TensorView delta;     ///< [T, H]
  TensorView weight;    ///< f32 [H]
  float eps = 1e-5F;
  TensorView out;  ///< [T, H]
  DeviceCount tokens;
};

/// Arguments of `ops::gated_group_norm`.
struct GatedGroupNormArgs {
  TensorView y;       ///< [T, d]
  TensorView z;       ///< [T, d], rows may be strided
  TensorView weight;  ///< f32 [d]
  int64_t groups = 1;
  float eps = 1e-5F;
  TensorView out;  ///< [T, d], may alias y
  DeviceCount tokens;
};

/// Arguments of `ops::relu2`.
struct Relu2Args {
  TensorView x;    ///< [rows, d]
  TensorView out;  ///< [rows, d], may alias x
  DeviceCount tokens;
  int64_t rows_per_token = 1;  ///< rows = tokens * rows_per_token
};

/// Arguments of `ops::gather_rows`.
struct GatherRowsArgs {
  TensorView x;     ///< [T, H]
  TensorView rows;  ///< i32 [S], each in 0..T-1
  TensorView out;   ///< [S, H], same dtype as x
  DeviceCount count;
};

/// Arguments of `ops::concat_columns`.
struct ConcatColumnsArgs {
  TensorView left;   ///< [T, A]
  TensorView right;  ///< [T, B]
  TensorView out;    ///< [T, A + B]
  DeviceCount tokens;
};

namespace ops {

/// Looks up each token's row; ids outside the table's rows give zeros (another rank has them).
void embed(Context& ctx, const EmbedArgs& args);

/// Scales each row of `x` to unit root-mean-square, then multiplies by `weight`.
/// Sums and products in f32, rounded once to `out`. Source: spec/model.md 2.1.
void rms_norm(Context& ctx, const RmsNormArgs& args);

/// Adds `delta` to `residual` in f32, rounds the sum into `residual`, and normalises the rounded
/// sum.
void add_rms_norm(Context& ctx, const AddRmsNormArgs& args);

/// r = y * silu(z); each of `groups` equal column groups of r is scaled to unit root-mean-square;
/// times `weight`. f32 throughout, rounded once. Source: spec/model.md 2.2 step 6.
void gated_group_norm(Context& ctx, const GatedGroupNormArgs& args);

/// out = max(x, 0)^2, computed in f32.
void relu2(Context& ctx, const Relu2Args& args);

/// Copies the named rows.
void gather_rows(Context& ctx, const GatherRowsArgs& args);

/// Writes each row of `left` followed by that of `right`, converted to out's dtype.
void concat_columns(Context& ctx, const ConcatColumnsArgs& args);

}  // namespace ops
}  // namespace dak
