#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/device/backend.h"
#include "dakkar/quantize/recipe.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/weight_set.h"

namespace dak {

/// What is quantized, by what measure, and where it goes.
struct QuantizeArgs {
  std::filesystem::path source;  ///< folder of the original: configs, tokenizer, template
  std::filesystem::path out;     ///< must not exist, or be empty
  const ModelConfig& config;
  const QuantConfig& quant;  ///< the original's: it must announce nothing
  const WeightSet& weights;
  const Backend& backend;                         ///< of a host device; runs the calibration
  std::vector<std::vector<TokenId>> calibration;  ///< sequences, none empty
  int64_t max_file_bytes = 0;
  std::string version{};    ///< of this program, for the configs
  LoadProgress progress{};  ///< bytes of the original; a layer counts twice, run and rewritten
};

/// What became of the tensors of one class.
struct ClassTotal {
  std::string format;  ///< "nvfp4", or "bf16" for what was left; "mixed" for several
  int64_t tensors = 0;
  int64_t bytes_before = 0;
  int64_t bytes_after = 0;
  double squared_error = 0.0;    ///< of the weights
  double squared_weights = 0.0;  ///< of quantized weights only

  /// sqrt of the sum of squared errors over that of squared weights; 0 where nothing was quantized.
  [[nodiscard]] double relative_error() const;
};

struct QuantizeReport {
  std::array<ClassTotal, kRecipe.size()> classes;  ///< by `TensorClass`
  int64_t calibration_tokens = 0;
  int64_t experts = 0;              ///< routed experts of all layers
  int64_t unreached_experts = 0;    ///< no calibration token chose them
  int64_t largest_layer_bytes = 0;  ///< of the original
  int64_t files = 0;
};

/// Writes a quantized copy of a checkpoint by `kRecipe`, in ModelOpt's layout, layer by layer: the
/// calibration sequences go through a layer, which gives the scales of its inputs, keys and values;
/// then its tensors are quantized and written one by one. In memory are one layer's weights and
/// the hidden states. An expert that no token reaches gets the largest input of its layer's.
///
/// Errors: an original that is quantized already; a weight or an input that is not finite; an
/// `out` that has something in it; a full disk. Nothing is left in `out` then.
[[nodiscard]] Result<QuantizeReport> quantize(const QuantizeArgs& args);

}  // namespace dak
