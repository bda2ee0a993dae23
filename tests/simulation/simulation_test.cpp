#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "dakkar/device/backend.h"
#include "simulation/fake_model.h"
#include "simulation/schedule_runner.h"

namespace dak {
namespace {

constexpr int64_t kVocab = 64;
/// Of a model that carries: three blocks, all of a carry, in an extent.
constexpr int64_t kCarryBytes = int64_t{650} << 10;

/// Draws schedules, limits and cuts from a seed.
class Dice final {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  bool one_in(int64_t n) { return between(1, n) == 1; }

  GenerationRequest request() {
    GenerationRequest request;
    const int64_t length = one_in(3) ? between(100, 450) : between(1, 130);
    for (int64_t i = 0; i < length; ++i) {
      request.prompt.push_back(static_cast<TokenId>(between(0, kVocab - 1)));
    }
    request.sampling.temperature = one_in(2) ? 0.0F : 1.0F;
    request.sampling.seed = random_();
    request.sampling.top_k = one_in(4) ? 5 : 0;
    request.sampling.frequency_penalty = one_in(3) ? 0.5F : 0.0F;
    request.sampling.repetition_penalty = one_in(3) ? 1.2F : 1.0F;
    if (one_in(4)) {
      request.sampling.logit_bias = {{static_cast<TokenId>(between(0, kVocab - 1)), 4.0F}};
    }
    request.stop.max_tokens = one_in(2) ? between(100, 200) : between(1, 50);
    request.stop.min_tokens = one_in(4) ? between(1, 5) : 0;
    if (one_in(4)) {
      request.stop.stop_ids.push_back(static_cast<TokenId>(between(0, kVocab - 1)));
    }
    return request;
  }

  std::vector<TimedRequest> schedule(int64_t count) {
    std::vector<TimedRequest> requests;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t arrival = between(0, 25);
      requests.push_back({.request = request(),
                          .arrival = arrival,
                          .cancel = one_in(4) ? arrival + between(0, 60) : -1});
    }
    return requests;
  }

  Variation variation() {
    Variation variation;
    variation.pages = between(6, 9);
    variation.max_num_seqs = between(1, 8);
    variation.carries = between(1, 3);
    variation.max_step_tokens = between(1, 600);
    variation.forecast_tokens = between(1, 16);
    variation.placement_seed = one_in(2) ? random_() | 1U : 0;
    variation.lag_seed = one_in(2) ? random_() | 1U : 0;
    if (one_in(2)) {
      variation.cut = [this](const CutQuestion& question) {
        return between(1, std::min(question.room, question.end - question.position));
      };
    }
    return variation;
  }

 private:
  std::mt19937_64 random_;
};

std::vector<TokenId> ids_of(const RequestRun& run) {
  std::vector<TokenId> ids;
  for (const GeneratedToken& token : run.tokens) {
    ids.push_back(token.id);
  }
  return ids;
}

/// A request that ran among others gives what it gives alone; a cancelled one the beginning of it.
void expect_as_alone(const RequestRun& mixed, const RequestRun& alone) {
  std::vector<TokenId> expected = ids_of(alone);
  if (mixed.finish == FinishReason::kAbort) {
    expected.resize(std::min(expected.size(), mixed.tokens.size()));
  } else {
    EXPECT_EQ(mixed.finish, alone.finish) << mixed.message;
  }
  EXPECT_EQ(ids_of(mixed), expected);
}

class SimulationTest : public testing::TestWithParam<uint64_t> {};

TEST_P(SimulationTest, EveryRequestGetsTheTokensItGetsAlone) {
  Dice dice(GetParam());
  const std::unique_ptr<Backend> backend = open_reference().value();
  const int64_t carry_bytes = dice.one_in(2) ? kCarryBytes : 0;
  ScheduleRunner runner(
      {.load = fake_loader({.vocab = kVocab, .carry_layer_bytes = carry_bytes}),
       .load_args = {
           .backend = backend.get(), .tp = dice.one_in(4) ? 2 : 1, .dp = dice.one_in(4) ? 2 : 1}});
  int64_t preemptions = 0;
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << GetParam() << ", round " << round);
    const std::vector<TimedRequest> requests = dice.schedule(12);
    const ScheduleRun run = runner.run(requests, dice.variation());
    for (size_t i = 0; i < requests.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "request " << i);
      ASSERT_TRUE(run.requests[i].finish.has_value());
      expect_as_alone(run.requests[i], runner.run_alone(requests[i].request));
    }
    preemptions += run.preemptions;
  }
  RecordProperty("preemptions", std::to_string(preemptions));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimulationTest, testing::Range<uint64_t>(1, 25));

TEST(SimulationReachTest, TheSeedsForcePreemptionsAndCancels) {
  const std::unique_ptr<Backend> backend = open_reference().value();
  for (const int64_t carry_bytes : {int64_t{0}, kCarryBytes}) {
    ScheduleRunner runner({.load = fake_loader({.vocab = kVocab, .carry_layer_bytes = carry_bytes}),
                           .load_args = {.backend = backend.get()}});
    int64_t preemptions = 0;
    int64_t cancelled = 0;
    for (uint64_t seed = 1; seed < 16; ++seed) {
      Dice dice(seed);
      const ScheduleRun run = runner.run(dice.schedule(12), dice.variation());
      preemptions += run.preemptions;
      cancelled += std::count_if(run.requests.begin(), run.requests.end(), [](const auto& request) {
        return request.finish == FinishReason::kAbort;
      });
    }
    EXPECT_GT(preemptions, 5) << carry_bytes;
    EXPECT_GT(cancelled, 5) << carry_bytes;
  }
}

TEST(SimulationReachTest, ALostTokenChangesWhatFollows) {
  EXPECT_NE(fake_continuation({1, 2, 3}, 8, kVocab), fake_continuation({1, 3}, 8, kVocab));
}

}  // namespace
}  // namespace dak
