#include "dakkar/engine/engine.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/device/backend.h"
#include "simulation/fake_model.h"

namespace dak {
namespace {

GenerationRequest greedy(std::vector<TokenId> prompt, int64_t max_tokens) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.sampling.temperature = 0.0F;
  request.stop.max_tokens = max_tokens;
  return request;
}

/// All that a stream gave.
struct Collected {
  std::vector<TokenId> tokens;
  std::optional<FinishReason> finish;
  std::string message;
};

Collected collect(TokenStream& stream) {
  Collected all;
  while (std::optional<GenerationEvent> event = stream.next()) {
    for (const GeneratedToken& token : event->tokens) {
      all.tokens.push_back(token.id);
    }
    all.finish = event->finish;
    all.message = event->message;
  }
  return all;
}

template <typename Condition>
bool eventually(const Condition& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

class EngineTest : public testing::Test {
 protected:
  void start(const EngineConfig& limits = {}) {
    EngineParts parts;
    parts.backend = backend_.get();
    parts.limits = limits;
    parts.limits.max_model_len = limits.max_model_len > 0 ? limits.max_model_len : 2048;
    parts.limits.max_num_seqs = limits.max_num_seqs > 0 ? limits.max_num_seqs : 4;
    fake_.gate = &gate_;
    parts.load = fake_loader(fake_);
    auto engine = start_engine(parts);
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    engine_ = std::move(*engine);
  }

  std::unique_ptr<TokenStream> submit(GenerationRequest request) {
    return engine_->submit(std::move(request), [this] { ++wakes_; }).value();
  }

  std::unique_ptr<Backend> backend_ = open_reference().value();
  FakeModelConfig fake_;
  std::atomic<int> gate_{0};
  std::atomic<int> wakes_{0};
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, StreamsTheTokensOfARequest) {
  start();
  const auto stream = submit(greedy({1, 2, 3}, 20));
  const Collected all = collect(*stream);
  EXPECT_EQ(all.tokens, fake_continuation({1, 2, 3}, 20, 64));
  EXPECT_EQ(all.finish, FinishReason::kLength);
  EXPECT_EQ(wakes_.load(), 20);
}

TEST_F(EngineTest, ManyRequestsShareTheEngine) {
  start({.grid = {.tp = 2}, .max_num_seqs = 3});
  std::vector<std::unique_ptr<TokenStream>> streams;
  for (TokenId i = 0; i < 10; ++i) {
    streams.push_back(submit(greedy({i, 9}, 10 + i)));
  }
  for (TokenId i = 0; i < 10; ++i) {
    EXPECT_EQ(collect(*streams[static_cast<size_t>(i)]).tokens,
              fake_continuation({i, 9}, 10 + i, 64));
  }
  EXPECT_EQ(engine_->stats().finished_length, 10);
  EXPECT_EQ(engine_->stats().admitted, 10);
}

TEST_F(EngineTest, CancelEndsAStreamAndFreesItsMemory) {
  start();
  const auto stream = submit(greedy({1}, 2000));
  ASSERT_TRUE(stream->next().has_value());
  engine_->cancel(stream->handle());
  EXPECT_EQ(collect(*stream).finish, FinishReason::kAbort);
  EXPECT_TRUE(eventually([&] { return engine_->stats().slots_used == 0; }));
}

TEST_F(EngineTest, DestroyingAStreamCancelsItsRequest) {
  start();
  auto stream = submit(greedy({1}, 2000));
  ASSERT_TRUE(stream->next().has_value());
  stream.reset();
  EXPECT_TRUE(eventually([&] { return engine_->stats().finished_abort == 1; }));
}

TEST_F(EngineTest, AFullQueueRefuses) {
  gate_ = 1;
  start({.max_num_seqs = 1, .max_queued = 2});
  std::vector<std::unique_ptr<TokenStream>> streams;
  Result<std::unique_ptr<TokenStream>> last = engine_->submit(greedy({1}, 5), {});
  while (last.has_value() && streams.size() < 10) {
    streams.push_back(std::move(*last));
    last = engine_->submit(greedy({1}, 5), {});
  }
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().code, ErrorCode::kResourceExhausted);
  EXPECT_LE(streams.size(), 3U);
  EXPECT_EQ(engine_->stats().refused, 1);
  gate_ = 0;
  for (const auto& stream : streams) {
    EXPECT_EQ(collect(*stream).tokens.size(), 5U);
  }
}

TEST_F(EngineTest, RequestsThatCanNeverFitAreRefused) {
  start();
  const auto stream = engine_->submit(greedy(std::vector<TokenId>(2048, 1), 1), {});
  ASSERT_FALSE(stream.has_value());
  EXPECT_EQ(stream.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(EngineTest, AStepThatStandsStillShowsWithoutTheEnginesHelp) {
  start({.stall_seconds = 0.05});
  EXPECT_FALSE(engine_->stats().stalled) << "an idle engine has not stalled";
  gate_ = 1;
  const auto stream = submit(greedy({1}, 5));
  EXPECT_TRUE(eventually([&] { return engine_->stats().stalled; }));
  const EngineStats standing = engine_->stats();
  EXPECT_TRUE(standing.alive) << "a slow step is no dead engine";
  EXPECT_THAT(standing.waits_for, testing::HasSubstr("rank 0 has done"));
  gate_ = 0;
  EXPECT_EQ(collect(*stream).tokens.size(), 5U);
  EXPECT_TRUE(eventually([&] { return !engine_->stats().stalled; }));
}

TEST_F(EngineTest, ADeadRankEndsEveryStreamWithAnError) {
  fake_.fatal_id = 13;
  start();
  const auto good = submit(greedy({1}, 2000));
  ASSERT_TRUE(good->next().has_value());
  const auto bad = submit(greedy({13}, 5));
  EXPECT_EQ(collect(*bad).finish, FinishReason::kError);
  EXPECT_EQ(collect(*good).finish, FinishReason::kError);
  EXPECT_TRUE(eventually([&] { return !engine_->stats().alive; }));
  const auto late = engine_->submit(greedy({1}, 5), {});
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
}

TEST_F(EngineTest, AFailedSlotEndsItsRequestAndNoOther) {
  fake_.derailing_id = 13;
  start();
  const auto good = submit(greedy({1}, 100));
  const auto bad = submit(greedy({13}, 100));
  EXPECT_EQ(collect(*bad).finish, FinishReason::kError);
  const std::vector<TokenId> expected = fake_continuation({1}, 100, 64);
  const Collected all = collect(*good);
  EXPECT_EQ(all.finish, std::count(expected.begin(), expected.end(), 13) == 0
                            ? FinishReason::kLength
                            : FinishReason::kError);
}

TEST_F(EngineTest, DrainLetsRequestsEndAndRefusesOthers) {
  start();
  const auto stream = submit(greedy({1}, 50));
  engine_->drain(60.0);
  EXPECT_EQ(collect(*stream).tokens.size(), 50U);
  const auto late = engine_->submit(greedy({1}, 5), {});
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
}

TEST_F(EngineTest, DrainAbortsWhatDoesNotEndInTime) {
  start();
  const auto stream = submit(greedy({1}, 2000));
  engine_->drain(0.0);
  EXPECT_EQ(collect(*stream).finish, FinishReason::kAbort);
}

TEST_F(EngineTest, StreamsMayOutliveTheEngine) {
  start();
  const auto stream = submit(greedy({1}, 2000));
  engine_.reset();
  EXPECT_EQ(collect(*stream).finish, FinishReason::kAbort);
}

TEST_F(EngineTest, ChoosesItsSizesFromTheMemoryThereIs) {
  EngineParts parts;
  parts.backend = backend_.get();
  parts.limits.max_model_len = 1 << 30;
  parts.load = fake_loader({});
  const auto engine = start_engine(parts);
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().code, ErrorCode::kResourceExhausted);
  EXPECT_NE(engine.error().message.find("--max-model-len"), std::string::npos);
}

TEST_F(EngineTest, SeededDrawsDoNotDependOnNeighbours) {
  start();
  GenerationRequest request = greedy({4, 5}, 60);
  request.sampling.temperature = 1.0F;
  request.sampling.seed = 99;
  request.sampling.presence_penalty = 0.7F;
  const Collected alone = collect(*submit(request));
  std::vector<std::unique_ptr<TokenStream>> neighbours;
  for (TokenId i = 0; i < 3; ++i) {
    neighbours.push_back(submit(greedy({i}, 100)));
  }
  EXPECT_EQ(collect(*submit(request)).tokens, alone.tokens);
}

}  // namespace
}  // namespace dak
