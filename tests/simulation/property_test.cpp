#include <ostream>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "dakkar/model/layers/mamba2.h"
#include "simulation/property_dice.h"
#include "simulation/sameness.h"
#include "simulation/schedule_runner.h"
#include "simulation/tiny_model.h"

namespace dak {
namespace {

constexpr int64_t kLongest = 512;
/// Where states are compared: no multiples of 16, whose base depends on how they were reached.
const std::set<int64_t> kStatePositions = {130, 137, 203, 263, 301};

/// One checkpoint, one device, one way of computing, and how much of it is tried.
struct Case {
  const char* checkpoint;
  TinyDevice device = TinyDevice::kReference;
  Numerics numerics = Numerics::kShipped;
  int tp = 1;
  int64_t requests = 6;
  int64_t rounds = 1;
  int dp = 1;
  int ep = 1;
  StateStorage state = StateStorage::kAuto;

  [[nodiscard]] RankGrid grid() const { return {.tp = tp, .dp = dp, .ep = ep}; }
};

std::string name_of(const Case& tried) {
  return std::string(tried.checkpoint) +
         (tried.device == TinyDevice::kCpu ? "_cpu" : "_reference") +
         (tried.numerics == Numerics::kF32 ? "_f32" : "_shipped") + "_tp" +
         std::to_string(tried.tp) + (tried.dp > 1 ? "_dp" + std::to_string(tried.dp) : "") +
         (tried.ep > 1 ? "_ep" + std::to_string(tried.ep) : "") +
         (tried.state == StateStorage::kF16 ? "_f16" : "");
}

std::ostream& operator<<(std::ostream& out, const Case& tried) {
  return out << name_of(tried);
}

/// What `--gtest_random_seed` says, else another one each time.
uint64_t choose_seed() {
  const int32_t wanted = GTEST_FLAG_GET(random_seed);
  return wanted != 0 ? static_cast<uint64_t>(wanted) : std::random_device()() % 99999 + 1;
}

class PropertyTest : public testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] std::unique_ptr<ScheduleRunner> runner(
      const RankGrid& grid, DecodeSteps decode_steps = DecodeSteps::kCaptured) const {
    ModelLoadArgs args = model_.load_args(GetParam().numerics, grid);
    args.state = GetParam().state;
    return std::make_unique<ScheduleRunner>(
        ScheduleRunner::Parts{.load = load_model,
                              .load_args = args,
                              .max_model_len = kLongest,
                              .state_positions = kStatePositions,
                              // One page in an extent, so that few of them make a small pool.
                              .least_page_bytes = int64_t{1200} << 10,
                              .decode_steps = decode_steps});
  }

  /// Each request with nobody beside it: what every other way is compared with.
  [[nodiscard]] static std::vector<RequestRun> run_alone(
      ScheduleRunner& on, const std::vector<TimedRequest>& requests) {
    std::vector<RequestRun> runs;
    for (const TimedRequest& timed : requests) {
      runs.push_back(on.run_alone(timed.request));
    }
    return runs;
  }

  [[nodiscard]] int64_t vocab() const { return model_.config().vocab; }
  [[nodiscard]] std::vector<LayerState> states(const StateSnapshot& snapshot) const {
    MambaDims dims = mamba_dims(model_.config(), DType::kF32, 0);
    dims.stored = dtype_of(GetParam().state);
    return read_states(snapshot, dims);
  }
  [[nodiscard]] bool has_readable_states(int tp) const {
    return GetParam().numerics == Numerics::kF32 && tp == 1;
  }

  const uint64_t seed_ = choose_seed();
  const TinyModel model_{GetParam().checkpoint, GetParam().device};
};

// ---- Class A: not a bit changes ----

class ClassATest : public PropertyTest {
 protected:
  void expect_same_bits(const RequestRun& mixed, const RequestRun& alone) const {
    const size_t count = mixed.tokens.size();
    if (mixed.finish != FinishReason::kAbort) {
      EXPECT_EQ(mixed.finish, alone.finish) << mixed.message;
      ASSERT_EQ(count, alone.tokens.size());
    }
    ASSERT_LE(count, alone.tokens.size());
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(mixed.tokens[i].id, alone.tokens[i].id) << "token " << i;
      ASSERT_EQ(mixed.logits[i], alone.logits[i]) << "logits of token " << i;
    }
    for (const auto& [position, snapshot] : mixed.states) {
      if (has_readable_states(GetParam().tp) && alone.states.contains(position)) {
        EXPECT_EQ(state_distance(states(alone.states.at(position)), states(snapshot)), 0.0)
            << "state at " << position;
      }
    }
  }

  void expect_all_same(const ScheduleRun& run, const std::vector<RequestRun>& alone) const {
    ASSERT_EQ(run.preemptions, 0);
    for (size_t i = 0; i < alone.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "request " << i << ", seed " << seed_);
      ASSERT_TRUE(run.requests[i].finish.has_value());
      expect_same_bits(run.requests[i], alone[i]);
    }
  }
};

TEST_P(ClassATest, NeighboursPlacementCancelsRestartAndCutsAtChunksChangeNoBit) {
  Dice dice(seed_);
  const std::unique_ptr<ScheduleRunner> first = runner(GetParam().grid());
  for (int64_t round = 0; round < GetParam().rounds; ++round) {
    std::vector<TimedRequest> requests = dice.schedule(GetParam().requests, vocab());
    const std::vector<RequestRun> alone = run_alone(*first, requests);
    {
      SCOPED_TRACE("neighbours");
      expect_all_same(first->run(requests, {.max_num_seqs = 3}), alone);
    }
    {
      SCOPED_TRACE("decode steps that are not captured");
      expect_all_same(runner(GetParam().grid(), DecodeSteps::kEager)->run(requests, {}), alone);
    }
    {
      SCOPED_TRACE("placement, lag, cuts at multiples of 128");
      expect_all_same(first->run(requests, {.carries = 1,
                                            .max_step_tokens = 1,
                                            .placement_seed = seed_ | 1U,
                                            .lag_seed = seed_ | 1U,
                                            .cut = dice.cuts_at_some_chunk()}),
                      alone);
    }
    {
      SCOPED_TRACE("cancels, other arrivals, a restarted engine");
      for (TimedRequest& timed : requests) {
        timed.arrival = dice.between(0, 8);
        timed.cancel = dice.between(0, 2) == 0 ? timed.arrival + dice.between(0, 10) : -1;
      }
      expect_all_same(runner(GetParam().grid())->run(requests, {.max_step_tokens = 300}), alone);
    }
  }
}

// ---- Class B: near-ties only ----

/// The other way that a comparison is with.
struct Path {
  int tp = 1;
  RoundedAt rounded = RoundedAt::kSamePlaces;
};

class ClassBTest : public PropertyTest {
 protected:
  /// Judges all requests of one other way by the path error measured over all of them.
  void expect_near(const ScheduleRun& run, const std::vector<TimedRequest>& requests,
                   const std::vector<RequestRun>& alone, const Path& path = {}) {
    const Bars bars = bars_of(GetParam().state, path.rounded);
    std::vector<PathComparison> comparisons;
    PathError error;
    for (size_t i = 0; i < alone.size(); ++i) {
      ASSERT_EQ(run.requests[i].finish, alone[i].finish) << run.requests[i].message;
      comparisons.push_back(compare_paths(requests[i].request, alone[i], run.requests[i]));
      error.widen(comparisons.back().error);
    }
    for (size_t i = 0; i < alone.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "request " << i << ", seed " << seed_);
      judge(comparisons[i], error);
      if (has_readable_states(path.tp)) {
        expect_states_near(alone[i], run.requests[i], bars.state);
      }
    }
    if (GetParam().numerics == Numerics::kF32) {
      EXPECT_LE(error.relative, bars.logits);
    }
    sequences_ += std::ssize(alone);
    worst_.widen(error);
  }

  void judge(const PathComparison& comparison, const PathError& error) {
    if (!comparison.divergence.has_value()) {
      return;
    }
    const Divergence& divergence = *comparison.divergence;
    EXPECT_LT(divergence.edge, 4.0 * (divergence.greedy ? error.logit : error.cdf))
        << "token " << divergence.index << " differs and was no near-tie";
    ++diverged_;
  }

  void expect_states_near(const RequestRun& alone, const RequestRun& other, double bar) {
    for (const auto& [position, snapshot] : other.states) {
      // Generated tokens before the position must agree, or the states are of different texts.
      if (alone.states.contains(position) && tokens_agree(alone, other)) {
        EXPECT_LE(state_distance(states(alone.states.at(position)), states(snapshot)), bar)
            << "state at " << position;
        ++states_compared_;
      }
    }
  }

  [[nodiscard]] static bool tokens_agree(const RequestRun& a, const RequestRun& b) {
    return std::equal(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end(),
                      [](const auto& x, const auto& y) { return x.id == y.id; });
  }

  void report(const char* way) const {
    std::printf(
        "%s: %lld of %lld sequences differ, logits by %.1e (relative %.1e), cdf %.1e, "
        "%lld states compared\n",
        way, static_cast<long long>(diverged_), static_cast<long long>(sequences_), worst_.logit,
        worst_.relative, worst_.cdf, static_cast<long long>(states_compared_));
    if (GetParam().numerics == Numerics::kF32 && GetParam().state != StateStorage::kF16) {
      EXPECT_LE(diverged_, std::max<int64_t>(1, sequences_ / 50)) << "more than 2% differ";
    }
  }

  int64_t sequences_ = 0;
  int64_t diverged_ = 0;
  int64_t states_compared_ = 0;
  PathError worst_;
};

TEST_P(ClassBTest, PreemptionByRecomputeTurnsOnlyNearTies) {
  Dice dice(seed_);
  const std::unique_ptr<ScheduleRunner> on = runner({});
  for (int64_t round = 0; round < GetParam().rounds; ++round) {
    const std::vector<TimedRequest> requests = dice.crowded_schedule(GetParam().requests, vocab());
    const ScheduleRun run =
        on->run(requests, {.pages = 3, .forecast_tokens = 1, .lag_seed = seed_ | 1U});
    EXPECT_GT(run.preemptions, 0);
    expect_near(run, requests, run_alone(*on, requests), {.rounded = RoundedAt::kOtherPlaces});
  }
  report("recompute");
}

TEST_P(ClassBTest, OtherCutsTurnOnlyNearTies) {
  Dice dice(seed_);
  const std::unique_ptr<ScheduleRunner> on = runner({});
  for (int64_t round = 0; round < GetParam().rounds; ++round) {
    const std::vector<TimedRequest> requests = dice.schedule(GetParam().requests, vocab());
    expect_near(on->run(requests, {.cut = dice.cuts_anywhere()}), requests,
                run_alone(*on, requests));
  }
  report("other cuts");
}

TEST_P(ClassBTest, OtherNumbersOfRanksTurnOnlyNearTies) {
  Dice dice(seed_);
  const std::unique_ptr<ScheduleRunner> on = runner({});
  const std::unique_ptr<ScheduleRunner> two = runner({.tp = 2});
  const std::unique_ptr<ScheduleRunner> four = runner({.tp = 4});
  const std::unique_ptr<ScheduleRunner> grid = runner({.tp = 2, .dp = 2, .ep = 4});
  for (int64_t round = 0; round < GetParam().rounds; ++round) {
    const std::vector<TimedRequest> requests = dice.schedule(GetParam().requests, vocab());
    const std::vector<RequestRun> alone = run_alone(*on, requests);
    expect_near(two->run(requests, {}), requests, alone, {.tp = 2});
    expect_near(four->run(requests, {}), requests, alone, {.tp = 4});
    expect_near(grid->run(requests, {}), requests, alone, {.tp = 2});
  }
  report("tp 2 and 4, tp 2 x dp 2 with dealt experts");
}

const auto kName = [](const auto& test) { return name_of(test.param); };

INSTANTIATE_TEST_SUITE_P(
    Fast, ClassATest,
    testing::Values(
        Case{.checkpoint = "latent_bf16", .device = TinyDevice::kCpu},
        Case{.checkpoint = "dense_modelopt", .tp = 2},
        Case{.checkpoint = "dense_bf16", .device = TinyDevice::kCpu, .dp = 2},
        Case{.checkpoint = "latent_modelopt",
             .device = TinyDevice::kCpu,
             .tp = 2,
             .requests = 8,
             .dp = 2,
             .ep = 4},
        Case{.checkpoint = "moe_bf16", .numerics = Numerics::kF32},
        Case{.checkpoint = "dense_bf16", .numerics = Numerics::kF32, .state = StateStorage::kF16},
        Case{.checkpoint = "latent_modelopt",
             .device = TinyDevice::kCpu,
             .state = StateStorage::kF16}),
    kName);
INSTANTIATE_TEST_SUITE_P(
    Fast, ClassBTest,
    testing::Values(
        Case{.checkpoint = "latent_bf16", .numerics = Numerics::kF32},
        Case{.checkpoint = "dense_modelopt", .device = TinyDevice::kCpu},
        Case{.checkpoint = "latent_bf16", .numerics = Numerics::kF32, .state = StateStorage::kF16}),
    kName);

std::vector<Case> every_case(int64_t requests, int64_t rounds) {
  std::vector<Case> cases;
  for (const char* checkpoint : {"latent_bf16", "latent_modelopt", "moe_bf16", "moe_modelopt",
                                 "dense_bf16", "dense_modelopt"}) {
    for (const int tp : {1, 2, 4}) {
      cases.push_back({.checkpoint = checkpoint,
                       .device = TinyDevice::kCpu,
                       .tp = tp,
                       .requests = requests,
                       .rounds = rounds});
    }
    for (const RankGrid& grid : {RankGrid{.dp = 2}, RankGrid{.tp = 2, .dp = 2, .ep = 4}}) {
      cases.push_back({.checkpoint = checkpoint,
                       .device = TinyDevice::kCpu,
                       .tp = grid.tp,
                       .requests = requests,
                       .rounds = rounds,
                       .dp = grid.dp,
                       .ep = grid.ep});
    }
    for (const StateStorage state : {StateStorage::kF32, StateStorage::kF16}) {
      cases.push_back({.checkpoint = checkpoint,
                       .numerics = Numerics::kF32,
                       .requests = requests,
                       .rounds = rounds,
                       .state = state});
    }
    cases.push_back({.checkpoint = checkpoint,
                     .device = TinyDevice::kCpu,
                     .tp = 2,
                     .requests = requests,
                     .rounds = rounds,
                     .state = StateStorage::kF16});
  }
  return cases;
}

std::vector<Case> every_case_of_one_rank(int64_t requests, int64_t rounds) {
  std::vector<Case> cases = every_case(requests, rounds);
  std::erase_if(cases, [](const Case& tried) { return tried.tp != 1 || tried.dp != 1; });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Whole, ClassATest, testing::ValuesIn(every_case(10, 2)), kName);
INSTANTIATE_TEST_SUITE_P(Whole, ClassBTest, testing::ValuesIn(every_case_of_one_rank(10, 5)),
                         kName);

}  // namespace
}  // namespace dak
