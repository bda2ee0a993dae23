#include <random>

#include <gtest/gtest.h>

#include "golden.h"

namespace dak {
namespace {

constexpr int64_t kTokens = 290;

/// One checkpoint run in many ways on one backend: in shipped numerics over fresh random tokens, in
/// f32 over the golden's, whose routing has no near-ties that rounding could turn.
class SameState final {
 public:
  SameState(const std::string& checkpoint, Numerics numerics, std::unique_ptr<Backend> backend)
      : tiny_(open_tiny(checkpoint)), numerics_(numerics), backend_(std::move(backend)) {
    if (numerics == Numerics::kF32) {
      ids_ = read_golden(tiny_, numerics).ids;
      return;
    }
    std::mt19937_64 random(seed_);
    for (int64_t i = 0; i < kTokens; ++i) {
      ids_.push_back(static_cast<TokenId>(random() % static_cast<uint64_t>(tiny_.config.vocab)));
    }
  }

  struct Way {
    std::vector<int64_t> cuts{};
    int64_t decode_from = -1;
    int tp = 1;
  };

  LogitsRun run(const Way& way) const {
    LogitsArgs args;
    args.load = {.config = &tiny_.config,
                 .quant = &tiny_.quant,
                 .weights = &tiny_.weights,
                 .backend = backend_.get(),
                 .numerics = numerics_,
                 .tp = way.tp};
    args.ids = ids_;
    args.cuts = way.cuts;
    args.decode_from = way.decode_from;
    Result<LogitsRun> run = run_logits(args);
    if (!run) {
      check_failed(run.error().message, std::source_location::current());
    }
    return std::move(*run);
  }

  /// Largest relative distance of the replayed SSM states and conv windows of two runs.
  double state_distance(const LogitsRun& a, const LogitsRun& b) const {
    double worst = 0.0;
    int64_t ordinal = 0;
    for (size_t layer = 0; layer < tiny_.config.layers.size(); ++layer) {
      if (tiny_.config.layers[layer] != LayerKind::kMamba) {
        continue;
      }
      const auto at = static_cast<size_t>(ordinal);
      const GoldenState where{
          .layer = static_cast<int64_t>(layer), .ordinal = ordinal++, .ssm = {}, .conv = {}};
      worst = std::max({worst,
                        relative_distance(replayed_state(tiny_, where, a.states[at]),
                                          replayed_state(tiny_, where, b.states[at])),
                        relative_distance(a.states[at].conv, b.states[at].conv)});
    }
    return worst;
  }

  uint64_t seed() const { return seed_; }

 private:
  uint64_t seed_ = std::random_device()();
  TinyCheckpoint tiny_;
  Numerics numerics_;
  std::unique_ptr<Backend> backend_;
  std::vector<TokenId> ids_;
};

std::unique_ptr<Backend> reference() {
  return std::move(*open_reference());
}
std::unique_ptr<Backend> cpu() {
  return std::move(*open_cpu());
}

class SameStateTest : public testing::TestWithParam<const char*> {};

TEST_P(SameStateTest, CutsAtMultiplesOf128ChangeNoBitOnTheReference) {
  const SameState same(GetParam(), Numerics::kShipped, reference());
  SCOPED_TRACE(same.seed());
  const LogitsRun whole = same.run({});
  EXPECT_EQ(same.run({.cuts = {128}}).logits, whole.logits);
  EXPECT_EQ(same.run({.cuts = {128, 256}}).logits, whole.logits);
}

TEST_P(SameStateTest, CutsAtMultiplesOf128ChangeNoBitOnTheCpu) {
  const SameState same(GetParam(), Numerics::kShipped, cpu());
  SCOPED_TRACE(same.seed());
  const LogitsRun whole = same.run({});
  const LogitsRun cut = same.run({.cuts = {128, 256}});
  EXPECT_EQ(cut.logits, whole.logits);
  EXPECT_EQ(same.state_distance(cut, whole), 0.0);
}

TEST_P(SameStateTest, DecodingTokenByTokenReachesThePrefilledState) {
  const SameState same(GetParam(), Numerics::kF32, reference());
  SCOPED_TRACE(same.seed());
  const LogitsRun whole = same.run({});
  for (const int64_t from : {1, 127, 128, 143, 250}) {
    const LogitsRun decoded = same.run({.decode_from = from});
    EXPECT_LE(same.state_distance(decoded, whole), 1e-5) << "decoding from " << from;
    EXPECT_LE(relative_distance(decoded.logits, whole.logits), 1e-5) << "decoding from " << from;
  }
}

TEST_P(SameStateTest, OtherCutsReachTheStateWithinRounding) {
  const SameState same(GetParam(), Numerics::kF32, reference());
  SCOPED_TRACE(same.seed());
  const LogitsRun whole = same.run({});
  for (const std::vector<int64_t>& cuts :
       {std::vector<int64_t>{1}, {3, 5, 130}, {15, 16, 17, 129}, {127, 144, 255, 257}}) {
    const LogitsRun cut = same.run({.cuts = cuts});
    EXPECT_LE(same.state_distance(cut, whole), 1e-5) << "first cut at " << cuts.front();
    EXPECT_LE(relative_distance(cut.logits, whole.logits), 1e-5) << "first cut at " << cuts.front();
  }
}

TEST_P(SameStateTest, RanksTogetherHoldTheStateOfOne) {
  const SameState same(GetParam(), Numerics::kF32, reference());
  SCOPED_TRACE(same.seed());
  const LogitsRun one = same.run({.cuts = {128}, .decode_from = 260});
  for (const int tp : {2, 4}) {
    const LogitsRun many = same.run({.cuts = {128}, .decode_from = 260, .tp = tp});
    EXPECT_LE(same.state_distance(many, one), 1e-5) << "tp " << tp;
    EXPECT_LE(relative_distance(many.logits, one.logits), 1e-5) << "tp " << tp;
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, SameStateTest,
                         testing::Values("latent_bf16", "moe_modelopt", "dense_modelopt"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace dak
