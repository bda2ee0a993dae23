#pragma once

#include "dakkar/device/sequence_table.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// Whether keys or values of a page are meant.
enum class KvPart { kKeys, kValues };

/// The pages of one sequence.
struct KvSequence {
  const PagedKv& kv;
  int64_t sequence = 0;  ///< row of the page table
  int64_t heads = 0;     ///< Hkv
  int64_t head_dim = 0;  ///< D

  /// Address of the D stored values of position `p`, KV head `head`.
  [[nodiscard]] std::byte* at(KvPart part, int64_t p, int64_t head) const {
    check(p / kChunkTokens < kv.max_pages, "a position lies beyond the sequence's pages");
    const int64_t page = kv.page_table[sequence * kv.max_pages + p / kChunkTokens];
    const int64_t half = part == KvPart::kKeys ? 0 : kChunkTokens * heads * head_dim;
    const int64_t element = half + (p % kChunkTokens * heads + head) * head_dim;
    return kv.arena + page + kv.layer_offset + element * size_of(kv.dtype);
  }
};

}  // namespace dak
