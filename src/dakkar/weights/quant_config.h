#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/json.h"
#include "dakkar/tensor/quant_view.h"

namespace dak {

/// A quantization a checkpoint announces for a module.
enum class QuantAlgo : uint8_t {
  kNone,
  kFp8,
  kNvfp4,        ///< e2m1 weights, activations meant to be quantized as well
  kNvfp4Weight,  ///< W4A16_NVFP4: weights only
};

/// What a checkpoint says about its formats. The tensors themselves decide; this only checks them,
/// and gives the formats of dummy weights.
///
/// Source: ModelOpt's `hf_quant_config.json` and the `quantization_config` of `config.json`.
struct QuantConfig {
  QuantAlgo whole = QuantAlgo::kNone;  ///< of every linear that nothing below mentions
  bool mixed = false;                  ///< MIXED_PRECISION: only `modules` are quantized
  std::vector<std::string> excludes;   ///< module names, shell patterns, or prefixes
  std::unordered_map<std::string, QuantAlgo> modules;  ///< module names without `.weight`
  bool fp8_kv_cache = false;

  /// Reads `hf_quant_config.json`, else config.json's `quantization_config`; without either, or
  /// without files, everything is unquantized.
  static Result<QuantConfig> load(const std::filesystem::path& folder);
  /// Reads the object of either file form.
  static Result<QuantConfig> parse(const JsonView& object);

  /// What is announced for a module, e.g. "backbone.layers.1.mixer.experts.3.up_proj". Router
  /// gates, convolutions and embeddings are never quantized, whatever the lists say.
  [[nodiscard]] QuantAlgo algo_of(std::string_view module) const;

  /// Compares what is announced with what is stored; an error names the module and both.
  ///
  /// The tensor decides (decision 7): only an entry or an exclusion that names the module can be
  /// contradicted, or a list of entries that lacks it. What the algorithm of the whole model would
  /// make of it does not matter: exporters leave some layers in FP8 under a global NVFP4.
  [[nodiscard]] Status check_module(std::string_view module, QuantFormat stored) const;

 private:
  /// What an entry or an exclusion says about the module; nothing when none does.
  [[nodiscard]] std::optional<QuantAlgo> named_algo_of(std::string_view module) const;
};

}  // namespace dak
