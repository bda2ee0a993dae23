#include "dakkar/text/stop_matcher.h"

#include <gtest/gtest.h>

namespace dak {
namespace {

StopMatcher matcher_of(std::vector<std::string> stops) {
  return StopMatcher::create(std::move(stops)).value();
}

TEST(StopMatcherTest, FindsAStopStringSpreadOverTokens) {
  StopMatcher matcher = matcher_of({"END"});
  EXPECT_FALSE(matcher.feed("the E"));
  EXPECT_FALSE(matcher.feed("N"));
  EXPECT_EQ(matcher.feed("D and more"), (StopMatch{.stop_index = 0, .begin = 4, .end = 7}));
  EXPECT_EQ(matcher.fed_bytes(), 7);
}

TEST(StopMatcherTest, HoldsBackWhatMayBeginAStopString) {
  StopMatcher matcher = matcher_of({"abcd", "cx"});
  EXPECT_FALSE(matcher.feed("zabc"));
  EXPECT_EQ(matcher.held_bytes(), 3);
  EXPECT_FALSE(matcher.feed("q"));
  EXPECT_EQ(matcher.held_bytes(), 0);
}

TEST(StopMatcherTest, FallsBackToABorderInsteadOfStartingAnew) {
  StopMatcher matcher = matcher_of({"aab"});
  EXPECT_EQ(matcher.feed("aaaab"), (StopMatch{.stop_index = 0, .begin = 2, .end = 5}));
}

TEST(StopMatcherTest, OfStopsThatEndTogetherTheLongerWins) {
  StopMatcher matcher = matcher_of({"op", "long stop"});
  EXPECT_EQ(matcher.feed("a long stop"), (StopMatch{.stop_index = 1, .begin = 2, .end = 11}));
}

TEST(StopMatcherTest, TheStopThatEndsFirstWins) {
  StopMatcher matcher = matcher_of({"stop here", "op"});
  EXPECT_EQ(matcher.feed("a stop here"), (StopMatch{.stop_index = 1, .begin = 4, .end = 6}));
}

TEST(StopMatcherTest, StaysStoppedAfterAMatch) {
  StopMatcher matcher = matcher_of({"x"});
  EXPECT_TRUE(matcher.feed("ax"));
  EXPECT_EQ(matcher.feed("bxc")->begin, 1);
  EXPECT_EQ(matcher.held_bytes(), 0);
}

TEST(StopMatcherTest, MatchesInsideACodePoint) {
  StopMatcher matcher = matcher_of({"\xC3\xA9"});
  EXPECT_FALSE(matcher.feed("caf\xC3"));
  EXPECT_EQ(matcher.held_bytes(), 1);
  EXPECT_TRUE(matcher.feed("\xA9"));
}

TEST(StopMatcherTest, WithoutStopsNothingIsHeld) {
  StopMatcher matcher = matcher_of({});
  EXPECT_FALSE(matcher.feed("anything"));
  EXPECT_EQ(matcher.held_bytes(), 0);
}

TEST(StopMatcherTest, AnEmptyStopIsRefused) {
  const Result<StopMatcher> made = StopMatcher::create({"a", ""});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().param, "stop");
}

TEST(StopMatcherTest, AgreesWithSearchingTheWholeText) {
  const std::string text = "abababcababacabcabaabab";
  for (const std::string stop : {"abac", "abc", "caba", "bb", "aa"}) {
    StopMatcher matcher = matcher_of({stop});
    for (const char byte : text) {
      matcher.feed(std::string(1, byte));
    }
    const size_t found = text.find(stop);
    EXPECT_EQ(matcher.match().has_value(), found != std::string::npos) << stop;
    if (matcher.match()) {
      EXPECT_EQ(matcher.match()->begin, static_cast<int64_t>(found)) << stop;
    }
  }
}

}  // namespace
}  // namespace dak
