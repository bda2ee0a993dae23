#include <vector>

#include "dakkar/device/kv_pages.h"
#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {
namespace {

struct KvRow {
  const TensorView& from;
  int64_t row = 0;
  float scale = 1.0F;
};

/// Stores all heads of one token's keys or values at position `p`.
void write_token(const KvRow& source, const KvSequence& pages, KvPart part, int64_t p) {
  std::vector<float> values(static_cast<size_t>(pages.head_dim));
  for (int64_t head = 0; head < pages.heads; ++head) {
    load_floats(row_address(source.from, source.row, head), source.from.dtype, values);
    if (pages.kv.dtype == DType::kF8E4M3) {
      for (float& value : values) {
        value /= source.scale;
      }
    }
    store_floats(values, pages.kv.dtype, pages.at(part, p, head));
  }
}

}  // namespace

void kv_write(const KvWriteArgs& args) {
  const SequenceTable& table = args.table;
  for (int64_t b = 0; b < table.sequences.read(); ++b) {
    const KvSequence pages{
        .kv = args.kv, .sequence = b, .heads = args.k.dim(1), .head_dim = args.k.dim(2)};
    for (int64_t t = table.query_start[b]; t < table.query_start[b + 1]; ++t) {
      const int64_t p = table.position[b] + t - table.query_start[b];
      if (!pages.holds(p)) {
        continue;
      }
      write_token({.from = args.k, .row = t, .scale = args.kv.k_scale}, pages, KvPart::kKeys, p);
      write_token({.from = args.v, .row = t, .scale = args.kv.v_scale}, pages, KvPart::kValues, p);
    }
  }
}

}  // namespace dak::reference
