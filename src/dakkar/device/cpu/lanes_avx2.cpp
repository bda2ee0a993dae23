#include "dakkar/device/cpu/lanes_avx2.h"

#include "dakkar/device/cpu/key_block_kernel.h"
#include "dakkar/device/cpu/rows_kernel.h"
#include "dakkar/device/cpu/state_rows_kernel.h"

namespace dak::cpu {

void replay_head_avx2(const HeadReplay& head) {
  replay_head<LanesAvx2>(head);
}

const RowKernels kRowsAvx2 = row_kernels<LanesAvx2>();
const KeyBlockKernels kKeyBlocksAvx2 = key_block_kernels<LanesAvx2>();

}  // namespace dak::cpu
