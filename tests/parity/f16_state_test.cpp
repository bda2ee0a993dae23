#include <cmath>

#include <gtest/gtest.h>

#include "golden.h"

namespace dak {
namespace {

/// Tokens of the golden that are run: two flushes behind the prompt, then the row looked at.
constexpr int64_t kTokens = 84;
constexpr int64_t kPrompt = 40;
/// As a preempted sequence is computed again: all but the last tokens at once.
constexpr int64_t kRecomputed = 75;
constexpr uint64_t kSeeds = 32;

/// The last row of logits over many rounding constants, as errors against f32 states.
struct Sample {
  std::vector<double> mean;
  std::vector<double> variance;  ///< of one run
  double size = 0.0;             ///< root mean square of ||error|| / ||logits||
};

/// f32 numerics over the golden's tokens, whose routing has no near-ties: the only other thing that
/// changes is how states are stored.
class F16Model final {
 public:
  explicit F16Model(const std::string& checkpoint)
      : tiny_(open_tiny(checkpoint)),
        backend_(std::move(*open_reference())),
        ids_(read_golden(tiny_, Numerics::kF32).ids) {
    ids_.resize(kTokens);
  }

  struct Way {
    StateStorage state = StateStorage::kF16;
    int64_t prompt = kPrompt;
    int tp = 1;
    uint64_t seed = kRoundingSeed;
  };

  [[nodiscard]] LogitsRun run(const Way& way) const {
    LogitsArgs args;
    args.load = {.config = &tiny_.config,
                 .quant = &tiny_.quant,
                 .weights = &tiny_.weights,
                 .backend = backend_.get(),
                 .numerics = Numerics::kF32,
                 .tp = way.tp,
                 .state = way.state,
                 .rounding_seed = way.seed};
    args.ids = ids_;
    args.decode_from = way.prompt;
    Result<LogitsRun> run = run_logits(args);
    if (!run) {
      check_failed(run.error().message, std::source_location::current());
    }
    return std::move(*run);
  }

  [[nodiscard]] std::vector<float> last_row(const Way& way) const {
    const std::vector<float> logits = run(way).logits;
    return {logits.end() - tiny_.config.vocab, logits.end()};
  }

  [[nodiscard]] Sample sample(int64_t prompt) const {
    const std::vector<float> exact = last_row({.state = StateStorage::kF32, .prompt = prompt});
    const auto width = exact.size();
    std::vector<double> sum(width);
    std::vector<double> squares(width);
    double norm = 0.0;
    double errors = 0.0;
    for (const float logit : exact) {
      norm += double{logit} * logit;
    }
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const std::vector<float> row = last_row({.prompt = prompt, .seed = seed});
      for (size_t i = 0; i < width; ++i) {
        const double error = double{row[i]} - exact[i];
        sum[i] += error;
        squares[i] += error * error;
        errors += error * error;
      }
    }
    constexpr auto kRuns = static_cast<double>(kSeeds);
    Sample made;
    for (size_t i = 0; i < width; ++i) {
      made.mean.push_back(sum[i] / kRuns);
      made.variance.push_back((squares[i] - sum[i] * sum[i] / kRuns) / (kRuns - 1.0));
    }
    made.size = std::sqrt(errors / kRuns / norm);
    return made;
  }

 private:
  TinyCheckpoint tiny_;
  std::unique_ptr<Backend> backend_;
  std::vector<TokenId> ids_;
};

/// ||a - b|| / ||b|| of the SSM states of all layers together.
double state_distance(const LogitsRun& a, const LogitsRun& b) {
  std::vector<float> all_a;
  std::vector<float> all_b;
  for (size_t layer = 0; layer < a.states.size(); ++layer) {
    all_a.insert(all_a.end(), a.states[layer].ssm.begin(), a.states[layer].ssm.end());
    all_b.insert(all_b.end(), b.states[layer].ssm.begin(), b.states[layer].ssm.end());
  }
  return relative_distance(all_a, all_b);
}

class F16StateTest : public testing::TestWithParam<const char*> {};

TEST_P(F16StateTest, APromptLeavesTheF32StateRoundedOnce) {
  const F16Model model(GetParam());
  const LogitsRun exact = model.run({.state = StateStorage::kF32, .prompt = kTokens});
  const LogitsRun narrow = model.run({.prompt = kTokens});
  EXPECT_EQ(narrow.logits, exact.logits);
  // The unit u of a value is between 2^-11 and 2^-10 of it, and the error's variance on average
  // u^2 / 6.
  EXPECT_GE(state_distance(narrow, exact), 0x1p-11 / std::sqrt(6.0));
  EXPECT_LE(state_distance(narrow, exact), 0x1p-10 / std::sqrt(6.0));
}

TEST_P(F16StateTest, RanksRoundAsOneRankDoes) {
  const F16Model model(GetParam());
  const LogitsRun one = model.run({});
  // States 1e-5 apart before they are rounded end one unit apart in few of their elements; other
  // random bits would put them two roundings apart.
  const double near = 1e-5 + std::sqrt(1e-5 / 0x1p-11) * 0x1p-10;
  ASSERT_LT(near, 0x1p-11 / std::sqrt(3.0));
  EXPECT_LE(state_distance(model.run({.tp = 2}), one), near);
  EXPECT_GE(state_distance(model.run({.seed = 1}), one), 0x1p-11 / std::sqrt(3.0));
}

TEST_P(F16StateTest, LogitsAreThoseOfF32StatesInTheMeanEvenAfterARecompute) {
  const F16Model model(GetParam());
  const Sample straight = model.sample(kPrompt);
  const Sample again = model.sample(kRecomputed);
  for (const Sample& error : {straight, again}) {
    for (size_t i = 0; i < error.mean.size(); ++i) {
      // f32 itself moves a logit by some 1e-7 of it.
      EXPECT_LE(std::fabs(error.mean[i]), 6.0 * std::sqrt(error.variance[i] / kSeeds) + 1e-6) << i;
    }
    // What states add to a row of logits is only a part of it.
    EXPECT_LE(error.size, 0x1p-10);
    EXPECT_GT(error.size, 0x1p-20) << "rounding does not reach the logits";
  }
  std::printf("%s: rows of logits off by %.2e, recomputed ones by %.2e\n", GetParam(),
              straight.size, again.size);
  EXPECT_LE(again.size, 4.0 * straight.size);
  EXPECT_GE(again.size, straight.size / 4.0);
}

const auto kName = [](const auto& param) { return std::string(param.param); };
INSTANTIATE_TEST_SUITE_P(Tiny, F16StateTest, testing::Values("latent_bf16"), kName);
INSTANTIATE_TEST_SUITE_P(Whole, F16StateTest,
                         testing::Values("latent_modelopt", "moe_bf16", "moe_modelopt",
                                         "dense_bf16", "dense_modelopt"),
                         kName);

}  // namespace
}  // namespace dak
