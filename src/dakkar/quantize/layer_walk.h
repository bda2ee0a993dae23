#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/model/model.h"
#include "dakkar/quantize/input_peaks.h"

namespace dak {

/// What a walk goes through; all of it is borrowed.
struct LayerWalkArgs {
  const ModelConfig* config = nullptr;
  const QuantConfig* quant = nullptr;
  const WeightSet* weights = nullptr;
  const Backend* backend = nullptr;                              ///< of a host device
  const std::vector<std::vector<TokenId>>* sequences = nullptr;  ///< none empty, ids below V
};

/// Runs whole sequences through a model one layer at a time, so that only one layer's weights are
/// ever in memory. Between layers it keeps the hidden states of all tokens.
class LayerWalk final {
 public:
  /// Looks up the embeddings. Errors: a weight that cannot be read; ids outside the vocabulary.
  static Result<LayerWalk> open(const LayerWalkArgs& args);
  LayerWalk(LayerWalk&& other) noexcept;
  ~LayerWalk();

  /// Loads the next layer, puts all sequences through it and frees it.
  /// Returns what its linears and its KV cache were given.
  [[nodiscard]] Result<InputPeaks> step();

 private:
  struct Parts;
  explicit LayerWalk(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace dak
