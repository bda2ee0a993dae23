#include <algorithm>

#include "dakkar/device/reference/history.h"
#include "dakkar/device/reference/kernels.h"

namespace dak::reference {
namespace {

void note_token(int32_t& entry, int64_t position, const SamplingRow& row) {
  if (position < row.prompt_tokens) {
    entry |= kSeenInPrompt;
  } else if (times_output(entry) < kTimesOutputMask) {
    ++entry;
  }
}

}  // namespace

void record_history(const HistoryArgs& args) {
  const SequenceTable& table = args.table;
  const int64_t vocabulary = args.history.dim(1);
  for (int64_t b = 0; b < table.sequences.read(); ++b) {
    const SamplingRow& row = args.rows[b];
    if (row.uses_history == 0) {
      continue;
    }
    int32_t* history = args.history.as<int32_t>() + table.slot[b] * args.history.stride(0);
    if (table.position[b] == 0) {
      std::fill_n(history, vocabulary, 0);
    }
    for (int64_t t = table.query_start[b]; t < table.query_start[b + 1]; ++t) {
      const int64_t id = args.ids.as<int32_t>()[t];
      if (id >= 0 && id < vocabulary) {
        note_token(history[id], table.position[b] + t - table.query_start[b], row);
      }
    }
  }
}

}  // namespace dak::reference
