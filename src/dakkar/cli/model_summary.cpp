#include "dakkar/cli/model_summary.h"

#include <array>
#include <string_view>

#include <fmt/core.h>

namespace dak {
namespace {

std::string scaled(double value, std::string_view suffix) {
  return value < 10.0 ? fmt::format("{:.2f} {}", value, suffix)
                      : fmt::format("{:.1f} {}", value, suffix);
}

}  // namespace

std::string human_bytes(int64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000.0 && unit + 1 < kUnits.size()) {
    value /= 1000.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : scaled(value, kUnits[unit]);
}

std::string human_count(int64_t count) {
  constexpr std::array<std::string_view, 4> kUnits = {"", "K", "M", "B"};
  auto value = static_cast<double>(count);
  size_t unit = 0;
  while (value >= 1000.0 && unit + 1 < kUnits.size()) {
    value /= 1000.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{}", count) : scaled(value, kUnits[unit]);
}

std::string layers_line(const ModelConfig& config) {
  std::string line = fmt::format("{} layers:", config.layers.size());
  const auto add = [&](int64_t count, std::string_view what) {
    if (count > 0) {
      line += fmt::format("{} {} {}", line.back() == ':' ? "" : ",", count, what);
    }
  };
  add(config.count(LayerKind::kMamba), "Mamba-2");
  add(config.count(LayerKind::kAttention), "attention");
  add(config.count(LayerKind::kMlp), "MLP");
  add(config.count(LayerKind::kMoe), config.moe.latent > 0 ? "latent MoE" : "MoE");
  if (config.moe.experts > 0) {
    line += fmt::format(" of {} experts, {} per token", config.moe.experts, config.moe.chosen);
  }
  if (!config.mtp_layers.empty()) {
    line += ", MTP head";
  }
  return line;
}

}  // namespace dak
