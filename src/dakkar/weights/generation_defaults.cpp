#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "dakkar/weights/config_fields.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/text_file.h"

namespace dak {
namespace {

// The family's vocabulary: there `</s>` is 2 and `<|im_end|>`, which ends a turn, is 11.
constexpr int64_t kFamilyVocab = 131072;
constexpr int64_t kFamilyStops[] = {2, 11};

struct NumberRange {
  double least;
  double most;
};

std::optional<double> number_in(ConfigFields& fields, std::string_view name, NumberRange range) {
  const auto member = fields.find({name});
  if (!member) {
    return std::nullopt;
  }
  const double value = fields.number({name}, range.least);
  if (!(value >= range.least && value <= range.most)) {
    fields.refuse(ErrorCode::kCorruptFile, fmt::format("{} is {}, which is not within {} and {}",
                                                       name, value, range.least, range.most));
  }
  return value;
}

std::optional<int64_t> integer_in(ConfigFields& fields, std::string_view name, Bounds bounds) {
  if (!fields.find({name})) {
    return std::nullopt;
  }
  return fields.integer({name}, bounds);
}

}  // namespace

std::vector<int64_t> read_token_ids(ConfigFields& fields, std::string_view name, int64_t vocab) {
  const auto member = fields.find({name});
  std::vector<int64_t> ids;
  if (!member) {
    return ids;
  }
  const auto listed = member->is_array() ? member->as_array().value() : std::vector{*member};
  for (const JsonView& element : listed) {
    const auto id = element.as_integer();
    if (!id || *id < 0 || *id >= vocab) {
      fields.refuse(ErrorCode::kCorruptFile,
                    id ? fmt::format("{} is {}, which is no token id", element.path(), *id)
                       : id.error().message);
      return ids;
    }
    ids.push_back(*id);
  }
  return ids;
}

GenerationDefaults GenerationDefaults::without_file(const ModelConfig& config) {
  GenerationDefaults defaults;
  defaults.eos_ids = config.eos_ids;
  if (config.vocab == kFamilyVocab) {
    for (const int64_t id : kFamilyStops) {
      if (std::find(defaults.eos_ids.begin(), defaults.eos_ids.end(), id) ==
          defaults.eos_ids.end()) {
        defaults.eos_ids.push_back(id);
      }
    }
  }
  return defaults;
}

Result<GenerationDefaults> GenerationDefaults::parse(std::string_view json_text,
                                                     const ModelConfig& config) {
  const auto document = JsonDocument::parse(
      json_text, {.non_finite = JsonNonFinite::kAccept, .error = ErrorCode::kCorruptFile});
  if (!document) {
    return fail(document.error());
  }
  if (!document->root().is_object()) {
    return document->root().refuse("must be an object");
  }
  ConfigFields fields(document->root());
  GenerationDefaults defaults;
  defaults.eos_ids = read_token_ids(fields, "eos_token_id", config.vocab);
  defaults.temperature = number_in(fields, "temperature", {0.0, 100.0});
  defaults.top_p = number_in(fields, "top_p", {0.0, 1.0});
  defaults.top_k = integer_in(fields, "top_k", {-1, int64_t{1} << 24});
  defaults.min_p = number_in(fields, "min_p", {0.0, 1.0});
  defaults.repetition_penalty = number_in(fields, "repetition_penalty", {1e-3, 1e3});
  defaults.max_new_tokens = integer_in(fields, "max_new_tokens", {1, int64_t{1} << 40});
  if (fields.failed()) {
    return fail(fields.status().error());
  }
  if (defaults.eos_ids.empty()) {
    defaults.eos_ids = without_file(config).eos_ids;
  }
  return defaults;
}

Result<GenerationDefaults> GenerationDefaults::load(const std::filesystem::path& folder,
                                                    const ModelConfig& config) {
  const std::filesystem::path path = folder / "generation_config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return without_file(config);
  }
  const auto text = read_text_file(path);
  if (!text) {
    return fail(text.error());
  }
  auto defaults = parse(*text, config);
  return defaults ? std::move(defaults) : fail_in(path.string(), defaults.error());
}

}  // namespace dak
