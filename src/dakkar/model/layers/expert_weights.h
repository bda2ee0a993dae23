#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dakkar/model/layers/mlp.h"
#include "dakkar/model/parameter_reader.h"

namespace dak {

/// The matrices of a mixture of experts that a rank holds: of each expert a slice, or whole experts
/// where the grid deals them (spec/model.md 2.5).
struct ExpertWeights {
  /// Reads everything below `prefix` but the router.
  ExpertWeights(ParameterReader& reader, const std::string& prefix, DType activation_type);

  /// Rows [T, Z] and the experts chosen for each, i32 [T, k], numbered as they are held.
  struct Rows {
    TensorView x;
    TensorView chosen;
    DeviceCount tokens;
  };
  /// The chosen experts' outputs, each on its own: `out`, f32 [T * k, Z].
  void run(Context& ctx, const Rows& rows, const TensorView& out) const;

  DType activation = DType::kBF16;
  int64_t width = 0;                ///< Z: the latent width, or H without one
  int64_t inner = 0;                ///< of an expert, as far as the rank holds it
  std::optional<PackedWeight> fc1;  ///< with a latent width
  std::optional<PackedWeight> fc2;
  std::vector<PackedWeight> up;
  std::vector<PackedWeight> down;
  std::optional<Mlp> shared;
};

}  // namespace dak
