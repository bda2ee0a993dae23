#include "dakkar/device/cpu/lanes_avx512.h"

#include "dakkar/device/cpu/key_block_kernel.h"
#include "dakkar/device/cpu/rows_kernel.h"
#include "dakkar/device/cpu/state_rows_kernel.h"

namespace dak::cpu {

void replay_head_avx512(const HeadReplay& head) {
  replay_head<LanesAvx512>(head);
}

const RowKernels kRowsAvx512 = row_kernels<LanesAvx512>();
const KeyBlockKernels kKeyBlocksAvx512 = key_block_kernels<LanesAvx512>();

}  // namespace dak::cpu
