#pragma once

#include "dakkar/device/device_count.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

struct Context;

/// Arguments of `ops::share_rows`.
struct ShareRowsArgs {
  DeviceCount tokens;  ///< T
  int64_t begin = 0;   ///< first row of the share
  int64_t rows = 0;    ///< most rows of the share
  TensorView count;    ///< i32 [1] rows of the share below T
};

/// Arguments of `ops::deal_choices`.
struct DealChoicesArgs {
  TensorView chosen;     ///< i32 [T, k]
  int64_t experts = 0;   ///< E, dealt in order over R ranks, the first E % R getting one more
  TensorView sent_rows;  ///< i32 [R] choices that go to each rank
  TensorView token;      ///< i32 [T*k] the token row of each choice, in sending order
  TensorView expert;     ///< i32 [T*k] its expert, as the receiving rank numbers them
  TensorView place;      ///< i32 [T*k] where choice t*k + j stands in that order
  TensorView count;      ///< i32 [1] choices sent
  DeviceCount tokens;
};

/// Arguments of `ops::count_arrivals`.
struct CountArrivalsArgs {
  TensorView sent_rows;  ///< i32 [R, R]: what rank r sends to rank d
  int64_t rank = 0;      ///< d
  TensorView rows;       ///< i32 [R] what d receives from each
  TensorView count;      ///< i32 [1] their sum
};

namespace ops {

/// Counts the rows `begin .. begin + rows - 1` that lie below T: a rank's share of a step.
void share_rows(Context& ctx, const ShareRowsArgs& args);

/// Orders the choices of all tokens by the rank that holds the expert, then by token and choice.
void deal_choices(Context& ctx, const DealChoicesArgs& args);

/// Reads from everyone's send counts what one rank receives.
void count_arrivals(Context& ctx, const CountArrivalsArgs& args);

}  // namespace ops
}  // namespace dak
