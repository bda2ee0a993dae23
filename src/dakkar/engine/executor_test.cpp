#include "dakkar/engine/executor.h"

#include <gtest/gtest.h>

#include "dakkar/device/backend.h"
#include "dakkar/engine/cache_pool.h"
#include "dakkar/engine/grid_scheduler.h"
#include "simulation/fake_model.h"

namespace dak {
namespace {

/// Sizes for up to four short sequences.
RankMemory test_memory(const Executor& executor) {
  const CacheSpec& spec = executor.cache_spec();
  RankMemory memory;
  memory.limits = {.tokens = 512,
                   .sequences = 4,
                   .slots = 4,
                   .max_pages = 8,
                   .arena_bytes = CachePool::bytes_for(spec, 16, 4),
                   .cache = spec,
                   .list_entries = 64};
  memory.workspace_bytes =
      executor.workspace_bytes({.tokens = 512, .sequences = 4, .logit_rows = 4});
  return memory;
}

/// Adds the tokens of handle 1 to `tokens`.
void append_first(const std::vector<Outcome>& outcomes, std::vector<TokenId>& tokens) {
  for (const Outcome& outcome : outcomes) {
    if (outcome.handle == 1) {
      for (const GeneratedToken& token : outcome.event.tokens) {
        tokens.push_back(token.id);
      }
    }
  }
}

class ExecutorTest : public testing::TestWithParam<RankGrid> {
 protected:
  /// Executor and scheduler of the grid.
  void start(const FakeModelConfig& fake) {
    auto started = Executor::start({.load = fake_loader(fake), .load_args = load_args()});
    ASSERT_TRUE(started.has_value()) << started.error().message;
    executor_ = std::move(*started);
    const RankMemory memory = test_memory(*executor_);
    ASSERT_TRUE(executor_->prepare(memory).has_value());
    scheduler_ = std::make_unique<GridScheduler>(GridSchedulerConfig{
        .grid = GetParam(),
        .pool = {.spec = executor_->cache_spec(),
                 .arena_bytes = memory.limits.arena_bytes,
                 .slots = 4},
        .scheduler = {.max_model_len = 1024, .max_num_seqs = 4, .max_step_tokens = 512}});
  }

  [[nodiscard]] ModelLoadArgs load_args() const {
    return {
        .backend = backend_.get(), .tp = GetParam().tp, .dp = GetParam().dp, .ep = GetParam().ep};
  }

  /// Runs one step ahead until nothing is left; gives all tokens of handle 1.
  std::vector<TokenId> run() {
    std::vector<TokenId> tokens;
    while (!scheduler_->idle() || scheduler_->steps_in_flight() > 0) {
      const std::optional<StepPlan> plan = scheduler_->plan();
      if (plan.has_value()) {
        executor_->launch(*plan);
      }
      if (plan.has_value() && scheduler_->steps_in_flight() < Executor::kDepth) {
        continue;
      }
      append_first(scheduler_->commit(executor_->wait().value()), tokens);
    }
    return tokens;
  }

  std::unique_ptr<Backend> backend_ = open_reference().value();
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<GridScheduler> scheduler_;
};

TEST_P(ExecutorTest, RunsStepsAheadOfTheirResults) {
  start({});
  GenerationRequest request;
  request.prompt = {5, 6, 7, 8};
  request.sampling.temperature = 0.0F;
  request.stop.max_tokens = 40;
  const std::vector<TokenId> expected = fake_continuation(request.prompt, 40, 64);
  scheduler_->add(1, std::move(request));
  EXPECT_EQ(run(), expected);
}

TEST_P(ExecutorTest, ASequenceOverManyPagesReadsThemAllBack) {
  start({});
  GenerationRequest request;
  for (int i = 0; i < 500; ++i) {
    request.prompt.push_back(i * 7 % 64);
  }
  request.sampling.temperature = 0.0F;
  request.stop.max_tokens = 30;
  const std::vector<TokenId> expected = fake_continuation(request.prompt, 30, 64);
  scheduler_->add(1, std::move(request));
  EXPECT_EQ(run(), expected);
}

TEST_P(ExecutorTest, LoadErrorsComeBack) {
  const ModelLoader broken = [](const ModelLoadArgs& args) -> Result<std::unique_ptr<Model>> {
    if (args.rank == args.grid().ranks() - 1) {
      return fail(ErrorCode::kCorruptFile, "no such weights");
    }
    return fake_loader({})(args);
  };
  const auto executor = Executor::start({.load = broken, .load_args = load_args()});
  ASSERT_FALSE(executor.has_value());
  EXPECT_EQ(executor.error().code, ErrorCode::kCorruptFile);
}

INSTANTIATE_TEST_SUITE_P(Ranks, ExecutorTest,
                         testing::Values(RankGrid{}, RankGrid{.tp = 2}, RankGrid{.tp = 4},
                                         RankGrid{.dp = 2}, RankGrid{.tp = 2, .dp = 2, .ep = 4}));

TEST(ExecutorGridTest, RefusesExpertsDealtOverSomeOfTheRanks) {
  const std::unique_ptr<Backend> backend = open_reference().value();
  const auto executor =
      Executor::start({.load = fake_loader({}),
                       .load_args = {.backend = backend.get(), .tp = 2, .dp = 2, .ep = 2}});
  ASSERT_FALSE(executor.has_value());
  EXPECT_EQ(executor.error().param, "expert_parallel_size");
}

TEST(RankWorkerTest, APlanOutsideItsLimitsIsAnErrorNotACrash) {
  const std::unique_ptr<Backend> backend = open_reference().value();
  auto executor =
      Executor::start({.load = fake_loader({}), .load_args = {.backend = backend.get()}}).value();
  ASSERT_TRUE(executor->prepare(test_memory(*executor)).has_value());
  StepPlan plan;
  plan.step = 1;
  SequencePlan lost;
  lost.position = 5;
  lost.rows = 1;
  lost.draw = Draw::kYes;
  GroupPlan& group = plan.groups.emplace_back();
  group.decodes = 1;
  group.sequences = {lost};
  group.ids = {-1};
  executor->launch(plan);
  EXPECT_FALSE(executor->wait().has_value());
  EXPECT_FALSE(executor->wait().has_value()) << "a rank that failed has ended";
}

TEST(RankWorkerTest, AStateIsLookedForOnlyWhereTheLastStepLeftIt) {
  const std::unique_ptr<Backend> backend = open_reference().value();
  using Uses = std::pair<CarryUse, CarryUse>;
  for (const auto& [first, second] :
       {Uses{CarryUse::kNone, CarryUse::kRead}, Uses{CarryUse::kNone, CarryUse::kReadWrite},
        Uses{CarryUse::kWrite, CarryUse::kNone}, Uses{CarryUse::kWrite, CarryUse::kWrite},
        Uses{CarryUse::kWrite, CarryUse::kRead}}) {
    auto executor = Executor::start({.load = fake_loader({.carry_layer_bytes = 1 << 20}),
                                     .load_args = {.backend = backend.get()}})
                        .value();
    ASSERT_TRUE(executor->prepare(test_memory(*executor)).has_value());
    const CacheSpec& spec = executor->cache_spec();
    int32_t position = 0;
    for (const CarryUse use : {first, second}) {
      SequencePlan sequence;
      sequence.position = position;
      sequence.rows = 4;
      sequence.pages_from = position == 0 ? 0 : 1;
      sequence.pages_added = position == 0 ? 1 : 0;
      sequence.offsets = position == 0 ? static_cast<int32_t>(spec.state_layers) : 0;
      sequence.carry = use;
      sequence.carry_offsets =
          use == CarryUse::kWrite ? static_cast<int32_t>(spec.state_layers) : 0;
      StepPlan plan;
      GroupPlan& group = plan.groups.emplace_back();
      group.sequences = {sequence};
      group.ids = {1, 2, 3, 4};
      group.pages.assign(static_cast<size_t>(sequence.pages_added), 0);
      group.state_offsets.assign(static_cast<size_t>(sequence.offsets), 1 << 20);
      group.carry_offsets.assign(static_cast<size_t>(sequence.carry_offsets), 2 << 20);
      executor->launch(plan);
      const bool agrees = position == 0 || writes_carry(first) == reads_carry(second);
      EXPECT_EQ(executor->wait().has_value(), agrees) << position;
      position += 4;
    }
  }
}

}  // namespace
}  // namespace dak
