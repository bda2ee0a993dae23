#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "dakkar/model/parameter_reader.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// The largest magnitude of some rows, and how many there were. Not finite when a value was not.
struct Peak {
  float amax = 0.0F;
  int64_t rows = 0;

  void add(const Peak& other);
};

/// The peak of the first `rows` rows of `x` (f32, f16 or bf16; rows may be strided; [rows, ...]).
[[nodiscard]] Peak peak_of_rows(const TensorView& x, int64_t rows);

/// What the linears of one layer were fed, by module, and what its KV cache was given.
class InputPeaks final {
 public:
  /// Where the layer's reader says which packed weight is which module.
  [[nodiscard]] PackedPlaces& places() { return places_; }

  /// Notes inputs of the linear whose packed values lie at `values`.
  void note(const std::byte* values, const Peak& peak);
  void note_keys(const Peak& peak) { keys_.add(peak); }
  void note_values(const Peak& peak) { values_.add(peak); }

  /// What a module was fed; zeros when nothing.
  [[nodiscard]] Peak of(const std::string& module) const;
  /// The peak over all modules whose name begins and ends so.
  [[nodiscard]] Peak over(std::string_view prefix, std::string_view suffix) const;
  [[nodiscard]] const Peak& keys() const { return keys_; }
  [[nodiscard]] const Peak& values() const { return values_; }

 private:
  PackedPlaces places_;
  std::unordered_map<std::string, Peak> inputs_;
  Peak keys_;
  Peak values_;
};

}  // namespace dak
