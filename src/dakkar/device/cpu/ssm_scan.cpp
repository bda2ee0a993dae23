#include "dakkar/device/cpu/ssm_scan.h"

#include <algorithm>
#include <cstring>

#include "dakkar/device/cpu/ssm_part.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

bool is_wide_or_bf16(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16;
}

/// Parts that a group's heads are cut into: as many as keep all threads busy. Each part computes
/// what the group shares anew, which changes no result.
int64_t parts_of_group(const WorkerTeam& team, const SsmScanArgs& args, int64_t sequences) {
  const int64_t heads = args.dims.heads / args.dims.groups;
  const int64_t wanted = 2 * team.size() / std::max<int64_t>(1, sequences * args.dims.groups);
  return std::clamp<int64_t>(wanted, 1, heads);
}

/// Leaves the new tokens from position `begin` on in the ring; time steps were computed by the
/// parts.
void fill_ring(const SsmSequence& seq, int64_t begin, const float* steps) {
  const MambaDims& dims = seq.args.dims;
  const int64_t bytes = (dims.inner() + dims.groups * dims.state) * size_of(dims.activation);
  for (int64_t p = std::max(begin, seq.position); p < seq.end(); ++p) {
    const int64_t row = seq.first_row + p - seq.position;
    std::memcpy(seq.ring_xb + p % dims.ring * bytes, row_address(seq.args.xbc, row),
                static_cast<size_t>(bytes));
    std::copy_n(steps + row * dims.heads, dims.heads, seq.ring_dt + p % dims.ring * dims.heads);
  }
}

}  // namespace

bool is_vectorised(const SsmScanArgs& args) {
  const MambaDims& dims = args.dims;
  return dims.head_dim % kChunkWidthStep == 0 && dims.state % kChunkWidthStep == 0 &&
         is_wide_or_bf16(dims.activation) && is_wide_or_bf16(args.y.dtype);
}

template <const ScanKernels& kKernels>
void ssm_scan(WorkerTeam& team, const SsmScanArgs& args) {
  const MambaDims& dims = args.dims;
  const int64_t sequences = args.table.sequences.read();
  const int64_t decodes = args.table.decodes.read();
  const int64_t heads = dims.heads / dims.groups;
  const int64_t cuts = parts_of_group(team, args, sequences);
  const int64_t parts = dims.groups * cuts;
  const int64_t rows = args.table.query_start[sequences];
  float* steps = team.kernel_scratch().take<float>(rows * dims.heads).data();
  team.run(sequences * parts, [&](int64_t part, Scratch& scratch) {
    const int64_t b = part / parts;
    const SsmSequence seq = open_sequence(args, b);
    const int64_t cut = part % cuts;
    const int64_t group = part % parts / cuts;
    const int64_t first = heads * cut / cuts;
    const ScanPart scan = {.seq = seq,
                           .kernels = kKernels,
                           .scratch = scratch,
                           .group = group,
                           .first_head = group * heads + first,
                           .heads = heads * (cut + 1) / cuts - first,
                           .steps = steps};
    if (!is_sound(seq, b)) {
      if (part % parts == 0) {
        zero_outputs(seq);
      }
    } else if (b < decodes) {
      decode_part(scan);
    } else {
      prefill_part(scan);
    }
  });
  for (int64_t b = 0; b < sequences; ++b) {
    const SsmSequence seq = open_sequence(args, b);
    if (is_sound(seq, b)) {
      const int64_t begin = b < decodes ? seq.position : base_after_prefill(seq.base, seq.end());
      fill_ring(seq, begin, steps);
    }
  }
}

template void ssm_scan<kScanAvx2>(WorkerTeam& team, const SsmScanArgs& args);
template void ssm_scan<kScanAvx512>(WorkerTeam& team, const SsmScanArgs& args);

}  // namespace dak::cpu
