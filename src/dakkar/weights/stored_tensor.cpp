#include "dakkar/weights/stored_tensor.h"

#include <utility>

#include <fmt/core.h>

namespace dak {
namespace {

std::string replaced_prefix(std::string_view name, std::string_view from, std::string_view to) {
  return std::string(to) + std::string(name.substr(from.size()));
}

tl::unexpected<Error> twice(const std::string& name) {
  return fail(ErrorCode::kCorruptFile,
              fmt::format("tensor {} is there under two names", json_quote(name)));
}

/// Takes a 3-D tensor [E, out, in] apart into one matrix per expert.
Status add_fused(const std::string& name, const StoredTensor& fused, StoredTensors& tensors) {
  const size_t dot = name.rfind('.');
  const std::string prefix = name.substr(0, dot);
  const std::string projection = name.substr(dot + 1);
  const int64_t each = fused.shape[0] == 0 ? 0 : fused.bytes() / fused.shape[0];
  for (int64_t e = 0; e < fused.shape[0]; ++e) {
    StoredTensor part = fused;
    part.shape = {fused.shape[1], fused.shape[2]};
    part.data = fused.data + e * each;
    auto part_name = fmt::format("{}.{}.{}.weight", prefix, e, projection);
    if (!tensors.emplace(part_name, std::move(part)).second) {
      return twice(part_name);
    }
  }
  return {};
}

bool is_fused_experts(std::string_view name, const StoredTensor& tensor) {
  return tensor.shape.size() == 3 &&
         (name.ends_with(".mixer.experts.up_proj") || name.ends_with(".mixer.experts.down_proj"));
}

}  // namespace

int64_t StoredTensor::elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) {
    product *= size;
  }
  return product;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t size : shape) {
    text += fmt::format("{}{}", text.size() > 1 ? ", " : "", size);
  }
  return text + "]";
}

std::string canonical_name(std::string_view name) {
  std::string out(name);
  if (out.starts_with("model.")) {
    out = replaced_prefix(out, "model.", "backbone.");
  }
  constexpr std::string_view kEmbedTokens = "backbone.embed_tokens";
  if (out.starts_with(kEmbedTokens)) {
    out = replaced_prefix(out, kEmbedTokens, "backbone.embeddings");
  }
  for (const std::string_view projection :
       {".experts.up_proj.weight", ".experts.down_proj.weight"}) {
    if (out.ends_with(projection)) {
      out.resize(out.size() - std::string_view(".weight").size());
    }
  }
  return out;
}

Result<StoredTensors> index_tensors(const SafetensorsSet& files, const ModelConfig& config) {
  StoredTensors tensors;
  tensors.reserve(files.tensors().size());
  for (const SafetensorsSet::Tensor& tensor : files.tensors()) {
    const std::string name = canonical_name(tensor.entry.name);
    StoredTensor stored = {.dtype = tensor.entry.dtype,
                           .shape = tensor.entry.shape,
                           .data = files.bytes(tensor).data(),
                           .file = &files.file_of(tensor),
                           .file_name = files.file_name_of(tensor)};
    if (is_fused_experts(name, stored)) {
      if (stored.shape[0] != config.moe.experts) {
        return fail(ErrorCode::kCorruptFile,
                    fmt::format("{}: tensor {} has shape {}, but the model has {} experts",
                                files.file_name_of(tensor), name, shape_text(stored.shape),
                                config.moe.experts));
      }
      if (const auto added = add_fused(name, stored, tensors); !added) {
        return fail(added.error());
      }
    } else if (!tensors.emplace(name, std::move(stored)).second) {
      return twice(name);
    }
  }
  return tensors;
}

}  // namespace dak
