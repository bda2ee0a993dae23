#include "dakkar/weights/layer_list.h"

#include <optional>
#include <utility>

#include <fmt/core.h>

namespace dak {
namespace {

std::optional<LayerKind> kind_of_letter(char letter) {
  switch (letter) {
    case 'M':
      return LayerKind::kMamba;
    case '*':
      return LayerKind::kAttention;
    case '-':
      return LayerKind::kMlp;
    case 'E':
      return LayerKind::kMoe;
    default:
      return std::nullopt;
  }
}

std::optional<LayerKind> kind_of_word(std::string_view word) {
  if (word == "mamba" || word == "linear_attention") {
    return LayerKind::kMamba;
  }
  if (word == "attention" || word == "full_attention") {
    return LayerKind::kAttention;
  }
  if (word == "mlp") {
    return LayerKind::kMlp;
  }
  if (word == "moe") {
    return LayerKind::kMoe;
  }
  return std::nullopt;
}

Result<std::vector<LayerKind>> read_letters(std::string_view letters) {
  std::vector<LayerKind> layers;
  for (const char letter : letters) {
    if (letter == '|') {
      continue;
    }
    const auto kind = kind_of_letter(letter);
    if (!kind) {
      return fail(ErrorCode::kUnsupportedModel,
                  fmt::format("layer {} of the pattern is {}, which is none of M E * -",
                              layers.size(), json_quote(std::string_view(&letter, 1))));
    }
    layers.push_back(*kind);
  }
  return layers;
}

}  // namespace

char letter_of(LayerKind kind) {
  switch (kind) {
    case LayerKind::kMamba:
      return 'M';
    case LayerKind::kAttention:
      return '*';
    case LayerKind::kMlp:
      return '-';
    case LayerKind::kMoe:
      return 'E';
  }
  return '?';
}

Result<LayerLists> parse_pattern(std::string_view pattern) {
  LayerLists lists;
  bool first = true;
  while (first || !pattern.empty()) {
    const size_t slash = pattern.find('/');
    auto layers = read_letters(pattern.substr(0, slash));
    pattern.remove_prefix(slash == std::string_view::npos ? pattern.size() : slash + 1);
    if (!layers) {
      return fail(layers.error());
    }
    if (std::exchange(first, false)) {
      lists.main = std::move(*layers);
      continue;
    }
    if (lists.mtp_depths++ > 0 && lists.mtp != *layers) {
      return fail(ErrorCode::kUnsupportedModel, "the MTP depths of the pattern differ");
    }
    lists.mtp = std::move(*layers);
  }
  return lists;
}

Result<LayerLists> parse_layers(const JsonView& value) {
  if (value.is_string()) {
    auto lists = parse_pattern(value.as_string().value());
    return lists ? lists : fail_in(value.path(), lists.error());
  }
  const auto words = value.as_array();
  if (!words) {
    return fail(words.error());
  }
  LayerLists lists;
  for (const JsonView& element : *words) {
    const auto word = element.as_string();
    if (!word) {
      return fail(word.error());
    }
    const auto kind = kind_of_word(*word);
    if (!kind) {
      return fail(ErrorCode::kUnsupportedModel,
                  fmt::format("{} is {}, which is none of mamba, moe, attention, mlp",
                              element.path(), json_quote(word->substr(0, 80))));
    }
    lists.main.push_back(*kind);
  }
  return lists;
}

}  // namespace dak
