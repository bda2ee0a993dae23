#include "dakkar/tensor/workspace.h"

#include <algorithm>
#include <limits>

namespace dak {
namespace {

constexpr int64_t kAlignment = 256;

}  // namespace

Workspace Workspace::measuring() {
  // A non-null base keeps views "present"; nothing dereferences them while measuring.
  return Workspace(reinterpret_cast<std::byte*>(kAlignment), std::numeric_limits<int64_t>::max());
}

TensorView Workspace::take(DType dtype, std::initializer_list<int64_t> shape) {
  TensorView view = TensorView::dense(base_ + used_, dtype, shape);
  const int64_t bytes = (view.bytes() + kAlignment - 1) / kAlignment * kAlignment;
  check(bytes <= size_ - used_, "the workspace is too small for this step");
  used_ += bytes;
  peak_ = std::max(peak_, used_);
  return view;
}

}  // namespace dak
