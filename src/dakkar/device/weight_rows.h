#pragma once

#include <span>
#include <vector>

#include "dakkar/device/packed_weight.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// Decodes row `n` of a weight in `kReferenceLayout`: values times block scales, without
/// `output_scale`. Exact in f32.
void decode_row(const PackedWeight& weight, int64_t n, std::span<float> to);

/// Activations as a linear reads them: widened to f32 and, where the weight asks for it, divided by
/// `input_scale` and rounded to e4m3. Rows lie in blocks of 8, interleaved: [blocks, K, 8].
class InputBlocks final {
 public:
  static constexpr int64_t kRows = 8;

  /// Reads the named rows of `x`; missing rows of the last block are zero.
  InputBlocks(const TensorView& x, std::span<const int64_t> rows, float input_scale);

  [[nodiscard]] int64_t blocks() const { return (count_ + kRows - 1) / kRows; }
  [[nodiscard]] int64_t count() const { return count_; }
  [[nodiscard]] const float* block(int64_t index) const {
    return values_.data() + index * width_ * kRows;
  }

 private:
  int64_t count_ = 0;
  int64_t width_ = 0;
  std::vector<float> values_;
};

/// The linears of weights in `kReferenceLayout`:
/// y[r, n] = output_scale * sum over k, in sequence, of x[r, k] * w[n, k]; y is [count, N].
void multiply_reference(const InputBlocks& x, const PackedWeight& weight, std::span<float> y);

}  // namespace dak
