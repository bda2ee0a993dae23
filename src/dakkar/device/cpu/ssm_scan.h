#pragma once

#include "dakkar/device/cpu/chunk_scan.h"
#include "dakkar/device/cpu/ring_scan.h"
#include "dakkar/device/cpu/rows.h"
#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/worker_team.h"

namespace dak::cpu {

/// What a scan needs of one instruction set.
struct ScanKernels {
  const RowKernels& rows;
  const ChunkKernels& chunks;
  const RingKernels& rings;
};

inline constexpr ScanKernels kScanAvx2 = {
    .rows = kRowsAvx2, .chunks = kChunksAvx2, .rings = kRingsAvx2};
inline constexpr ScanKernels kScanAvx512 = {
    .rows = kRowsAvx512, .chunks = kChunksAvx512, .rings = kRingsAvx512};

/// Whether P and N are whole vectors and everything is bf16 or f32.
[[nodiscard]] bool is_vectorised(const SsmScanArgs& args);

/// `ops::ssm_scan` of arguments that are vectorised, spread over heads. Decoding sequences read
/// their state once and write it when it folds; prefilling ones are products of matrices. Products
/// and sums are f32 in both. Instantiated for the two instruction sets.
template <const ScanKernels& kKernels>
void ssm_scan(WorkerTeam& team, const SsmScanArgs& args);

}  // namespace dak::cpu
