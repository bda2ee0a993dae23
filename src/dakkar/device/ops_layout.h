#pragma once

#include "dakkar/device/device_count.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

struct Context;

/// Arguments of `ops::convert`.
struct ConvertArgs {
  TensorView x;    ///< [T, d]
  TensorView out;  ///< [T, d], another dtype
  DeviceCount tokens;
};

/// Arguments of `ops::join_columns`.
struct JoinColumnsArgs {
  TensorView parts;   ///< [R, S, W] as an all-gather leaves them
  TensorView out;     ///< [S, V], same dtype; W = V / R rounded up
  DeviceCount count;  ///< S
};

namespace ops {

/// Rounds each value to out's dtype.
void convert(Context& ctx, const ConvertArgs& args);

/// Puts the parts side by side: part r holds V / R columns, one more for the first V % R parts;
/// what lies beyond a part's columns is not read.
void join_columns(Context& ctx, const JoinColumnsArgs& args);

}  // namespace ops
}  // namespace dak
