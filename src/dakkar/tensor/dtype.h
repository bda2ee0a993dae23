#pragma once

#include <cstdint>
#include <string_view>

namespace dak {

/// Element types of tensors in memory and in checkpoint files.
enum class DType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kF8E4M3,  ///< e4m3fn: bias 7, no infinities, largest value 448
  kU8,
  kBool,
  kI32,
  kI64,
};

/// Bytes of one element.
[[nodiscard]] constexpr int64_t size_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
    case DType::kBF16:
      return 2;
    case DType::kF8E4M3:
    case DType::kU8:
    case DType::kBool:
      return 1;
    case DType::kI64:
      return 8;
  }
  return 0;
}

/// Short lower-case name, for messages: "f32", "bf16", "f8_e4m3".
[[nodiscard]] constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "f32";
    case DType::kF16:
      return "f16";
    case DType::kBF16:
      return "bf16";
    case DType::kF8E4M3:
      return "f8_e4m3";
    case DType::kU8:
      return "u8";
    case DType::kBool:
      return "bool";
    case DType::kI32:
      return "i32";
    case DType::kI64:
      return "i64";
  }
  return "?";
}

}  // namespace dak
