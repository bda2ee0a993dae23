#include "simulation/sameness.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "dakkar/device/row_access.h"

namespace dak {
namespace {

std::vector<double> cumulative(const std::vector<float>& logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  std::vector<double> cdf;
  for (const float logit : logits) {
    sum += std::exp(static_cast<double>(logit) - largest);
    cdf.push_back(sum);
  }
  for (double& value : cdf) {
    value /= sum;
  }
  return cdf;
}

double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) {
    return std::numeric_limits<double>::infinity();
  }
  double difference = 0.0;
  double norm = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    norm += std::pow(static_cast<double>(a[i]), 2);
  }
  return norm == 0.0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

PathError row_error(const std::vector<float>& a, const std::vector<float>& b) {
  const std::vector<double> left = cumulative(a);
  const std::vector<double> right = cumulative(b);
  PathError error;
  error.relative = relative_distance(a, b);
  for (size_t i = 0; i < a.size(); ++i) {
    error.logit = std::max(error.logit, std::abs(static_cast<double>(a[i]) - b[i]));
    error.cdf = std::max(error.cdf, std::abs(left[i] - right[i]));
  }
  return error;
}

std::vector<float> floats_at(const std::byte* from, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  std::memcpy(values.data(), from, values.size() * sizeof(float));
  return values;
}

void append(std::vector<float>& to, const std::vector<float>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

PathComparison compare_paths(const GenerationRequest& request, const RequestRun& a,
                             const RequestRun& b) {
  PathComparison comparison;
  const size_t count = std::min(a.tokens.size(), b.tokens.size());
  for (size_t i = 0; i < count && !comparison.divergence.has_value(); ++i) {
    comparison.error.widen(row_error(a.logits[i], b.logits[i]));
    if (a.tokens[i].id != b.tokens[i].id) {
      comparison.divergence = Divergence{.index = i,
                                         .edge = static_cast<double>(a.tokens[i].edge),
                                         .greedy = request.sampling.temperature == 0.0F};
    }
  }
  return comparison;
}

std::vector<LayerState> read_states(const StateSnapshot& snapshot, const MambaDims& dims) {
  const MambaStateLayout layout = mamba_state_layout(dims);
  const int64_t xb = dims.inner() + dims.groups * dims.state;
  std::vector<LayerState> layers;
  for (int64_t at = 0; at < std::ssize(snapshot.blocks); at += layout.bytes) {
    const std::byte* block = snapshot.blocks.data() + at;
    LayerState& layer = layers.emplace_back();
    layer.ssm.resize(static_cast<size_t>(dims.inner() * dims.state));
    if (snapshot.base > 0) {
      load_floats(block + layout.ssm, dims.stored, layer.ssm);
    }
    layer.conv = floats_at(block + layout.conv, dims.window * dims.channels());
    for (int64_t p = snapshot.base; p < snapshot.position; ++p) {
      const int64_t row = p % dims.ring;
      append(layer.ring, floats_at(block + layout.ring_xb + row * xb * 4, xb));
      append(layer.ring, floats_at(block + layout.ring_dt + row * dims.heads * 4, dims.heads));
    }
  }
  return layers;
}

double state_distance(const std::vector<LayerState>& a, const std::vector<LayerState>& b) {
  if (a.size() != b.size()) {
    return std::numeric_limits<double>::infinity();
  }
  double worst = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    worst = std::max({worst, relative_distance(a[i].ssm, b[i].ssm),
                      relative_distance(a[i].ring, b[i].ring),
                      relative_distance(a[i].conv, b[i].conv)});
  }
  return worst;
}

Bars bars_of(StateStorage state, RoundedAt rounded) {
  if (state != StateStorage::kF16) {
    return {};
  }
  if (rounded == RoundedAt::kOtherPlaces) {
    // A unit of f16 is at most 2^-10 of a value; both ways are off by less than one.
    return {.state = 0x1p-9, .logits = 0x1p-9};
  }
  // A value off by d before it is rounded comes out one unit apart with a chance of d / 2^-11.
  const auto after = [](double near) { return near + std::sqrt(near / 0x1p-11) * 0x1p-10; };
  return {.state = after(Bars().state), .logits = after(Bars().logits)};
}

}  // namespace dak
