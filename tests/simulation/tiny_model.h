#pragma once

#include <memory>
#include <string>

#include "dakkar/device/backend.h"
#include "dakkar/model/model.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/weight_set.h"

namespace dak {

/// Which kernels run a tiny model.
enum class TinyDevice { kReference, kCpu };

/// A committed tiny checkpoint and a device, opened; at one address, since loaded models look at
/// it.
class TinyModel final {
 public:
  /// Opens tests/data/checkpoints/`checkpoint`; aborts when that fails.
  TinyModel(const std::string& checkpoint, TinyDevice device);

  [[nodiscard]] ModelLoadArgs load_args(Numerics numerics, const RankGrid& grid) const;
  [[nodiscard]] const ModelConfig& config() const { return config_; }

 private:
  ModelConfig config_;
  QuantConfig quant_;
  WeightSet weights_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace dak
