#include "dakkar/engine/stop_state.h"

#include <string>

#include <gtest/gtest.h>

namespace dak {
namespace {

/// Token n is the letter n of the alphabet.
class Letters final : public TokenBytes {
 public:
  std::string_view bytes_of(TokenId id) const override {
    return std::string_view(alphabet_).substr(static_cast<size_t>(id), 1);
  }

 private:
  const std::string alphabet_ = "abcdefghijklmnopqrstuvwxyz";
};

TEST(StopStateTest, AStopIdEndsTheSequence) {
  const StopRules rules{.max_tokens = 9, .stop_ids = {5}};
  StopState state = StopState::create(rules, 9, nullptr).value();
  EXPECT_FALSE(state.take(rules, 4).has_value());
  const auto reason = state.take(rules, 5);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->finish, FinishReason::kStop);
  EXPECT_EQ(reason->stop_id, 5);
}

TEST(StopStateTest, AStopStringMaySpanTokens) {
  const Letters letters;
  const StopRules rules{.max_tokens = 9, .stop_strings = {"zz", "bc"}};
  StopState state = StopState::create(rules, 9, &letters).value();
  EXPECT_FALSE(state.take(rules, 0).has_value());
  EXPECT_FALSE(state.take(rules, 1).has_value());
  const auto reason = state.take(rules, 2);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->stop_string, "bc");
}

TEST(StopStateTest, NothingStopsBeforeMinTokens) {
  const Letters letters;
  const StopRules rules{.max_tokens = 9, .min_tokens = 2, .stop_ids = {5}, .stop_strings = {"a"}};
  StopState state = StopState::create(rules, 9, &letters).value();
  EXPECT_FALSE(state.take(rules, 0).has_value());
  EXPECT_FALSE(state.take(rules, 5).has_value());
  EXPECT_TRUE(state.take(rules, 0).has_value());
}

TEST(StopStateTest, TheLimitEndsTheSequence) {
  const StopRules rules{.max_tokens = 9};
  StopState state = StopState::create(rules, 2, nullptr).value();
  EXPECT_FALSE(state.take(rules, 1).has_value());
  EXPECT_EQ(state.take(rules, 1)->finish, FinishReason::kLength);
}

TEST(StopStateTest, AStopIdAtTheLimitCountsAsStop) {
  const StopRules rules{.max_tokens = 1, .stop_ids = {5}};
  StopState state = StopState::create(rules, 1, nullptr).value();
  EXPECT_EQ(state.take(rules, 5)->finish, FinishReason::kStop);
}

TEST(StopStateTest, StopStringsWithoutTokenBytesAreRefused) {
  const StopRules rules{.max_tokens = 1, .stop_strings = {"a"}};
  const auto state = StopState::create(rules, 1, nullptr);
  ASSERT_FALSE(state.has_value());
  EXPECT_EQ(state.error().param, "stop");
}

}  // namespace
}  // namespace dak
