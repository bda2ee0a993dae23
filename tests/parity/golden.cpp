#include "golden.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "dakkar/weights/safetensors.h"

namespace dak {
namespace {

template <typename T>
T require(Result<T> result) {
  if (!result) {
    check_failed(result.error().message, std::source_location::current());
  }
  return std::move(*result);
}

/// Tensors of one golden file by name.
class GoldenFile final {
 public:
  GoldenFile(const std::string& name, Numerics numerics)
      : file_(require(MappedFile::open("tests/data/goldens/" + name + ".safetensors"))),
        entries_(require(parse_header(file_.bytes()))),
        prefix_(numerics == Numerics::kF32 ? "f32." : "shipped.") {}

  const TensorEntry* find(const std::string& name) const {
    for (const TensorEntry& entry : entries_) {
      if (entry.name == prefix_ + name) {
        return &entry;
      }
    }
    return nullptr;
  }

  template <typename T>
  std::vector<T> read(const std::string& name) const {
    const TensorEntry* entry = find(name);
    check(entry != nullptr, "a golden lacks the tensor " + name);
    std::vector<T> values(static_cast<size_t>(entry->end - entry->begin) / sizeof(T));
    std::memcpy(values.data(), file_.bytes().data() + entry->begin, values.size() * sizeof(T));
    return values;
  }

  std::vector<int64_t> read_positions(const std::string& name) const {
    const std::vector<int32_t> narrow = read<int32_t>(name);
    return {narrow.begin(), narrow.end()};
  }

 private:
  MappedFile file_;
  std::vector<TensorEntry> entries_;
  std::string prefix_;
};

std::vector<GoldenState> read_states(const GoldenFile& file, const ModelConfig& config,
                                     const std::string& suffix) {
  std::vector<GoldenState> states;
  int64_t ordinal = 0;
  for (size_t layer = 0; layer < config.layers.size(); ++layer) {
    if (config.layers[layer] != LayerKind::kMamba) {
      continue;
    }
    const std::string tail = suffix + ".layer" + std::to_string(layer);
    if (file.find("ssm_state" + tail) != nullptr) {
      states.push_back({.layer = static_cast<int64_t>(layer),
                        .ordinal = ordinal,
                        .ssm = file.read<float>("ssm_state" + tail),
                        .conv = file.read<float>("conv_state" + tail)});
    }
    ++ordinal;
  }
  return states;
}

}  // namespace

TinyCheckpoint open_tiny(const std::string& name) {
  const std::filesystem::path folder = "tests/data/checkpoints/" + name;
  ModelConfig config = require(ModelConfig::load(folder));
  QuantConfig quant = require(QuantConfig::load(folder));
  WeightSet weights = require(WeightSet::open(folder, config));
  return {.name = name,
          .config = std::move(config),
          .quant = std::move(quant),
          .weights = std::move(weights)};
}

Golden read_golden(const TinyCheckpoint& tiny, Numerics numerics) {
  const GoldenFile file(tiny.name, numerics);
  Golden golden;
  golden.ids = file.read<TokenId>("ids");
  golden.positions = file.read_positions("positions");
  golden.logits = file.read<float>("logits");
  if (file.find("mtp_logits") != nullptr) {
    golden.mtp_positions = file.read_positions("mtp_positions");
    golden.mtp_logits = file.read<float>("mtp_logits");
  }
  golden.final_states = read_states(file, tiny.config, "");
  golden.states_at_128 = read_states(file, tiny.config, "_at_128");
  return golden;
}

double relative_distance(const std::vector<float>& ours, const std::vector<float>& golden) {
  check(ours.size() == golden.size(), "compared tensors differ in size");
  return worst_row(ours, golden, {0}, std::ssize(golden));
}

double worst_row(const std::vector<float>& ours, const std::vector<float>& golden,
                 const std::vector<int64_t>& positions, int64_t width) {
  double worst = 0.0;
  for (size_t i = 0; i < positions.size(); ++i) {
    double distance = 0.0;
    double norm = 0.0;
    for (int64_t c = 0; c < width; ++c) {
      const double mine = ours.at(static_cast<size_t>(positions[i] * width + c));
      const double theirs = golden.at(i * static_cast<size_t>(width) + static_cast<size_t>(c));
      distance += (mine - theirs) * (mine - theirs);
      norm += theirs * theirs;
    }
    const double relative = std::sqrt(distance / norm);
    worst = std::isnan(relative) ? relative : std::max(worst, relative);
  }
  return worst;
}

std::vector<float> replayed_state(const TinyCheckpoint& tiny, const GoldenState& where,
                                  const MambaLayerState& state) {
  const MambaConfig& mamba = tiny.config.mamba;
  const std::vector<float> a_log = require(
      tiny.weights.vector("backbone.layers." + std::to_string(where.layer) + ".mixer.A_log"));
  const int64_t width = mamba.inner() + mamba.bc_width();
  const int64_t tokens = std::ssize(state.ring_dt) / mamba.heads;
  std::vector<float> kept;
  for (int64_t row = 0; row < mamba.inner(); row += kGoldenRowStep) {
    const int64_t head = row / mamba.head_dim;
    const double a = -std::exp(static_cast<double>(a_log[static_cast<size_t>(head)]));
    std::vector<double> s(state.ssm.begin() + row * mamba.state,
                          state.ssm.begin() + (row + 1) * mamba.state);
    for (int64_t t = 0; t < tokens; ++t) {
      const float* xb = state.ring_xb.data() + t * width;
      const float* b = xb + mamba.inner() + head / mamba.heads_per_group() * mamba.state;
      const double dt = state.ring_dt[static_cast<size_t>(t * mamba.heads + head)];
      for (int64_t n = 0; n < mamba.state; ++n) {
        double& value = s[static_cast<size_t>(n)];
        value = std::exp(dt * a) * value + dt * xb[row] * b[n];
      }
    }
    kept.insert(kept.end(), s.begin(), s.end());
  }
  return kept;
}

}  // namespace dak
