#include "dakkar/tensor/tensor_view.h"

namespace dak {

TensorView TensorView::dense(void* data, DType dtype, std::span<const int64_t> shape) {
  check(shape.size() <= kMaxRank, "a tensor view holds at most four dimensions");
  TensorView view;
  view.data = static_cast<std::byte*>(data);
  view.dtype = dtype;
  view.rank = static_cast<int>(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    view.shape[i] = shape[i];
    view.strides[i] = stride;
    stride *= shape[i];
  }
  return view;
}

TensorView TensorView::dense(void* data, DType dtype, std::initializer_list<int64_t> shape) {
  return dense(data, dtype, std::span<const int64_t>(shape.begin(), shape.size()));
}

int64_t TensorView::elements() const {
  int64_t count = 1;
  for (int i = 0; i < rank; ++i) {
    count *= dim(i);
  }
  return count;
}

bool TensorView::is_dense() const {
  int64_t expected = 1;
  for (int i = rank; i-- > 0;) {
    if (dim(i) != 1 && stride(i) != expected) {
      return false;
    }
    expected *= dim(i);
  }
  return true;
}

TensorView TensorView::rows(int64_t begin, int64_t count) const {
  check(rank >= 1 && begin >= 0 && count >= 0 && begin + count <= dim(0),
        "row range out of bounds");
  TensorView view = *this;
  view.data = data + begin * stride(0) * size_of(dtype);
  view.shape[0] = count;
  return view;
}

TensorView TensorView::columns(int64_t begin, int64_t count) const {
  check(rank >= 1 && begin >= 0 && count >= 0 && begin + count <= dim(rank - 1),
        "column range out of bounds");
  TensorView view = *this;
  view.data = data + begin * size_of(dtype);
  view.shape[static_cast<size_t>(rank - 1)] = count;
  return view;
}

TensorView TensorView::reshaped(std::initializer_list<int64_t> to) const {
  check(is_dense(), "only a dense tensor can be reshaped");
  TensorView view = dense(data, dtype, to);
  check(view.elements() == elements(), "reshape keeps the number of elements");
  return view;
}

}  // namespace dak
