#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "dakkar/tensor/buffer.h"
#include "dakkar/weights/stored_tensor.h"

namespace dak {

/// How a made-up tensor is filled.
struct DummyRecipe {
  enum class Kind : uint8_t {
    kNormal,       ///< values of N(0, amount^2), in f32, f16 or bf16
    kConstant,     ///< `amount` everywhere
    kALog,         ///< log of 1 to 16, evenly
    kDtBias,       ///< so that softplus gives 0.001 to 0.1, evenly in the logarithm
    kFp8Values,    ///< e4m3 of N(0, kFp8Spread^2)
    kNvfp4Values,  ///< pairs of e2m1 of N(0, kNvfp4Spread^2)
    kBlockScales,  ///< e4m3 around kBlockScaleMean
  };
  Kind kind = Kind::kConstant;
  double amount = 0.0;
};

inline constexpr double kFp8Spread = 64.0;
inline constexpr double kNvfp4Spread = 2.0;
inline constexpr double kBlockScaleMean = 80.0;

/// The tensors of a model that has no files, and how each is made.
struct DummyPlan {
  StoredTensors tensors;
  ByName<DummyRecipe> recipes;
};

/// Lays out every tensor of `config` in the formats that `quant` announces, with the scales that
/// keep a linear's output of order one for inputs of order one.
[[nodiscard]] DummyPlan plan_dummy(const ModelConfig& config, const QuantConfig& quant);

/// Fills made-up tensors. A value depends on the seed, the tensor's name and its place only.
class DummyMaker final {
 public:
  explicit DummyMaker(uint64_t seed);

  /// Makes one tensor, at about 1 GB/s a core, in `buffer` if that is of its size.
  [[nodiscard]] Buffer make(std::string_view name, const StoredTensor& tensor,
                            const DummyRecipe& recipe, Buffer buffer = Buffer()) const;

 private:
  static constexpr size_t kTableSize = 4096;
  std::array<float, kTableSize> quantiles_;  ///< of the standard normal distribution
  uint64_t seed_;
};

}  // namespace dak
