#include <algorithm>
#include <cmath>
#include <limits>

#include "dakkar/device/cpu/row_ops.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

constexpr float kWorst = -std::numeric_limits<float>::infinity();
/// Tokens whose products one part computes, and experts where there are few tokens.
constexpr int64_t kTokensOfPart = 16;
constexpr int64_t kExpertsOfPart = 32;

/// The best experts met so far, best first, ties to the one met first.
class BestExperts {
 public:
  BestExperts(int32_t* ids, float* choices, int64_t most)
      : ids_(ids), choices_(choices), most_(most) {}

  void meet(int32_t id, float choice) {
    if (count_ == most_ && !(choice > choices_[most_ - 1])) {
      return;
    }
    int64_t place = count_ < most_ ? count_++ : most_ - 1;
    for (; place > 0 && choice > choices_[place - 1]; --place) {
      choices_[place] = choices_[place - 1];
      ids_[place] = ids_[place - 1];
    }
    choices_[place] = choice;
    ids_[place] = id;
  }

 private:
  int32_t* ids_;
  float* choices_;
  int64_t most_;
  int64_t count_ = 0;
};

/// Chooses for one token; `choices` is room for k numbers.
void choose(const RouteArgs& args, int64_t t, const float* scores, float* choices) {
  const int64_t k = args.chosen.dim(1);
  const auto* bias = args.bias.as<float>();
  auto* ids = args.chosen.as<int32_t>() + t * args.chosen.stride(0);
  BestExperts best(ids, choices, k);
  for (int64_t e = 0; e < args.gate.dim(0); ++e) {
    const float choice = scores[e] + bias[e];
    best.meet(static_cast<int32_t>(e), std::isnan(choice) ? kWorst : choice);
  }
  float sum = 0.0F;
  for (int64_t j = 0; j < k; ++j) {
    sum += scores[ids[j]];
  }
  auto* weights = args.weights.as<float>() + t * args.weights.stride(0);
  for (int64_t j = 0; j < k; ++j) {
    const float weight = scores[ids[j]];
    weights[j] = (args.normalise ? weight / (sum + 1e-20F) : weight) * args.scaling;
  }
}

/// Everything that parts share.
struct RouteRun {
  const RouteArgs& args;
  const RowKernels& kernels;
  float* scores = nullptr;  ///< [T, E]
};

void score(const RouteRun& run, const WorkRange& tokens, const WorkRange& experts,
           Scratch& scratch) {
  const RouteArgs& args = run.args;
  const int64_t width = args.x.dim(1);
  const std::span<float> x = scratch.take<float>((tokens.end - tokens.begin) * width);
  for (int64_t t = tokens.begin; t < tokens.end; ++t) {
    run.kernels.copy(
        {.x = {row_address(args.x, t), args.x.dtype == DType::kBF16 ? Stored::kBF16 : Stored::kF32},
         .out = {reinterpret_cast<std::byte*>(x.data() + (t - tokens.begin) * width), Stored::kF32},
         .width = width});
  }
  const int64_t stride = args.gate.dim(0);
  run.kernels.gate({.x = x.data(),
                    .tokens = tokens.end - tokens.begin,
                    .gate = {row_address(args.gate, experts.begin),
                             args.gate.dtype == DType::kBF16 ? Stored::kBF16 : Stored::kF32},
                    .gate_bytes = args.gate.stride(0) * size_of(args.gate.dtype),
                    .experts = experts.end - experts.begin,
                    .width = width,
                    .scores = run.scores + tokens.begin * stride + experts.begin,
                    .stride = stride});
}

}  // namespace

bool is_vectorised(const RouteArgs& args) {
  const auto suits = [](const TensorView& view) {
    return view.dtype == DType::kF32 || view.dtype == DType::kBF16;
  };
  return args.n_group == 1 && suits(args.x) && suits(args.gate);
}

template <const RowKernels& kKernels>
void route(WorkerTeam& team, const RouteArgs& args) {
  const int64_t tokens = args.tokens.read();
  const int64_t experts = args.gate.dim(0);
  const int64_t k = args.chosen.dim(1);
  const RouteRun run = {.args = args,
                        .kernels = kKernels,
                        .scores = team.kernel_scratch().take<float>(tokens * experts).data()};
  if (tokens < kTokensOfPart) {
    team.for_ranges({.total = experts, .grain = kExpertsOfPart},
                    [&](WorkRange range, Scratch& scratch) {
                      score(run, {.begin = 0, .end = tokens}, range, scratch);
                    });
    const std::span<float> choices = team.kernel_scratch().take<float>(k);
    for (int64_t t = 0; t < tokens; ++t) {
      choose(args, t, run.scores + t * experts, choices.data());
    }
    return;
  }
  team.for_ranges({.total = tokens, .grain = kTokensOfPart},
                  [&](WorkRange range, Scratch& scratch) {
                    score(run, range, {.begin = 0, .end = experts}, scratch);
                    const std::span<float> choices = scratch.take<float>(k);
                    for (int64_t t = range.begin; t < range.end; ++t) {
                      choose(args, t, run.scores + t * experts, choices.data());
                    }
                  });
}

template void route<kRowsAvx2>(WorkerTeam& team, const RouteArgs& args);
template void route<kRowsAvx512>(WorkerTeam& team, const RouteArgs& args);

}  // namespace dak::cpu
