#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/tensor/quant_view.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/tensor_table.h"

namespace dak {

/// Told, from whatever thread reads, how many weight bytes of how many have been handed out.
using LoadProgress = std::function<void(int64_t bytes_done, int64_t bytes_total)>;

/// What the files of a checkpoint are compared with.
struct Expectation {
  const ModelConfig& config;
  const QuantConfig& quant;
};

/// The weights of a model by name: mapped from files, or made up.
///
/// Opening checks everything that can be checked without reading the data: each tensor of the model
/// is there in the right shape and a readable format, quantized ones with finite scales, nothing
/// unknown is in the files, and the formats are those that the checkpoint announces. Names may
/// begin with `model.` instead of `backbone.`, embeddings may be called `embed_tokens`, experts may
/// be fused in one 3-D tensor: here they all have the names of `tensor_table`. Reading is safe from
/// any thread.
class WeightSet final {
 public:
  /// Maps the checkpoint in `folder`. `progress` may be empty.
  ///
  /// Errors name file and tensor: `kCorruptFile` for bad files and shapes, `kNotFound` for missing
  /// files, `kUnsupportedModel` for formats this program cannot read.
  static Result<WeightSet> open(const std::filesystem::path& folder, const ModelConfig& config,
                                LoadProgress progress = {});

  /// The same, with the quantization config that the caller has read already.
  static Result<WeightSet> open(const std::filesystem::path& folder, const Expectation& expected,
                                LoadProgress progress = {});

  /// Makes up every weight of `config` in the formats that `quant` announces (BF16 without).
  ///
  /// Values depend on `seed` and on the tensor's name only; they are scaled so that activations
  /// stay of order one. A tensor is made when it is asked for and kept until all have released it.
  static WeightSet dummy(const ModelConfig& config, const QuantConfig& quant, uint64_t seed,
                         LoadProgress progress = {});

  WeightSet(WeightSet&&) noexcept;
  WeightSet& operator=(WeightSet&&) noexcept;
  ~WeightSet();

  /// The matrix of a linear, router gate or embedding: "backbone.layers.3.mixer.in_proj". Valid
  /// while the set lives and the module is not released. `kNotFound` when the model has no such
  /// module.
  [[nodiscard]] Result<QuantView> find_linear(std::string_view module) const;

  /// How a linear is stored, without a look at its data; nothing when the files lack it (an MTP
  /// head).
  [[nodiscard]] std::optional<QuantFormat> stored_format(std::string_view module) const;

  /// Values of a small tensor as f32, whatever its dtype, row-major: norms, A_log, D, dt_bias,
  /// convolutions, the router's bias: "backbone.layers.0.mixer.conv1d.weight".
  [[nodiscard]] Result<std::vector<float>> vector(std::string_view name) const;

  /// A tensor of the model as it is stored, whatever it is for; valid until `name` is released.
  [[nodiscard]] Result<TensorView> stored(std::string_view name) const;
  /// Its dtype, without a look at its data; nothing when it is not there.
  [[nodiscard]] std::optional<DType> stored_dtype(std::string_view name) const;

  /// The scale of an FP8 KV cache: `k_scale` of a "...mixer.k_proj" module, `v_scale` of a
  /// "...mixer.v_proj" module; 1 when the file has none.
  [[nodiscard]] Result<float> kv_scale(std::string_view module) const;

  [[nodiscard]] bool contains(std::string_view name) const;

  /// Whether the MTP head's tensors are there; files re-saved by other tools may lack them.
  [[nodiscard]] bool has_mtp() const;

  /// Ends one caller's use of a module or vector that it has copied elsewhere; its views become
  /// invalid. When nobody uses it any more its memory is freed; it can be asked for again.
  void release(std::string_view module_or_name) const;
  /// After loading: leaves no page of the files in this process. Views stay readable.
  void release_files() const;

  /// Bytes of all tensors in their storage formats.
  [[nodiscard]] int64_t total_bytes() const;
  /// Number of tensors, scales included, after experts have been unfused.
  [[nodiscard]] int64_t tensor_count() const;
  /// Names in the files that mean nothing to inference and were passed over.
  [[nodiscard]] const std::vector<std::string>& ignored() const;

 private:
  class Contents;
  explicit WeightSet(std::unique_ptr<Contents> contents);
  std::unique_ptr<Contents> contents_;
};

}  // namespace dak
