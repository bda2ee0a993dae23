#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dakkar/tensor/quant_view.h"
#include "dakkar/weights/tensor_table.h"

namespace dak {

/// What a tensor is to a quantization recipe.
enum class TensorClass : uint8_t {
  kRoutedExpert,
  kSharedExpert,
  kMambaProjection,
  kMlp,
  kAttention,
  kLatentProjection,
  kRouter,
  kEmbedding,
  kOutputHead,
  kMtpHead,
  kVector,
};

/// One line of the recipe.
struct RecipeLine {
  TensorClass tensors;
  std::string_view name;              ///< for people
  std::optional<QuantFormat> format;  ///< nothing: as it is in the original
};

/// Nemotron 3 Ultra's recipe (spec/model.md 4.5), and FP8 for the dense layers that Ultra does not
/// have: they are what its shared experts are. The KV cache is FP8.
inline constexpr std::array<RecipeLine, 11> kRecipe = {{
    {TensorClass::kRoutedExpert, "routed experts", QuantFormat::kNvfp4},
    {TensorClass::kSharedExpert, "shared experts", QuantFormat::kFp8},
    {TensorClass::kMambaProjection, "Mamba in/out_proj", QuantFormat::kFp8},
    {TensorClass::kMlp, "dense MLP", QuantFormat::kFp8},
    {TensorClass::kAttention, "attention q, k, v, o", std::nullopt},
    {TensorClass::kLatentProjection, "latent fc1, fc2", std::nullopt},
    {TensorClass::kRouter, "router gates", std::nullopt},
    {TensorClass::kEmbedding, "embeddings", std::nullopt},
    {TensorClass::kOutputHead, "lm_head", std::nullopt},
    {TensorClass::kMtpHead, "MTP head", std::nullopt},
    {TensorClass::kVector, "norms, conv, vectors", std::nullopt},
}};

/// The class of a tensor, by its name.
[[nodiscard]] TensorClass class_of(const TensorSpec& spec);

/// The line for a class.
[[nodiscard]] const RecipeLine& line_of(TensorClass tensors);

/// The format that the recipe gives a tensor. NVFP4 needs whole blocks of 16 columns: experts of
/// another width become FP8.
[[nodiscard]] std::optional<QuantFormat> recipe_format(const TensorSpec& spec);

}  // namespace dak
