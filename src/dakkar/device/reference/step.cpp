#include "dakkar/device/reference/kernels.h"

namespace dak::reference {

void begin_step(const StepArgs& args) {
  const SequenceTable& table = args.table;
  auto* ids = args.ids.as<int32_t>();
  for (int64_t b = 0; b < table.sequences.read(); ++b) {
    SlotHeader& header = table.headers[table.slot[b]];
    if (table.position[b] == 0) {
      header = SlotHeader{};
    } else if (header.position != table.position[b]) {
      header.failed = 1;
    }
    for (int32_t t = table.query_start[b]; t < table.query_start[b + 1]; ++t) {
      if (ids[t] == -1) {
        ids[t] = header.last_token;
      }
    }
  }
}

void advance(const StepArgs& args) {
  const SequenceTable& table = args.table;
  for (int64_t b = 0; b < table.sequences.read(); ++b) {
    SlotHeader& header = table.headers[table.slot[b]];
    if (header.failed != 0) {
      continue;
    }
    const int32_t end = header.position + table.query_start[b + 1] - table.query_start[b];
    const int64_t base = b < table.decodes.read() ? base_after_decode(header.base, header.position)
                                                  : base_after_prefill(header.base, end);
    header.base = static_cast<int32_t>(base);
    header.position = end;
  }
}

}  // namespace dak::reference
