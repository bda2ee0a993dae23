#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "dakkar/base/check.h"
#include "dakkar/tensor/dtype.h"
#include "dakkar/tensor/float_formats.h"

namespace dak {

/// Maps a C++ element type to its `DType`.
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType kValue = DType::kF32;
};
template <>
struct DTypeOf<F16> {
  static constexpr DType kValue = DType::kF16;
};
template <>
struct DTypeOf<BF16> {
  static constexpr DType kValue = DType::kBF16;
};
template <>
struct DTypeOf<F8E4M3> {
  static constexpr DType kValue = DType::kF8E4M3;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType kValue = DType::kU8;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType kValue = DType::kI32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType kValue = DType::kI64;
};

/// Looks at a tensor somebody else owns: address, element type, shape and element strides.
///
/// The last dimension is contiguous. At most four dimensions. The view may be of host or device
/// memory; only a backend's kernels dereference it. A default view is absent (`data` null).
struct TensorView {
  static constexpr int kMaxRank = 4;

  std::byte* data = nullptr;
  DType dtype = DType::kF32;
  int rank = 0;
  std::array<int64_t, kMaxRank> shape{};
  std::array<int64_t, kMaxRank> strides{};  ///< in elements

  /// A dense row-major view of `shape`.
  static TensorView dense(void* data, DType dtype, std::initializer_list<int64_t> shape);
  /// As above, for shapes made at run time.
  static TensorView dense(void* data, DType dtype, std::span<const int64_t> shape);

  [[nodiscard]] bool present() const { return data != nullptr; }
  [[nodiscard]] int64_t dim(int i) const { return shape[static_cast<size_t>(i)]; }
  [[nodiscard]] int64_t stride(int i) const { return strides[static_cast<size_t>(i)]; }
  [[nodiscard]] int64_t elements() const;
  [[nodiscard]] bool is_dense() const;

  /// Bytes of a dense view.
  [[nodiscard]] int64_t bytes() const { return elements() * size_of(dtype); }

  /// Typed address; aborts when `T` is not the view's dtype.
  template <typename T>
  [[nodiscard]] T* as() const {
    check(DTypeOf<T>::kValue == dtype, "a tensor is read as another dtype than its own");
    return reinterpret_cast<T*>(data);
  }

  /// Rows `begin..begin+count` of the first dimension.
  [[nodiscard]] TensorView rows(int64_t begin, int64_t count) const;
  /// Columns `begin..begin+count` of the last dimension.
  [[nodiscard]] TensorView columns(int64_t begin, int64_t count) const;
  /// The same dense elements under another shape.
  [[nodiscard]] TensorView reshaped(std::initializer_list<int64_t> to) const;
};

}  // namespace dak
