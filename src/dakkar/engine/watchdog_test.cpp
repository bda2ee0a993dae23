#include "dakkar/engine/watchdog.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dak {
namespace {

using testing::HasSubstr;

TEST(StallNotesTest, AStallIsNotedAtItsBeginningAndItsEndOnly) {
  StallNotes notes(10.0);
  EXPECT_FALSE(notes.look({.seconds_since = 9.0, .waits_for = "step 3"}).has_value());
  const std::optional<std::string> begin =
      notes.look({.seconds_since = 10.5, .waits_for = "step 3"});
  ASSERT_TRUE(begin.has_value());
  EXPECT_THAT(*begin, HasSubstr("stood still for 10.5 s: step 3"));
  EXPECT_FALSE(notes.look({.seconds_since = 12.0, .waits_for = "step 3"}).has_value());
  const std::optional<std::string> end = notes.look({.seconds_since = 0.1, .waits_for = ""});
  ASSERT_TRUE(end.has_value());
  EXPECT_THAT(*end, HasSubstr("after more than 12.0 s"));
  EXPECT_FALSE(notes.look({.seconds_since = 0.2, .waits_for = ""}).has_value());
}

TEST(StallNotesTest, TheNextStallIsNotedAgain) {
  StallNotes notes(1.0);
  EXPECT_TRUE(notes.look({.seconds_since = 2.0, .waits_for = ""}).has_value());
  EXPECT_TRUE(notes.look({.seconds_since = 0.0, .waits_for = ""}).has_value());
  EXPECT_TRUE(notes.look({.seconds_since = 3.0, .waits_for = ""}).has_value());
}

TEST(WatchdogTest, EndsAtOnceHoweverRarelyItLooks) {
  std::atomic<int> looks = 0;
  const SteadyTime begin = steady_now();
  {
    const Watchdog watchdog(3600.0, [&] {
      ++looks;
      return Progress();
    });
  }
  EXPECT_LT(seconds_between(begin, steady_now()), 1.0);
  EXPECT_EQ(looks, 0);
}

}  // namespace
}  // namespace dak
