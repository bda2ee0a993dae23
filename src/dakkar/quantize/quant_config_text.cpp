#include "dakkar/quantize/quant_config_text.h"

#include <algorithm>

#include <fmt/core.h>

#include "dakkar/base/json.h"

namespace dak {
namespace {

/// A list of strings, each on a line of its own.
std::string list_of(const std::vector<std::string>& names, std::string_view indent) {
  std::string text = "[";
  for (size_t i = 0; i < names.size(); ++i) {
    text += fmt::format("{}\n{}  {}", i > 0 ? "," : "", indent, json_quote(names[i]));
  }
  return text + (names.empty() ? "]" : fmt::format("\n{}]", indent));
}

std::vector<std::string> names_in(const std::vector<QuantizedModule>& modules,
                                  std::optional<QuantFormat> format) {
  std::vector<std::string> names;
  for (const QuantizedModule& module : modules) {
    if (module.format == format) {
      names.push_back(module.name);
    }
  }
  return names;
}

/// What is excluded: one pattern for the MTP head, then names.
std::string excludes(const std::vector<QuantizedModule>& modules, std::string_view indent) {
  std::vector<std::string> names;
  bool mtp = false;
  for (const std::string& name : names_in(modules, std::nullopt)) {
    if (name.starts_with("mtp.")) {
      mtp = true;
    } else {
      names.push_back(name);
    }
  }
  if (mtp) {
    names.emplace_back("mtp*");
  }
  return list_of(names, indent);
}

std::string quantized_layers(const std::vector<QuantizedModule>& modules, std::string_view indent) {
  std::string text = "{";
  for (const QuantizedModule& module : modules) {
    if (!module.format) {
      continue;
    }
    const std::string_view entry = module.format == QuantFormat::kNvfp4
                                       ? R"({"quant_algo": "NVFP4", "group_size": 16})"
                                       : R"({"quant_algo": "FP8"})";
    text += fmt::format("{}\n{}  {}: {}", text.size() > 1 ? "," : "", indent,
                        json_quote(module.name), entry);
  }
  return text + fmt::format("\n{}}}", indent);
}

/// One group of `config_groups`: what its weights and inputs are, and whose.
std::string group(QuantFormat format, std::vector<std::string> names, std::string_view indent) {
  const std::string_view numbers =
      format == QuantFormat::kNvfp4
          ? R"({"dynamic": false, "num_bits": 4, "type": "float", "group_size": 16})"
          : R"({"dynamic": false, "num_bits": 8, "type": "float"})";
  std::sort(names.begin(), names.end());
  return fmt::format(
      "{{\n{0}  \"input_activations\": {1},\n{0}  \"weights\": {1},\n{0}  \"targets\": {2}\n{0}}}",
      indent, numbers, list_of(names, fmt::format("{}  ", indent)));
}

std::string config_groups(const std::vector<QuantizedModule>& modules) {
  std::string text = "{";
  int number = 0;
  for (const QuantFormat format : {QuantFormat::kFp8, QuantFormat::kNvfp4}) {
    std::vector<std::string> names = names_in(modules, format);
    if (!names.empty()) {
      text += fmt::format("{}\n      \"group_{}\": {}", number > 0 ? "," : "", number,
                          group(format, std::move(names), "      "));
      ++number;
    }
  }
  return text + "\n    }";
}

}  // namespace

std::string hf_quant_config_text(const std::vector<QuantizedModule>& modules,
                                 std::string_view version) {
  return fmt::format(R"({{
  "producer": {{
    "name": "dakkar",
    "version": {}
  }},
  "quantization": {{
    "quant_algo": "MIXED_PRECISION",
    "kv_cache_quant_algo": "FP8",
    "exclude_modules": {},
    "quantized_layers": {}
  }}
}}
)",
                     json_quote(version), excludes(modules, "    "),
                     quantized_layers(modules, "    "));
}

Result<std::string> with_quantization_config(std::string_view config_text,
                                             const std::vector<QuantizedModule>& modules,
                                             std::string_view version) {
  const size_t end = config_text.find_last_of('}');
  if (end == std::string_view::npos) {
    return fail(ErrorCode::kCorruptFile, "config.json is no JSON object");
  }
  const size_t last = config_text.find_last_not_of(" \t\r\n", end - 1);
  return fmt::format(R"({},
  "quantization_config": {{
    "quant_method": "modelopt",
    "quant_algo": "MIXED_PRECISION",
    "kv_cache_scheme": {{"dynamic": false, "num_bits": 8, "type": "float"}},
    "config_groups": {},
    "quantized_layers": {},
    "ignore": {},
    "producer": {{"name": "dakkar", "version": {}}}
  }}
}}
)",
                     config_text.substr(0, last + 1), config_groups(modules),
                     quantized_layers(modules, "    "), excludes(modules, "    "),
                     json_quote(version));
}

}  // namespace dak
