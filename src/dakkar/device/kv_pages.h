#pragma once

#include <algorithm>

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

  /// Tokens of a page that are stored here.
  [[nodiscard]] int64_t page_rows() const { return kChunkTokens / kv.parts; }
  /// Whether position `p` is stored here, and not in another part.
  [[nodiscard]] bool holds(int64_t p) const { return p % kChunkTokens / page_rows() == kv.part; }
  /// How many of the positions 0 .. p - 1 are stored here: p where there is one part.
  [[nodiscard]] int64_t stored_below(int64_t p) const {
    const int64_t rows = page_rows();
    return p / kChunkTokens * rows +
           std::clamp<int64_t>(p % kChunkTokens - kv.part * rows, 0, rows);
  }
  /// Address of the D values of KV head `head` of the i-th position stored here.
  [[nodiscard]] std::byte* stored(KvPart part, int64_t i, int64_t head) const {
    const int64_t rows = page_rows();
    check(i / rows < kv.max_pages, "a position lies beyond the sequence's pages");
    const int64_t page = kv.page_table[sequence * kv.max_pages + i / rows];
    const int64_t half = part == KvPart::kKeys ? 0 : rows * heads * head_dim;
    const int64_t element = half + (i % rows * heads + head) * head_dim;
    return kv.arena + page + kv.layer_offset + element * size_of(kv.dtype);
  }
  /// As `stored` for position `p`, which must be.
  [[nodiscard]] std::byte* at(KvPart part, int64_t p, int64_t head) const {
    return stored(part, stored_below(p), head);
  }
};

}  // namespace dak
