#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dakkar/model/layers/mixer.h"
#include "dakkar/model/parameter_reader.h"

namespace dak {

/// Bytes of one KV page of one attention layer: K and V of 128 tokens, or of one of `parts` equal
/// parts of them; a multiple of 256.
[[nodiscard]] int64_t attention_page_bytes(const ModelConfig& local, DType kv_dtype,
                                           int64_t parts = 1);

/// Where an attention layer finds itself.
struct AttentionLayerArgs {
  std::string prefix;  ///< "backbone.layers.7.mixer"
  DType activation = DType::kBF16;
  DType kv_dtype = DType::kBF16;
  int64_t page_offset = 0;  ///< bytes of the layer's part inside a page
};

/// Grouped-query attention without positions (spec/model.md 2.3).
///
/// Where ranks outnumber KV heads, those that share one keep other tokens of it and attend for all
/// of their query heads over those; the parts are joined by log-sum-exp (decision record 0008).
[[nodiscard]] std::unique_ptr<Mixer> make_attention(ParameterReader& reader,
                                                    const AttentionLayerArgs& args);

}  // namespace dak
