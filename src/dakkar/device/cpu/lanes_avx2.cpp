#include "dakkar/device/cpu/lanes_avx2.h"

#include "dakkar/device/cpu/chunk_scan_kernel.h"
#include "dakkar/device/cpu/key_block_kernel.h"
#include "dakkar/device/cpu/ring_scan_kernel.h"
#include "dakkar/device/cpu/rows_kernel.h"
#include "dakkar/device/cpu/scores_kernel.h"

namespace dak::cpu {

const RowKernels kRowsAvx2 = row_kernels<LanesAvx2>();
const ScoreKernels kScoresAvx2 = score_kernels<LanesAvx2>();
const ChunkKernels kChunksAvx2 = chunk_kernels<LanesAvx2>();
const RingKernels kRingsAvx2 = ring_kernels<LanesAvx2>();
const KeyBlockKernels kKeyBlocksAvx2 = key_block_kernels<LanesAvx2>();

}  // namespace dak::cpu
