#include "dakkar/device/row_access.h"

#include <array>
#include <cstring>

namespace dak {
namespace {

std::array<float, 256> make_e4m3_values() {
  std::array<float, 256> values{};
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = to_float(F8E4M3{static_cast<uint8_t>(i)});
  }
  return values;
}

template <typename T>
void widen(const std::byte* from, std::span<float> to) {
  const auto* values = reinterpret_cast<const T*>(from);
  for (size_t i = 0; i < to.size(); ++i) {
    to[i] = to_float(values[i]);
  }
}

void widen_e4m3(const std::byte* from, std::span<float> to) {
  static const std::array<float, 256> kValues = make_e4m3_values();
  for (size_t i = 0; i < to.size(); ++i) {
    to[i] = kValues[static_cast<uint8_t>(from[i])];
  }
}

template <typename T, T (*kRound)(float)>
void narrow(std::span<const float> from, std::byte* to) {
  auto* values = reinterpret_cast<T*>(to);
  for (size_t i = 0; i < from.size(); ++i) {
    values[i] = kRound(from[i]);
  }
}

}  // namespace

void load_floats(const std::byte* from, DType dtype, std::span<float> to) {
  if (to.empty()) {
    return;
  }
  switch (dtype) {
    case DType::kF32:
      std::memcpy(to.data(), from, to.size_bytes());
      return;
    case DType::kF16:
      return widen<F16>(from, to);
    case DType::kBF16:
      return widen<BF16>(from, to);
    case DType::kF8E4M3:
      return widen_e4m3(from, to);
    case DType::kU8:
    case DType::kBool:
    case DType::kI32:
    case DType::kI64:
      break;
  }
  check(false, "a float tensor is read");
}

void store_floats(std::span<const float> from, DType dtype, std::byte* to) {
  if (from.empty()) {
    return;
  }
  switch (dtype) {
    case DType::kF32:
      std::memcpy(to, from.data(), from.size_bytes());
      return;
    case DType::kF16:
      return narrow<F16, to_f16>(from, to);
    case DType::kBF16:
      return narrow<BF16, to_bf16>(from, to);
    case DType::kF8E4M3:
      return narrow<F8E4M3, to_f8e4m3>(from, to);
    case DType::kU8:
    case DType::kBool:
    case DType::kI32:
    case DType::kI64:
      break;
  }
  check(false, "a float tensor is written");
}

}  // namespace dak
