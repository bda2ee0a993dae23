#pragma once

#include <cstdint>

namespace dak {

/// What a rank must keep per token and per sequence, in bytes whose meaning only the model knows.
struct CacheSpec {
  int64_t page_tokens = 128;  ///< tokens of a KV page
  int64_t page_bytes =
      0;  ///< one page, all attention layers (MTP's too), a multiple of 256; may be 0
  int64_t state_layers = 0;       ///< blocks of a state slot, one per Mamba layer
  int64_t state_layer_bytes = 0;  ///< one block, a multiple of 256
  int64_t carry_layer_bytes = 0;  ///< one block of a carry, which has as many: what a sequence that
                                  ///< prefills in several steps needs beside its slot; may be 0
  int64_t vocab = 0;              ///< V; penalties keep 4 V bytes per slot outside the arena

  /// Whether prefilling in several steps takes a carry.
  [[nodiscard]] bool has_carry() const { return carry_layer_bytes > 0; }
  /// Bytes of one whole carry.
  [[nodiscard]] int64_t carry_bytes() const { return state_layers * carry_layer_bytes; }
  /// Bytes of one whole state slot.
  [[nodiscard]] int64_t state_bytes() const { return state_layers * state_layer_bytes; }
};

}  // namespace dak
