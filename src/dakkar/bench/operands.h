#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "dakkar/device/backend.h"
#include "dakkar/device/context.h"
#include "dakkar/device/device_arena.h"

namespace dak::bench {

/// A stream of pseudo-random words, the same in every run (SplitMix64).
class RandomWords final {
 public:
  explicit RandomWords(uint64_t seed = 1) : state_(seed) {}
  [[nodiscard]] uint64_t next();
  /// Uniform below `limit`.
  [[nodiscard]] int64_t below(int64_t limit) {
    return static_cast<int64_t>(next() % static_cast<uint64_t>(limit));
  }
  [[nodiscard]] float uniform(float low, float high);

 private:
  uint64_t state_;
};

/// One sequence of a step: `tokens` new ones from `position` on.
struct StepRow {
  int32_t position = 0;
  int32_t tokens = 1;
};

/// Device tensors and weights for timing ops, full of plausible random values; frees all of them at
/// its end. What does not fit in memory aborts.
class Operands final {
 public:
  explicit Operands(const Backend& backend);

  [[nodiscard]] Context& context() { return context_; }
  [[nodiscard]] Stream& stream() { return *stream_; }
  [[nodiscard]] RandomWords& random() { return random_; }

  /// Values uniform in [low, high).
  TensorView uniform(DType dtype, std::initializer_list<int64_t> shape, float low, float high);
  /// Activations, [-1, 1).
  TensorView activations(std::initializer_list<int64_t> shape, DType dtype = DType::kBF16) {
    return uniform(dtype, shape, -1.0F, 1.0F);
  }
  TensorView zeros(DType dtype, std::initializer_list<int64_t> shape) {
    return arena_.zeros(dtype, {shape.begin(), shape.size()});
  }
  /// `copies` tensors of equal values in [-1, 1) at different places.
  std::vector<TensorView> rotating(DType dtype, std::initializer_list<int64_t> shape,
                                   int64_t copies);
  /// Zeroed device bytes.
  std::byte* bytes(int64_t size) { return arena_.bytes(size); }
  template <typename T>
  T* array(const std::vector<T>& values) {
    return arena_.array(values);
  }
  void write(void* to, const void* from, int64_t size) { arena_.copy(to, from, size); }
  DeviceCount count(int64_t value) { return arena_.count(value); }

  /// `copies` packed weights [n, k] of equal values at different places.
  std::span<const PackedWeight> weights(QuantFormat format, int64_t n, int64_t k, int64_t copies);
  /// Choices of k experts of E for each of T tokens, i32 [T, k], all different within a token.
  std::vector<int32_t> choose_experts(int64_t tokens, int64_t chosen, int64_t experts);

  /// A table of those sequences, each in a slot of its own, the first `decodes` decoding.
  SequenceTable table(const std::vector<StepRow>& rows, int64_t decodes);

 private:
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Communicator> group_;
  const Backend& backend_;
  RandomWords random_;
  Workspace workspace_;
  Context context_;
  DeviceArena arena_;
  std::deque<std::vector<PackedWeight>> weights_;
};

/// A random matrix in a checkpoint's format.
[[nodiscard]] QuantTensor random_matrix(RandomWords& random, QuantFormat format, int64_t n,
                                        int64_t k);

}  // namespace dak::bench
