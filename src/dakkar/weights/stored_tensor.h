#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/tensor/quant_view.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/safetensors.h"
#include "dakkar/weights/tensor_table.h"
#include "dakkar/weights/weight_set.h"

namespace dak {

/// A tensor as it lies in a file, or as it will be made up.
struct StoredTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  const std::byte* data = nullptr;   ///< null until a made-up tensor is made
  const MappedFile* file = nullptr;  ///< null for made-up tensors
  std::string_view file_name = "";   ///< for messages
  bool known = false;                ///< the model or one of its scales has this name

  [[nodiscard]] int64_t elements() const;
  [[nodiscard]] int64_t bytes() const { return elements() * size_of(dtype); }
};

/// Values by tensor or module name; there are hundreds of thousands.
template <typename T>
using ByName = std::unordered_map<std::string, T>;

/// Tensors by the names of `tensor_table`, scales beside them.
using StoredTensors = ByName<StoredTensor>;

/// The family's own name of a tensor that another tool renamed.
[[nodiscard]] std::string canonical_name(std::string_view name);

/// Indexes the tensors of a checkpoint under canonical names, fused experts taken apart. `files`
/// must outlive the result, but may be moved.
[[nodiscard]] Result<StoredTensors> index_tensors(const SafetensorsSet& files,
                                                  const ModelConfig& config);

/// How the module's weight is stored, from dtype and scale presence; checks that the shapes of
/// weight and scales are those of a [rows, columns] matrix.
[[nodiscard]] Result<QuantFormat> format_of(const StoredTensors& tensors, const TensorSpec& spec);

/// What a check of a checkpoint found, besides that it is whole.
struct CheckedTensors {
  ByName<QuantFormat> formats{};  ///< by module
  bool has_mtp = false;
  std::vector<std::string> ignored{};
};

/// Compares tensors with the model's table: names, shapes, formats. Tensors that inference does not
/// need are taken out of `tensors` and listed.
[[nodiscard]] Result<CheckedTensors> check_tensors(StoredTensors& tensors,
                                                   const Expectation& expected);

/// "[3, 4]"
[[nodiscard]] std::string shape_text(const std::vector<int64_t>& shape);

}  // namespace dak
