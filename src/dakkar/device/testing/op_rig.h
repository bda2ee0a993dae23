#pragma once

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dakkar/device/backend.h"
#include "dakkar/device/context.h"
#include "dakkar/device/device_arena.h"

namespace dak::testing {

/// One sequence of a step.
struct StepSequence {
  int32_t slot = 0;
  int32_t position = 0;  ///< of its first new token
  int32_t tokens = 1;    ///< new ones
};

/// How random values are spread.
struct Spread {
  float scale = 1.0F;  ///< standard deviation
  float centre = 0.0F;
};

/// Device tensors, weights and tables for trying ops on a backend; frees all of them at its end.
/// Everything random comes from one seed, in the order of the calls.
class OpRig final {
 public:
  OpRig(const Backend& backend, uint64_t seed);

  [[nodiscard]] Context& context() { return context_; }
  [[nodiscard]] Stream& stream() { return *stream_; }
  [[nodiscard]] std::mt19937_64& random() { return random_; }

  /// A device tensor holding `values`, rounded to `dtype`.
  TensorView tensor(DType dtype, const std::vector<int64_t>& shape,
                    const std::vector<float>& values);
  /// Normally distributed values.
  TensorView randoms(DType dtype, const std::vector<int64_t>& shape, Spread spread = {});
  TensorView zeros(DType dtype, const std::vector<int64_t>& shape) {
    return arena_.zeros(dtype, shape);
  }
  TensorView ints(const std::vector<int32_t>& values);
  /// Zeroed device bytes that live as long as the rig.
  std::byte* bytes(int64_t size) { return arena_.bytes(size); }

  /// A random weight [n, k] of that format, packed by the backend; values are about 1/sqrt(k).
  const PackedWeight& weight(QuantFormat format, int64_t n, int64_t k);
  /// Weights [n, k] of those formats, one after another, then an empty one.
  std::span<const PackedWeight> experts(const std::vector<QuantFormat>& formats, int64_t n,
                                        int64_t k);
  /// Packs values as they are.
  const PackedWeight& pack(const QuantView& view, Numerics numerics = Numerics::kShipped);

  /// A count on the device; `set_count` changes what kernels find.
  DeviceCount count(int64_t value) { return arena_.count(value); }
  void set_count(const DeviceCount& count, int64_t value);

  /// A table of those sequences, the first `decodes` of them decoding, over `headers`.
  SequenceTable table(const std::vector<StepSequence>& sequences, int64_t decodes,
                      SlotHeader* headers);
  /// Headers of `slots` slots, all zero.
  SlotHeader* headers(int64_t slots);

  [[nodiscard]] std::vector<float> read(const TensorView& view);
  [[nodiscard]] std::vector<int32_t> read_ints(const TensorView& view);
  template <typename T>
  [[nodiscard]] std::vector<T> read_array(const T* from, int64_t count) {
    std::vector<T> values(static_cast<size_t>(count));
    arena_.copy(values.data(), from, count * static_cast<int64_t>(sizeof(T)));
    return values;
  }
  template <typename T>
  T* array(const std::vector<T>& values) {
    return arena_.array(values);
  }
  void write(const TensorView& view, const std::vector<float>& values) {
    arena_.write(view, values);
  }

 private:
  const Backend& backend_;
  std::mt19937_64 random_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Communicator> group_;
  Workspace workspace_;
  Context context_;
  DeviceArena arena_;
  std::deque<PackedWeight> weights_;
  std::deque<std::vector<PackedWeight>> experts_;
};

/// Raw values of a random weight of that format, owned.
[[nodiscard]] QuantTensor random_weight(std::mt19937_64& random, QuantFormat format, int64_t n,
                                        int64_t k);

/// What a weight's entries mean, in double: [rows, columns].
[[nodiscard]] std::vector<double> values_of(const QuantView& weight);

/// ||a - b|| / ||b||, infinite when the sizes differ or something is not a number.
[[nodiscard]] double relative_error(const std::vector<float>& a, const std::vector<double>& b);
[[nodiscard]] double relative_error(const std::vector<float>& a, const std::vector<float>& b);

/// A fresh seed, printed, so that a failure can be repeated.
[[nodiscard]] uint64_t fresh_seed();

}  // namespace dak::testing
