#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "dakkar/weights/stored_tensor.h"

namespace dak {
namespace {

constexpr size_t kNamesInMessage = 5;

const StoredTensor* find_in(const StoredTensors& tensors, const std::string& name) {
  const auto place = tensors.find(name);
  return place == tensors.end() ? nullptr : &place->second;
}

tl::unexpected<Error> wrong_shape(const std::string& name, const StoredTensor& stored,
                                  const std::vector<int64_t>& expected) {
  return fail(
      ErrorCode::kCorruptFile,
      fmt::format("{}: tensor {} has shape {} of {}, but the config asks for {}", stored.file_name,
                  name, shape_text(stored.shape), name_of(stored.dtype), shape_text(expected)));
}

Status expect_shape(const StoredTensors& tensors, const std::string& name,
                    const std::vector<int64_t>& expected) {
  const StoredTensor* stored = find_in(tensors, name);
  if (stored == nullptr) {
    return fail(ErrorCode::kCorruptFile, fmt::format("tensor {} is missing", name));
  }
  return stored->shape == expected ? Status() : wrong_shape(name, *stored, expected);
}

/// A scale must be one f32 value, in whatever number of dimensions.
Status expect_scalar(const StoredTensors& tensors, const std::string& name) {
  const StoredTensor* stored = find_in(tensors, name);
  if (stored == nullptr) {
    return fail(ErrorCode::kCorruptFile, fmt::format("tensor {} is missing", name));
  }
  if (stored->elements() != 1 || stored->dtype != DType::kF32) {
    return fail(
        ErrorCode::kUnsupportedModel,
        fmt::format("{}: tensor {} has shape {} of {}; only one f32 value for a whole matrix "
                    "is supported",
                    stored->file_name, name, shape_text(stored->shape), name_of(stored->dtype)));
  }
  return {};
}

tl::unexpected<Error> wrong_dtype(const std::string& name, const StoredTensor& stored) {
  return fail(ErrorCode::kUnsupportedModel,
              fmt::format("{}: tensor {} has dtype {}, which is not supported there",
                          stored.file_name, name, name_of(stored.dtype)));
}

/// Scales that a module may have, of its inputs and of a KV cache.
std::vector<std::string> optional_scales(const TensorSpec& spec, QuantFormat format) {
  const std::string module = spec.module();
  std::vector<std::string> names;
  if (format == QuantFormat::kFp8 || format == QuantFormat::kNvfp4) {
    names.push_back(module + ".input_scale");
  }
  if (spec.rule == ShardRule::kKvRows) {
    names.push_back(module + (module.ends_with("k_proj") ? ".k_scale" : ".v_scale"));
  }
  return names;
}

Status check_scales(const StoredTensors& tensors, const TensorSpec& spec, QuantFormat format) {
  const std::string module = spec.module();
  const std::string scale = module + ".weight_scale";
  for (const std::string& name : optional_scales(spec, format)) {
    if (find_in(tensors, name) == nullptr) {
      continue;
    }
    if (const auto scalar = expect_scalar(tensors, name); !scalar) {
      return scalar;
    }
  }
  if (format == QuantFormat::kFp8) {
    return expect_scalar(tensors, scale);
  }
  if (format == QuantFormat::kNvfp4) {
    const std::vector<int64_t> blocks = {spec.shape[0], spec.shape[1] / kNvfp4Block};
    if (const auto shape = expect_shape(tensors, scale, blocks); !shape) {
      return shape;
    }
    if (const StoredTensor* stored = find_in(tensors, scale); stored->dtype != DType::kF8E4M3) {
      return wrong_dtype(scale, *stored);
    }
    return expect_scalar(tensors, module + ".weight_scale_2");
  }
  if (find_in(tensors, scale) != nullptr) {
    return fail(ErrorCode::kCorruptFile,
                fmt::format("tensor {} is there, but its weight is not quantized", scale));
  }
  return {};
}

/// Names that runtimes or exporters leave behind and that no forward pass reads.
bool is_ignorable(std::string_view name) {
  for (const std::string_view suffix :
       {".rotary_emb.inv_freq", "._extra_state", ".input_scale", ".output_scale", ".q_scale"}) {
    if (name.ends_with(suffix)) {
      return true;
    }
  }
  return false;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamesInMessage); ++i) {
    text += (i > 0 ? ", " : "") + json_quote(names[i].substr(0, 200));
  }
  if (names.size() > kNamesInMessage) {
    text += fmt::format(" and {} more", names.size() - kNamesInMessage);
  }
  return text;
}

void mark_known(const std::string& name, StoredTensors& tensors) {
  if (const auto place = tensors.find(name); place != tensors.end()) {
    place->second.known = true;
  }
}

/// Marks the scales that a module of this format may have.
void mark_scales(const TensorSpec& spec, QuantFormat format, StoredTensors& tensors) {
  const std::string module = spec.module();
  if (format == QuantFormat::kFp8 || format == QuantFormat::kNvfp4) {
    mark_known(module + ".weight_scale", tensors);
  }
  if (format == QuantFormat::kNvfp4) {
    mark_known(module + ".weight_scale_2", tensors);
  }
  for (const std::string& name : optional_scales(spec, format)) {
    mark_known(name, tensors);
  }
}

/// Moves what is known to be of no use from `tensors` to the list; anything else is an error.
Result<std::vector<std::string>> drop_unknown(StoredTensors& tensors,
                                              const CheckedTensors& checked) {
  std::vector<std::string> ignored;
  std::vector<std::string> unknown;
  for (auto place = tensors.begin(); place != tensors.end();) {
    const std::string& name = place->first;
    if (place->second.known) {
      ++place;
      continue;
    }
    const bool spare_head = !checked.has_mtp && name.starts_with("mtp.");
    (spare_head || is_ignorable(name) ? ignored : unknown).push_back(name);
    place = tensors.erase(place);
  }
  std::sort(ignored.begin(), ignored.end());
  if (!unknown.empty()) {
    std::sort(unknown.begin(), unknown.end());
    return fail(ErrorCode::kUnsupportedModel,
                fmt::format("the checkpoint has {} tensors that the model does not know: {}",
                            unknown.size(), listed(unknown)));
  }
  return ignored;
}

Status check_vector(const StoredTensors& tensors, const TensorSpec& spec) {
  if (const auto shape = expect_shape(tensors, spec.name, spec.shape); !shape) {
    return shape;
  }
  const StoredTensor& stored = *find_in(tensors, spec.name);
  const DType dtype = stored.dtype;
  const bool floats = dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
  return floats ? Status() : wrong_dtype(spec.name, stored);
}

Result<QuantFormat> check_linear(const StoredTensors& tensors, const TensorSpec& spec,
                                 const QuantConfig& quant) {
  const auto format = format_of(tensors, spec);
  if (!format) {
    return format;
  }
  const std::string module = spec.module();
  const bool quantized = *format == QuantFormat::kFp8 || *format == QuantFormat::kNvfp4;
  if (quantized && (module.ends_with(".gate") || module == "backbone.embeddings")) {
    return fail(ErrorCode::kUnsupportedModel,
                fmt::format("tensor {} is quantized, which is not supported there", spec.name));
  }
  const auto announced = quant.check_module(module, *format);
  return announced ? format : fail(announced.error());
}

Status check_missing(const StoredTensors& tensors, const std::vector<TensorSpec>& table) {
  std::vector<std::string> missing;
  for (const TensorSpec& spec : table) {
    if (!tensors.contains(spec.name)) {
      missing.push_back(spec.name);
    }
  }
  if (missing.empty()) {
    return {};
  }
  return fail(ErrorCode::kCorruptFile,
              fmt::format("the checkpoint lacks {} tensors: {}", missing.size(), listed(missing)));
}

}  // namespace

Result<QuantFormat> format_of(const StoredTensors& tensors, const TensorSpec& spec) {
  const StoredTensor* weight = find_in(tensors, spec.name);
  if (weight == nullptr) {
    return fail(ErrorCode::kCorruptFile, fmt::format("tensor {} is missing", spec.name));
  }
  QuantFormat format = QuantFormat::kBF16;
  std::vector<int64_t> shape = spec.shape;
  switch (weight->dtype) {
    case DType::kF32:
      format = QuantFormat::kF32;
      break;
    case DType::kF16:
      format = QuantFormat::kF16;
      break;
    case DType::kBF16:
      format = QuantFormat::kBF16;
      break;
    case DType::kF8E4M3:
      format = QuantFormat::kFp8;
      break;
    case DType::kU8:
      format = QuantFormat::kNvfp4;
      shape[1] /= 2;
      break;
    case DType::kBool:
    case DType::kI32:
    case DType::kI64:
      return wrong_dtype(spec.name, *weight);
  }
  if (format == QuantFormat::kNvfp4 && spec.shape[1] % kNvfp4Block != 0) {
    return fail(ErrorCode::kCorruptFile,
                fmt::format("tensor {} is nvfp4, but its {} columns are no whole blocks of {}",
                            spec.name, spec.shape[1], kNvfp4Block));
  }
  if (weight->shape != shape) {
    return wrong_shape(spec.name, *weight, shape);
  }
  const auto scales = check_scales(tensors, spec, format);
  return scales ? Result<QuantFormat>(format) : fail(scales.error());
}

Result<CheckedTensors> check_tensors(StoredTensors& tensors, const Expectation& expected) {
  CheckedTensors checked;
  const bool mtp_stored = std::any_of(tensors.begin(), tensors.end(), [](const auto& entry) {
    return entry.first.starts_with("mtp.");
  });
  checked.has_mtp = expected.config.mtp_depths > 0 && mtp_stored;
  ModelConfig present = expected.config;
  present.mtp_depths = checked.has_mtp ? present.mtp_depths : 0;
  const std::vector<TensorSpec> table = tensor_table(present);
  if (const auto whole = check_missing(tensors, table); !whole) {
    return fail(whole.error());
  }
  for (const TensorSpec& spec : table) {
    mark_known(spec.name, tensors);
    if (spec.role == TensorRole::kVector) {
      if (const auto sound = check_vector(tensors, spec); !sound) {
        return fail(sound.error());
      }
      continue;
    }
    const auto format = check_linear(tensors, spec, expected.quant);
    if (!format) {
      return fail(format.error());
    }
    checked.formats.emplace(spec.module(), *format);
    mark_scales(spec, *format, tensors);
  }
  auto ignored = drop_unknown(tensors, checked);
  if (!ignored) {
    return fail(ignored.error());
  }
  checked.ignored = std::move(*ignored);
  return checked;
}

}  // namespace dak
