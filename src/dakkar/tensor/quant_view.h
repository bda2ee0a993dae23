#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "dakkar/tensor/buffer.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// How the matrix of a linear is stored. Decided per tensor, from dtype and scale presence.
enum class QuantFormat : uint8_t {
  kF32,
  kF16,
  kBF16,
  kFp8,    ///< e4m3 values, one f32 scale for the whole matrix
  kNvfp4,  ///< e2m1 nibbles, an e4m3 scale per 16 columns, one f32 scale for the whole matrix
};

/// Columns that share one block scale in `kNvfp4`.
inline constexpr int64_t kNvfp4Block = 16;

/// Lower-case name for messages: "bf16", "fp8", "nvfp4".
[[nodiscard]] constexpr std::string_view name_of(QuantFormat format) {
  switch (format) {
    case QuantFormat::kF32:
      return "f32";
    case QuantFormat::kF16:
      return "f16";
    case QuantFormat::kBF16:
      return "bf16";
    case QuantFormat::kFp8:
      return "fp8";
    case QuantFormat::kNvfp4:
      return "nvfp4";
  }
  return "?";
}

/// What `QuantView::values` holds in that format; bytes of two nibbles in `kNvfp4`.
[[nodiscard]] constexpr DType value_dtype(QuantFormat format) {
  switch (format) {
    case QuantFormat::kF32:
      return DType::kF32;
    case QuantFormat::kF16:
      return DType::kF16;
    case QuantFormat::kBF16:
      return DType::kBF16;
    case QuantFormat::kFp8:
      return DType::kF8E4M3;
    case QuantFormat::kNvfp4:
      return DType::kU8;
  }
  return DType::kU8;
}

/// Looks at the matrix W [rows, columns] of a linear y = W x: value(n, k) = decode(values)[n, k] *
/// block_scale(n, k / 16) * scale, absent factors being 1. An FP8 layer's activations are x /
/// input_scale in e4m3. Either size may be 0: a rank that has no part of a matrix.
///
/// Shapes: values [rows, columns] of f32, f16, bf16 or f8_e4m3; in `kNvfp4` u8 [rows, columns / 2],
///   byte j holding column 2j in its low nibble. block_scales, in `kNvfp4` only: f8_e4m3
///   [rows, columns / 16], row-major, not swizzled.
/// Source: the ModelOpt export layout.
struct QuantView {
  QuantFormat format = QuantFormat::kBF16;
  int64_t rows = 0;
  int64_t columns = 0;
  TensorView values{};
  TensorView block_scales{};
  float scale = 1.0F;                  ///< `weight_scale` (fp8), `weight_scale_2` (nvfp4), else 1
  std::optional<float> input_scale{};  ///< of the activations, when the file has it

  [[nodiscard]] bool empty() const { return rows == 0 || columns == 0; }

  /// Bytes of values and block scales.
  [[nodiscard]] int64_t bytes() const {
    if (empty()) {
      return 0;
    }
    return values.bytes() + (block_scales.present() ? block_scales.bytes() : 0);
  }
};

/// Owns what a `QuantView` looks at. Moving it keeps the view valid.
class QuantTensor final {
 public:
  QuantTensor() = default;
  /// Takes the buffers that `view` points into.
  QuantTensor(QuantView view, Buffer values, Buffer block_scales)
      : view_(view), values_(std::move(values)), block_scales_(std::move(block_scales)) {}

  [[nodiscard]] const QuantView& view() const { return view_; }

 private:
  QuantView view_;
  Buffer values_;
  Buffer block_scales_;
};

}  // namespace dak
