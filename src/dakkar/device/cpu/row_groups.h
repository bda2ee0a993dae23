#pragma once

#include <span>

#include "dakkar/device/cpu/panels.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak::cpu {

/// Rows of activations as panel products read them: in groups of at most `kRowGroup` rows of nearly
/// equal size, each [columns or pairs][rows of the group].
class RowGroups final {
 public:
  struct Shape {
    InputForm form = InputForm::kF32Columns;
    int64_t columns = 0;
    int64_t rows = 0;
  };
  /// Uses `bytes_for(shape)` bytes at `data`, aligned to 64.
  RowGroups(const Shape& shape, std::byte* data) : shape_(shape), data_(data) {}

  [[nodiscard]] static int64_t bytes_for(const Shape& shape) {
    return shape.rows * row_bytes(shape);
  }

  [[nodiscard]] int64_t rows() const { return shape_.rows; }
  [[nodiscard]] int64_t count() const { return (shape_.rows + kRowGroup - 1) / kRowGroup; }
  [[nodiscard]] int64_t first_row(int64_t group) const { return shape_.rows * group / count(); }
  /// Where the group's pair number `pair` is.
  [[nodiscard]] const std::byte* at(int64_t group, int64_t pair) const {
    const int64_t rows = first_row(group + 1) - first_row(group);
    return data_ + first_row(group) * row_bytes(shape_) + pair * rows * pair_bytes(shape_.form);
  }

  struct Source {
    TensorView x;
    const int64_t* rows = nullptr;  ///< which rows of x
    float input_scale = 0.0F;       ///< above 0: divide by it and round to e4m3
  };
  /// Fills in one group, by way of `row` [columns]. In `kBf16Pairs` the values must be bf16, or
  /// have an input scale.
  void fill(int64_t group, const Source& source, std::span<float> row);

 private:
  [[nodiscard]] static int64_t pair_bytes(InputForm form) {
    return form == InputForm::kF32Columns ? 8 : 4;
  }
  [[nodiscard]] static int64_t row_bytes(const Shape& shape) {
    return (shape.columns + 1) / 2 * pair_bytes(shape.form);
  }

  Shape shape_;
  std::byte* data_;
};

}  // namespace dak::cpu
