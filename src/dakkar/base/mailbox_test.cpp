#include "dakkar/base/mailbox.h"

#include <thread>

#include <gtest/gtest.h>

namespace dak {
namespace {

TEST(MailboxTest, RefusesWhenFullAndKeepsTheItem) {
  Mailbox<std::string> box(1);
  std::string first = "a";
  std::string second = "b";
  EXPECT_TRUE(box.try_push(first));
  EXPECT_FALSE(box.try_push(second));
  EXPECT_EQ(second, "b");
}

TEST(MailboxTest, CloseWakesAWaiterAndStillHandsOutWhatIsQueued) {
  Mailbox<int> box(4);
  ASSERT_TRUE(box.push(7));
  box.close();
  EXPECT_FALSE(box.push(8));
  EXPECT_EQ(box.pop(), 7);
  EXPECT_EQ(box.pop(), std::nullopt);
}

TEST(MailboxTest, PopUntilGivesUpAtItsDeadline) {
  Mailbox<int> box(1);
  EXPECT_EQ(box.pop_until(steady_now() + std::chrono::milliseconds(5)), std::nullopt);
}

TEST(MailboxTest, EveryItemCrossesThreadsOnceAndInOrder) {
  Mailbox<int> box(3);
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(box.push(i));
    }
    box.close();
  });
  int expected = 0;
  while (const auto item = box.pop()) {
    EXPECT_EQ(*item, expected++);
  }
  producer.join();
  EXPECT_EQ(expected, 1000);
}

}  // namespace
}  // namespace dak
