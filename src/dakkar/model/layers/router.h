#pragma once

#include <string>

#include "dakkar/device/context.h"
#include "dakkar/model/parameter_reader.h"

namespace dak {

/// Chooses experts for tokens (spec/model.md 2.5 steps 1 to 3).
class Router final {
 public:
  /// Reads `prefix`.gate and its bias.
  Router(ParameterReader& reader, const std::string& prefix);

  struct Choices {
    TensorView chosen;   ///< i32 [T, k]
    TensorView weights;  ///< f32 [T, k]
  };
  /// For rows `x` [T, H]; weights are multiplied by `share`. Taken from the workspace.
  struct Rows {
    TensorView x;
    DeviceCount tokens;
    float share = 1.0F;
  };
  [[nodiscard]] Choices route(Context& ctx, const Rows& rows) const;

 private:
  MoeConfig config_;
  TensorView gate_;
  TensorView bias_;
};

}  // namespace dak
