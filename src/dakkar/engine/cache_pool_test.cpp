#include "dakkar/engine/cache_pool.h"

#include <algorithm>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace dak {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

/// Two pages, four blocks of a slot or two of a carry in an extent of 2 MiB.
CacheSpec small_spec() {
  return {.page_tokens = 128,
          .page_bytes = 700 << 10,
          .state_layers = 3,
          .state_layer_bytes = 500 << 10,
          .carry_layer_bytes = 900 << 10,
          .vocab = 64};
}

CachePoolConfig pool_of(int64_t extents, int64_t slots) {
  return {.spec = small_spec(), .arena_bytes = extents * 2 * kMiB, .slots = slots, .carries = 2};
}

TEST(CachePoolTest, PageReturnsWhenItsHolderDies) {
  CachePool pool(pool_of(1, 4));
  {
    const PageRef held = pool.take_page().value();
    EXPECT_EQ(pool.free_pages(), 1);
  }
  EXPECT_EQ(pool.free_pages(), 2);
}

TEST(CachePoolTest, StateTakesOneBlockPerLayerAndALowSlot) {
  CachePool pool(pool_of(2, 4));
  const StateRef state = pool.take_state().value();
  EXPECT_EQ(state.slot(), 0);
  EXPECT_EQ(std::set<int64_t>(state.offsets().begin(), state.offsets().end()).size(), 3U);
  EXPECT_EQ(pool.used_slots(), 1);
}

TEST(CachePoolTest, MovedFromHandlesGiveNothingBack) {
  CachePool pool(pool_of(1, 4));
  PageRef first = pool.take_page().value();
  PageRef second = std::move(first);
  EXPECT_EQ(pool.used_pages(), 1);
  second = pool.take_page().value();
  EXPECT_EQ(pool.used_pages(), 1);
}

TEST(CachePoolTest, AnExtentServesEitherKindAfterItEmptied) {
  CachePool pool(pool_of(1, 4));
  {
    const PageRef page = pool.take_page().value();
    EXPECT_FALSE(pool.can_take(0, 1));
  }
  EXPECT_TRUE(pool.can_take(0, 1));
  const StateRef state = pool.take_state().value();
  EXPECT_FALSE(pool.can_take(1, 0));
}

TEST(CachePoolTest, ObjectsLargerThanAnExtentMakeExtentsLarger) {
  CacheSpec spec = small_spec();
  spec.page_bytes = 3 * kMiB;
  EXPECT_EQ(CachePool::extent_bytes(spec), 4 * kMiB);
  CachePool pool({.spec = spec, .arena_bytes = 9 * kMiB, .slots = 1});
  EXPECT_EQ(pool.free_pages(), 2);
}

TEST(CachePoolTest, ModelsWithoutPagesNeedNone) {
  CacheSpec spec = small_spec();
  spec.page_bytes = 0;
  EXPECT_EQ(CachePool::pages_for(spec, 100000), 0);
  CachePool pool({.spec = spec, .arena_bytes = 2 * kMiB, .slots = 1});
  EXPECT_TRUE(pool.take_state().has_value());
}

TEST(CachePoolTest, ModelsWithoutStateStillHaveSlots) {
  CacheSpec spec = small_spec();
  spec.state_layers = 0;
  spec.state_layer_bytes = 0;
  CachePool pool({.spec = spec, .arena_bytes = 2 * kMiB, .slots = 1});
  const StateRef state = pool.take_state().value();
  EXPECT_TRUE(state.offsets().empty());
  EXPECT_FALSE(pool.take_state().has_value());
}

TEST(CachePoolTest, RetiredHandlesStayTakenUntilTheirStepIsDone) {
  CachePool pool(pool_of(1, 4));
  std::vector<PageRef> pages;
  pages.push_back(pool.take_page().value());
  pool.retire(std::move(pages), std::nullopt, 7);
  pool.reclaim(6);
  EXPECT_EQ(pool.used_pages(), 1);
  pool.reclaim(7);
  EXPECT_EQ(pool.used_pages(), 0);
  EXPECT_FALSE(pool.retiring());
}

TEST(CachePoolTest, ARetiredCarryStaysTakenUntilItsStepIsDone) {
  CachePool pool(pool_of(4, 4));
  pool.retire(pool.take_carry().value(), 7);
  const CarryRef other = pool.take_carry().value();
  EXPECT_FALSE(pool.can_take(0, 0, 1)) << "two carries are all there are, room or not";
  pool.reclaim(6);
  EXPECT_EQ(pool.used_carries(), 2);
  pool.reclaim(7);
  EXPECT_EQ(pool.used_carries(), 1);
  EXPECT_TRUE(pool.can_take(0, 0, 1));
}

TEST(CachePoolTest, BytesForIsWhatAPoolOfThatSizeHolds) {
  const int64_t bytes = CachePool::bytes_for(small_spec(), 5, 3, 1);
  CachePoolConfig config = pool_of(0, 3);
  config.arena_bytes = bytes;
  const CachePool exact(config);
  EXPECT_TRUE(exact.could_ever_take(5, 3, 1));
  EXPECT_FALSE(exact.could_ever_take(5, 3, 2));
  config.arena_bytes = bytes - 1;
  const CachePool smaller(config);
  EXPECT_FALSE(smaller.could_ever_take(5, 3, 1));
}

/// A random mix of pages, states and carries, held and dropped in any order.
class PoolChurn final {
 public:
  PoolChurn(CachePool& pool, uint64_t seed) : pool_(pool), random_(seed) {}

  void turn() {
    switch (random_() % 6) {
      case 0:
        take_page();
        return;
      case 1:
        take_state();
        return;
      case 2:
        drop(pages_);
        return;
      case 3:
        take_carry();
        return;
      case 4:
        drop(carries_);
        return;
      default:
        drop(states_);
        return;
    }
  }

  /// Bytes ranges of all that is held, in order.
  [[nodiscard]] std::vector<std::pair<int64_t, int64_t>> ranges() const {
    std::vector<std::pair<int64_t, int64_t>> all;
    for (const PageRef& page : pages_) {
      all.emplace_back(page.offset(), page.offset() + pool_.spec().page_bytes);
    }
    for (const StateRef& state : states_) {
      for (const int64_t offset : state.offsets()) {
        all.emplace_back(offset, offset + pool_.spec().state_layer_bytes);
      }
    }
    for (const CarryRef& carry : carries_) {
      for (const int64_t offset : carry.offsets()) {
        all.emplace_back(offset, offset + pool_.spec().carry_layer_bytes);
      }
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  /// Takes as many pages, slots and carries as the pool said it could give.
  [[nodiscard]] bool can_really_take(int64_t pages, int64_t slots, int64_t carries) {
    std::vector<PageRef> taken_pages;
    std::vector<StateRef> taken_states;
    std::vector<CarryRef> taken_carries;
    bool all = true;
    for (int64_t i = 0; i < std::max({pages, slots, carries}); ++i) {
      std::optional<PageRef> page = i < pages ? pool_.take_page() : std::nullopt;
      std::optional<StateRef> state = i < slots ? pool_.take_state() : std::nullopt;
      std::optional<CarryRef> carry = i < carries ? pool_.take_carry() : std::nullopt;
      all = all && page.has_value() == (i < pages) && state.has_value() == (i < slots) &&
            carry.has_value() == (i < carries);
      if (carry) {
        taken_carries.push_back(std::move(*carry));
      }
      if (page) {
        taken_pages.push_back(std::move(*page));
      }
      if (state) {
        taken_states.push_back(std::move(*state));
      }
    }
    return all;
  }

 private:
  void take_page() {
    if (auto page = pool_.take_page()) {
      pages_.push_back(std::move(*page));
    }
  }
  void take_carry() {
    if (auto carry = pool_.take_carry()) {
      carries_.push_back(std::move(*carry));
    }
  }
  void take_state() {
    if (auto state = pool_.take_state()) {
      states_.push_back(std::move(*state));
    }
  }
  template <typename T>
  void drop(std::vector<T>& held) {
    if (!held.empty()) {
      std::swap(held[random_() % held.size()], held.back());
      held.pop_back();
    }
  }

  CachePool& pool_;
  std::mt19937_64 random_;
  std::vector<PageRef> pages_;
  std::vector<StateRef> states_;
  std::vector<CarryRef> carries_;
};

class CachePoolChurnTest : public testing::TestWithParam<uint64_t> {};

TEST_P(CachePoolChurnTest, PlacesNeverOverlapAndAnswersAreExact) {
  CachePoolConfig config = pool_of(6, 5);
  config.placement_seed = GetParam() % 2 == 0 ? 0 : GetParam();
  CachePool pool(config);
  PoolChurn churn(pool, GetParam());
  std::mt19937_64 random(GetParam());
  for (int i = 0; i < 500; ++i) {
    churn.turn();
    const auto ranges = churn.ranges();
    for (size_t r = 1; r < ranges.size(); ++r) {
      ASSERT_LE(ranges[r - 1].second, ranges[r].first) << "turn " << i;
    }
    ASSERT_TRUE(ranges.empty() || ranges.back().second <= config.arena_bytes);
    const auto pages = static_cast<int64_t>(random() % 13);
    const auto slots = static_cast<int64_t>(random() % 6);
    const auto carries = static_cast<int64_t>(random() % 4);
    ASSERT_EQ(churn.can_really_take(pages, slots, carries), pool.can_take(pages, slots, carries))
        << pages << " pages, " << slots << " slots, " << carries << " carries in turn " << i;
    ASSERT_EQ(pool.can_take(pool.free_pages() + 1, 0), false);
    ASSERT_EQ(pool.can_take(0, pool.free_slots()), true);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CachePoolChurnTest, testing::Values(1, 2, 3, 4, 5, 6));

}  // namespace
}  // namespace dak
