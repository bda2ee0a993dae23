#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// Binds dimension letters to sizes and checks that all arguments of an op agree on them.
///
/// `Dims dims("rms_norm"); dims.bind("T H", x); dims.bind("H", weight);` Letters are words
/// separated by blanks; a number must be that size; `_` matches anything. Disagreement aborts and
/// names the op, the letter and both sizes: shapes are our responsibility, never a user's.
class Dims final {
 public:
  explicit Dims(std::string_view op) : op_(op) {}

  /// Checks `view` against `pattern`, binding letters met for the first time.
  Dims& bind(std::string_view pattern, const TensorView& view);
  /// Fixes a letter beforehand.
  Dims& set(std::string_view letter, int64_t size);
  /// Size of a bound letter; aborts when it is not bound.
  [[nodiscard]] int64_t operator[](std::string_view letter) const;

 private:
  struct Binding {
    std::string_view letter;
    int64_t size;
  };
  void match(std::string_view word, int64_t size);

  std::string_view op_;
  std::array<Binding, 16> bindings_{};
  size_t count_ = 0;
};

}  // namespace dak
