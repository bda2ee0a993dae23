#include "dakkar/device/backend.h"

namespace dak {

Result<std::unique_ptr<Backend>> open_cuda() {
  return fail(ErrorCode::kUnimplemented, "this build of dakkar has no CUDA; use --device cpu");
}

}  // namespace dak
