#include "dakkar/weights/quant_config.h"

#include <optional>
#include <utility>

#include <fmt/core.h>
#include <fnmatch.h>

#include "dakkar/weights/text_file.h"

namespace dak {
namespace {

std::string_view name_of(QuantAlgo algo) {
  switch (algo) {
    case QuantAlgo::kNone:
      return "unquantized";
    case QuantAlgo::kFp8:
      return "FP8";
    case QuantAlgo::kNvfp4:
      return "NVFP4";
    case QuantAlgo::kNvfp4Weight:
      return "W4A16_NVFP4";
  }
  return "?";
}

Result<QuantAlgo> algo_named(const JsonView& value) {
  const auto name = value.as_string();
  if (!name) {
    return fail(name.error());
  }
  if (*name == "FP8") {
    return QuantAlgo::kFp8;
  }
  if (*name == "NVFP4") {
    return QuantAlgo::kNvfp4;
  }
  if (*name == "W4A16_NVFP4") {
    return QuantAlgo::kNvfp4Weight;
  }
  if (name->empty() || *name == "NONE") {
    return QuantAlgo::kNone;
  }
  return fail(ErrorCode::kUnsupportedModel,
              fmt::format("{} is {}, which is none of FP8, NVFP4, W4A16_NVFP4, MIXED_PRECISION",
                          value.path(), json_quote(name->substr(0, 80))));
}

bool stored_as(QuantAlgo algo, QuantFormat format) {
  switch (format) {
    case QuantFormat::kF32:
    case QuantFormat::kF16:
    case QuantFormat::kBF16:
      return algo == QuantAlgo::kNone;
    case QuantFormat::kFp8:
      return algo == QuantAlgo::kFp8;
    case QuantFormat::kNvfp4:
      return algo == QuantAlgo::kNvfp4 || algo == QuantAlgo::kNvfp4Weight;
  }
  return false;
}

/// Modules whose inputs or use forbid quantization in every release, whatever the lists say.
bool never_quantized(std::string_view module) {
  return module.ends_with(".gate") || module.ends_with(".conv1d") || module.ends_with("embeddings");
}

bool excluded_by(const std::string& pattern, const std::string& module) {
  if (fnmatch(pattern.c_str(), module.c_str(), 0) == 0) {
    return true;
  }
  const bool prefix = module.size() > pattern.size() && module.starts_with(pattern);
  return prefix && !pattern.empty() && module[pattern.size()] == '.';
}

Status read_excludes(const JsonView& object, QuantConfig& config) {
  for (const std::string_view key : {"exclude_modules", "ignore"}) {
    const auto list = object.find(key);
    if (!list) {
      continue;
    }
    const auto elements = list->as_array();
    if (!elements) {
      return fail(elements.error());
    }
    for (const JsonView& element : *elements) {
      const auto pattern = element.as_string();
      if (!pattern) {
        return fail(pattern.error());
      }
      config.excludes.emplace_back(*pattern);
    }
  }
  return {};
}

Status read_modules(const JsonView& object, QuantConfig& config) {
  const auto layers = object.find("quantized_layers");
  if (!layers) {
    return {};
  }
  const auto members = layers->as_object();
  if (!members) {
    return fail(members.error());
  }
  for (const auto& [module, entry] : *members) {
    const auto algo = required(entry, "quant_algo").and_then(algo_named);
    if (!algo) {
      return fail(algo.error());
    }
    if (const auto size = integer_or(entry, "group_size", kNvfp4Block);
        *algo != QuantAlgo::kFp8 && size != kNvfp4Block) {
      return fail(ErrorCode::kUnsupportedModel,
                  fmt::format("{}.group_size must be {}", entry.path(), kNvfp4Block));
    }
    config.modules.emplace(module, *algo);
  }
  return {};
}

Status read_whole(const JsonView& object, QuantConfig& config) {
  if (const auto method = object.find("quant_method");
      method && method->as_string() != std::string_view("modelopt")) {
    return fail(ErrorCode::kUnsupportedModel,
                fmt::format("{} is not modelopt, the only supported one", method->path()));
  }
  const auto algo = object.find("quant_algo");
  if (!algo) {
    return {};
  }
  if (algo->as_string() == std::string_view("MIXED_PRECISION")) {
    config.mixed = true;
    return {};
  }
  const auto whole = algo_named(*algo);
  if (!whole) {
    return fail(whole.error());
  }
  config.whole = *whole;
  return {};
}

Status read_kv_cache(const JsonView& object, QuantConfig& config) {
  if (const auto algo = object.find("kv_cache_quant_algo")) {
    const auto named = algo_named(*algo);
    if (!named || (*named != QuantAlgo::kFp8 && *named != QuantAlgo::kNone)) {
      return fail(ErrorCode::kUnsupportedModel,
                  fmt::format("{} must be FP8 or null", algo->path()));
    }
    config.fp8_kv_cache = *named == QuantAlgo::kFp8;
  }
  if (const auto scheme = object.find("kv_cache_scheme")) {
    if (integer_or(*scheme, "num_bits", 8) != 8 ||
        string_or(*scheme, "type", "float") != std::string("float")) {
      return fail(ErrorCode::kUnsupportedModel,
                  fmt::format("{} must be 8-bit floats", scheme->path()));
    }
    config.fp8_kv_cache = true;
  }
  return {};
}

/// The object `key` of a JSON file, or the whole file's error; nothing when file or key is absent.
Result<std::optional<QuantConfig>> load_member(const std::filesystem::path& path,
                                               std::string_view key) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return std::nullopt;
  }
  const auto text = read_text_file(path);
  if (!text) {
    return fail(text.error());
  }
  const auto document = JsonDocument::parse(
      *text, {.non_finite = JsonNonFinite::kAccept, .error = ErrorCode::kCorruptFile});
  if (!document) {
    return fail_in(path.string(), document.error());
  }
  const auto member = document->root().find(key);
  if (!member) {
    return std::nullopt;
  }
  auto config = QuantConfig::parse(*member);
  if (!config) {
    return fail_in(path.string(), config.error());
  }
  return std::optional(std::move(*config));
}

}  // namespace

Result<QuantConfig> QuantConfig::parse(const JsonView& object) {
  if (!object.is_object()) {
    return object.refuse("must be an object");
  }
  QuantConfig config;
  for (const auto read : {read_whole, read_kv_cache, read_excludes, read_modules}) {
    if (const auto done = read(object, config); !done) {
      return fail(done.error());
    }
  }
  return config;
}

Result<QuantConfig> QuantConfig::load(const std::filesystem::path& folder) {
  auto own = load_member(folder / "hf_quant_config.json", "quantization");
  if (!own || own->has_value()) {
    return own ? Result<QuantConfig>(std::move(**own)) : fail(own.error());
  }
  auto inner = load_member(folder / "config.json", "quantization_config");
  if (!inner) {
    return fail(inner.error());
  }
  return inner->value_or(QuantConfig());
}

std::optional<QuantAlgo> QuantConfig::named_algo_of(std::string_view module) const {
  if (never_quantized(module)) {
    return QuantAlgo::kNone;
  }
  const std::string name(module);
  if (const auto exact = modules.find(name); exact != modules.end()) {
    return exact->second;
  }
  constexpr std::string_view kExperts = ".mixer.experts";
  if (const size_t at = name.find(kExperts); at != std::string::npos) {
    const auto all = modules.find(name.substr(0, at + kExperts.size()));
    if (all != modules.end()) {
      return all->second;
    }
  }
  for (const std::string& pattern : excludes) {
    if (excluded_by(pattern, name)) {
      return QuantAlgo::kNone;
    }
  }
  return mixed && !modules.empty() ? std::optional(QuantAlgo::kNone) : std::nullopt;
}

QuantAlgo QuantConfig::algo_of(std::string_view module) const {
  return named_algo_of(module).value_or(mixed ? QuantAlgo::kNone : whole);
}

Status QuantConfig::check_module(std::string_view module, QuantFormat stored) const {
  const std::optional<QuantAlgo> announced = named_algo_of(module);
  const bool unquantized = stored_as(QuantAlgo::kNone, stored);
  if (!announced || stored_as(*announced, stored) ||
      (unquantized && !modules.contains(std::string(module)))) {
    return {};
  }
  return fail(ErrorCode::kCorruptFile,
              fmt::format("{} is stored as {}, but the quantization config says {}", module,
                          dak::name_of(stored), name_of(*announced)));
}

}  // namespace dak
