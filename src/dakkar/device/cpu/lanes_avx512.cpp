#include "dakkar/device/cpu/lanes_avx512.h"

#include "dakkar/device/cpu/chunk_scan_kernel.h"
#include "dakkar/device/cpu/key_block_kernel.h"
#include "dakkar/device/cpu/ring_scan_kernel.h"
#include "dakkar/device/cpu/rows_kernel.h"
#include "dakkar/device/cpu/scores_kernel.h"

namespace dak::cpu {

const RowKernels kRowsAvx512 = row_kernels<LanesAvx512>();
const ScoreKernels kScoresAvx512 = score_kernels<LanesAvx512>();
const ChunkKernels kChunksAvx512 = chunk_kernels<LanesAvx512>();
const RingKernels kRingsAvx512 = ring_kernels<LanesAvx512>();
const KeyBlockKernels kKeyBlocksAvx512 = key_block_kernels<LanesAvx512>();

}  // namespace dak::cpu
