#include "dakkar/device/cpu/lanes_avx512.h"

#include "dakkar/device/cpu/state_rows_kernel.h"

namespace dak::cpu {

void replay_head_avx512(const HeadReplay& head) {
  replay_head<LanesAvx512>(head);
}

}  // namespace dak::cpu
