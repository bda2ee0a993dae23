#include "dakkar/device/cpu/attention_tiles.h"

#include <algorithm>

namespace dak::cpu {

std::span<const AttentionTile> tiles_of(const AttentionArgs& args, int64_t most, Scratch& scratch) {
  const SequenceTable& table = args.table;
  const int64_t sequences = table.sequences.read();
  int64_t count = 0;
  for (int64_t b = 0; b < sequences; ++b) {
    count += (table.query_start[b + 1] - table.query_start[b] + most - 1) / most;
  }
  const std::span<AttentionTile> tiles = scratch.take<AttentionTile>(count);
  auto tile = tiles.begin();
  for (int64_t b = 0; b < sequences; ++b) {
    const int64_t tokens = table.query_start[b + 1] - table.query_start[b];
    for (int64_t t = 0; t < tokens; t += most) {
      *tile++ = {.sequence = b,
                 .first_row = table.query_start[b] + t,
                 .tokens = std::min(most, tokens - t),
                 .position = table.position[b] + t};
    }
  }
  return tiles;
}

}  // namespace dak::cpu
