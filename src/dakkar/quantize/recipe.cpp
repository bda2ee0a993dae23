#include "dakkar/quantize/recipe.h"

#include "dakkar/base/check.h"

namespace dak {
namespace {

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> endings) {
  for (const std::string_view ending : endings) {
    if (text.ends_with(ending)) {
      return true;
    }
  }
  return false;
}

}  // namespace

TensorClass class_of(const TensorSpec& spec) {
  const std::string module = spec.module();
  if (module.starts_with("mtp.")) {
    return TensorClass::kMtpHead;
  }
  if (spec.role == TensorRole::kVector) {
    return TensorClass::kVector;
  }
  if (module.find(".experts.") != std::string::npos) {
    return TensorClass::kRoutedExpert;
  }
  if (module.find(".shared_experts.") != std::string::npos) {
    return TensorClass::kSharedExpert;
  }
  if (ends_with_any(module, {".in_proj", ".out_proj"})) {
    return TensorClass::kMambaProjection;
  }
  if (ends_with_any(module, {".q_proj", ".k_proj", ".v_proj", ".o_proj"})) {
    return TensorClass::kAttention;
  }
  if (ends_with_any(module, {".fc1_latent_proj", ".fc2_latent_proj"})) {
    return TensorClass::kLatentProjection;
  }
  if (module.ends_with(".gate")) {
    return TensorClass::kRouter;
  }
  if (ends_with_any(module, {".up_proj", ".down_proj"})) {
    return TensorClass::kMlp;
  }
  return module == "lm_head" ? TensorClass::kOutputHead : TensorClass::kEmbedding;
}

const RecipeLine& line_of(TensorClass tensors) {
  const RecipeLine& line = kRecipe[static_cast<size_t>(tensors)];
  check(line.tensors == tensors, "the recipe has a line per class, in their order");
  return line;
}

std::optional<QuantFormat> recipe_format(const TensorSpec& spec) {
  const std::optional<QuantFormat> format = line_of(class_of(spec)).format;
  const bool blocks = spec.shape.back() % kNvfp4Block == 0;
  return format == QuantFormat::kNvfp4 && !blocks ? QuantFormat::kFp8 : format;
}

}  // namespace dak
