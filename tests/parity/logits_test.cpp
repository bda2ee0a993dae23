#include <algorithm>
#include <iostream>
#include <random>

#include <gtest/gtest.h>

#include "golden.h"

namespace dak {
namespace {

constexpr double kF32Bar = 1e-4;
constexpr double kShippedBar = 2e-2;
constexpr double kF32StateBar = 1e-5;
const char* const kCheckpoints[] = {"latent_bf16",  "latent_modelopt", "moe_bf16",
                                    "moe_modelopt", "dense_bf16",      "dense_modelopt"};

/// One way to run a checkpoint.
struct Case {
  std::string checkpoint;
  std::string backend;
  Numerics numerics;
  int tp;
  int64_t chunk;  ///< 0: random cuts
  int dp = 1;
  int ep = 1;
};

std::string name_of_case(const Case& c) {
  return c.checkpoint + "_" + c.backend + (c.numerics == Numerics::kF32 ? "_f32" : "_shipped") +
         "_tp" + std::to_string(c.tp) +
         (c.dp > 1 || c.ep > 1 ? "_dp" + std::to_string(c.dp) + "_ep" + std::to_string(c.ep) : "") +
         (c.chunk > 0 ? "_chunk" + std::to_string(c.chunk) : "_random");
}

void PrintTo(const Case& c, std::ostream* out) {
  *out << name_of_case(c);
}

std::unique_ptr<Backend> open_backend(const std::string& name) {
  Result<std::unique_ptr<Backend>> backend = name == "cpu" ? open_cpu() : open_reference();
  check(backend.has_value(), "the backend opens");
  return std::move(*backend);
}

std::vector<int64_t> random_cuts(int64_t tokens, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int64_t> cuts;
  for (int64_t end = 0; end < tokens;) {
    end = std::min<int64_t>(tokens, end + 1 + static_cast<int64_t>(random() % 90));
    cuts.push_back(end);
  }
  return cuts;
}

/// A checkpoint with its golden, ready to be run in many ways.
class ParityRun final {
 public:
  explicit ParityRun(const Case& c)
      : case_(c),
        tiny_(open_tiny(c.checkpoint)),
        golden_(read_golden(tiny_, c.numerics)),
        backend_(open_backend(c.backend)),
        bar_(c.numerics == Numerics::kF32 ? kF32Bar : kShippedBar) {}

  LogitsRun run(std::vector<TokenId> ids, std::vector<int64_t> cuts) const {
    LogitsArgs args = arguments(std::move(ids), std::move(cuts));
    args.beside.resize(static_cast<size_t>(case_.dp - 1), beside());
    return run(args);
  }

  /// What the other groups run: part of the golden's tokens, in another order.
  std::vector<TokenId> beside() const {
    return {golden_.ids.rbegin(), golden_.ids.rbegin() + std::ssize(golden_.ids) / 3 * 2};
  }

  /// The other groups' logits are, to the bit, those of the first one with nobody beside it.
  void expect_logits_beside(const LogitsRun& run, std::vector<int64_t> cuts) const {
    const std::vector<TokenId> ids = beside();
    std::erase_if(cuts, [&](int64_t cut) { return cut > std::ssize(ids); });
    const LogitsRun alone = this->run(arguments(ids, std::move(cuts)));
    for (const std::vector<float>& logits : run.beside_logits) {
      EXPECT_EQ(logits, alone.logits);
    }
  }

  void expect_logits(const LogitsRun& run) const {
    const int64_t vocab = tiny_.config.vocab;
    EXPECT_LE(worst_row(run.logits, golden_.logits, golden_.positions, vocab), bar_);
    if (!golden_.mtp_positions.empty()) {
      EXPECT_LE(worst_row(run.mtp_logits, golden_.mtp_logits, golden_.mtp_positions, vocab), bar_);
    }
  }

  /// Goldens keep states in f32 numerics only.
  void expect_states(const LogitsRun& run, const std::vector<GoldenState>& goldens) const {
    EXPECT_EQ(goldens.empty(), case_.numerics == Numerics::kShipped);
    for (const GoldenState& golden : goldens) {
      const MambaLayerState& ours = run.states.at(static_cast<size_t>(golden.ordinal));
      EXPECT_LE(relative_distance(replayed_state(tiny_, golden, ours), golden.ssm), kF32StateBar)
          << "SSM state of layer " << golden.layer;
      EXPECT_LE(relative_distance(ours.conv, golden.conv), kF32StateBar)
          << "conv window of layer " << golden.layer;
    }
  }

  const Golden& golden() const { return golden_; }

 private:
  LogitsArgs arguments(std::vector<TokenId> ids, std::vector<int64_t> cuts) const {
    LogitsArgs args;
    args.load = {.config = &tiny_.config,
                 .quant = &tiny_.quant,
                 .weights = &tiny_.weights,
                 .backend = backend_.get(),
                 .numerics = case_.numerics,
                 .tp = case_.tp,
                 .dp = case_.dp,
                 .ep = case_.ep};
    args.ids = std::move(ids);
    args.cuts = std::move(cuts);
    args.mtp = golden_.mtp_positions.empty() ? MtpLogits::kNo : MtpLogits::kYes;
    return args;
  }

  static LogitsRun run(const LogitsArgs& args) {
    Result<LogitsRun> run = run_logits(args);
    if (!run) {
      check_failed(run.error().message, std::source_location::current());
    }
    return std::move(*run);
  }

  Case case_;
  TinyCheckpoint tiny_;
  Golden golden_;
  std::unique_ptr<Backend> backend_;
  double bar_;
};

class LogitsParityTest : public testing::TestWithParam<Case> {};
class StateParityTest : public testing::TestWithParam<Case> {};

TEST_P(LogitsParityTest, MatchesTheGoldenLogitsAndStates) {
  const ParityRun parity(GetParam());
  const auto tokens = std::ssize(parity.golden().ids);
  const uint64_t seed = std::random_device()();
  const int repeats = GetParam().chunk == 0 ? 10 : 1;
  for (int i = 0; i < repeats; ++i) {
    SCOPED_TRACE("cut seed " + std::to_string(seed + static_cast<uint64_t>(i)));
    const std::vector<int64_t> cuts = GetParam().chunk > 0
                                          ? equal_cuts(tokens, GetParam().chunk)
                                          : random_cuts(tokens, seed + static_cast<uint64_t>(i));
    const LogitsRun run = parity.run(parity.golden().ids, cuts);
    parity.expect_logits(run);
    parity.expect_states(run, parity.golden().final_states);
    if (i == 0 && GetParam().dp > 1) {
      parity.expect_logits_beside(run, cuts);
    }
  }
}

TEST_P(StateParityTest, MatchesTheGoldenStatesAtAChunkBoundary) {
  const ParityRun parity(GetParam());
  const std::vector<TokenId> first(parity.golden().ids.begin(), parity.golden().ids.begin() + 128);
  const LogitsRun run = parity.run(
      first, GetParam().chunk > 0 ? equal_cuts(128, GetParam().chunk) : random_cuts(128, 1));
  parity.expect_states(run, parity.golden().states_at_128);
}

std::vector<Case> cases(const std::vector<int>& tps, const std::vector<int64_t>& chunks) {
  std::vector<Case> all;
  for (const char* checkpoint : kCheckpoints) {
    for (const int tp : tps) {
      for (const int64_t chunk : chunks) {
        all.push_back({checkpoint, "reference", Numerics::kF32, tp, chunk});
        all.push_back({checkpoint, "reference", Numerics::kShipped, tp, chunk});
        all.push_back({checkpoint, "cpu", Numerics::kShipped, tp, chunk});
      }
    }
  }
  return all;
}

/// `all` on another grid.
std::vector<Case> on_grid(std::vector<Case> all, int dp, int ep) {
  for (Case& c : all) {
    c.dp = dp;
    c.ep = ep;
  }
  return all;
}

std::vector<Case> fast_cases() {
  return cases({1, 2}, {128, 129});
}

std::vector<Case> fast_grid_cases() {
  return on_grid(cases({2}, {128}), 2, 4);
}

/// Both groups of a grid fed.
std::vector<Case> grid_cases() {
  std::vector<Case> all = on_grid(cases({2}, {127, 0}), 2, 4);
  for (const Case& c : on_grid(cases({1}, {129}), 2, 2)) {
    all.push_back(c);
  }
  for (const Case& c : on_grid(cases({1, 2}, {129}), 2, 1)) {
    all.push_back(c);
  }
  for (const Case& c : on_grid(cases({4}, {128}), 1, 4)) {
    all.push_back(c);
  }
  return all;
}

/// What the fast suite leaves of the whole matrix.
std::vector<Case> remaining_cases() {
  std::vector<Case> all = cases({1, 2, 4}, {1, 7, 127, 128, 129, 300, 0});
  std::erase_if(all, [](const Case& c) { return (c.chunk == 128 || c.chunk == 129) && c.tp <= 2; });
  return all;
}

std::vector<Case> f32_only(std::vector<Case> all) {
  std::erase_if(all, [](const Case& c) { return c.numerics != Numerics::kF32; });
  return all;
}

const auto kCaseName = [](const testing::TestParamInfo<Case>& info) {
  return name_of_case(info.param);
};

INSTANTIATE_TEST_SUITE_P(Fast, LogitsParityTest, testing::ValuesIn(fast_cases()), kCaseName);
INSTANTIATE_TEST_SUITE_P(FastGrid, LogitsParityTest, testing::ValuesIn(fast_grid_cases()),
                         kCaseName);
INSTANTIATE_TEST_SUITE_P(Whole, LogitsParityTest, testing::ValuesIn(remaining_cases()), kCaseName);
INSTANTIATE_TEST_SUITE_P(WholeGrid, LogitsParityTest, testing::ValuesIn(grid_cases()), kCaseName);
INSTANTIATE_TEST_SUITE_P(Fast, StateParityTest, testing::ValuesIn(f32_only(fast_cases())),
                         kCaseName);
INSTANTIATE_TEST_SUITE_P(Whole, StateParityTest, testing::ValuesIn(f32_only(remaining_cases())),
                         kCaseName);

}  // namespace
}  // namespace dak
