#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "dakkar/model/cache_spec.h"

namespace dak {

class CachePool;

/// Holds one KV page of the pool and gives it back when it dies. Moves, never copies.
class PageRef final {
 public:
  PageRef(PageRef&& other) noexcept;
  PageRef& operator=(PageRef&& other) noexcept;
  PageRef(const PageRef&) = delete;
  PageRef& operator=(const PageRef&) = delete;
  ~PageRef();

  /// Bytes into every rank's arena.
  [[nodiscard]] int64_t offset() const { return offset_; }

 private:
  friend class CachePool;
  PageRef(CachePool* pool, int64_t offset) : pool_(pool), offset_(offset) {}
  void give_back();

  CachePool* pool_ = nullptr;
  int64_t offset_ = 0;
};

/// Holds one state slot of the pool and gives it back when it dies. Moves, never copies.
class StateRef final {
 public:
  StateRef(StateRef&& other) noexcept;
  StateRef& operator=(StateRef&& other) noexcept;
  StateRef(const StateRef&) = delete;
  StateRef& operator=(const StateRef&) = delete;
  ~StateRef();

  /// Row of the slot headers and token histories, 0 .. slots - 1.
  [[nodiscard]] int32_t slot() const { return slot_; }
  /// Bytes into every rank's arena, one block per state layer, in no order.
  [[nodiscard]] const std::vector<int64_t>& offsets() const { return offsets_; }

 private:
  friend class CachePool;
  StateRef(CachePool* pool, int32_t slot, std::vector<int64_t> offsets)
      : pool_(pool), slot_(slot), offsets_(std::move(offsets)) {}
  void give_back();

  CachePool* pool_ = nullptr;
  int32_t slot_ = 0;
  std::vector<int64_t> offsets_;
};

/// Holds one carry of the pool, a block per state layer, and gives it back when it dies. Moves,
/// never copies.
class CarryRef final {
 public:
  CarryRef(CarryRef&& other) noexcept;
  CarryRef& operator=(CarryRef&& other) noexcept;
  CarryRef(const CarryRef&) = delete;
  CarryRef& operator=(const CarryRef&) = delete;
  ~CarryRef();

  /// Bytes into every rank's arena, one block per state layer, in no order.
  [[nodiscard]] const std::vector<int64_t>& offsets() const { return offsets_; }

 private:
  friend class CachePool;
  CarryRef(CachePool* pool, std::vector<int64_t> offsets)
      : pool_(pool), offsets_(std::move(offsets)) {}
  void give_back();

  CachePool* pool_ = nullptr;
  std::vector<int64_t> offsets_;
};

/// Sizes of a pool.
struct CachePoolConfig {
  CacheSpec spec;
  int64_t arena_bytes = 0;      ///< of one rank; the part beyond whole extents stays unused
  int64_t slots = 0;            ///< most sequences that hold state at a time
  int64_t carries = 0;          ///< most carries at a time
  uint64_t placement_seed = 0;  ///< tests: not 0 scatters pages, blocks and slots
};

/// Places KV pages, state blocks and carries in one arena that has the same layout on every rank.
///
/// Computes offsets only; the ranks own the memory. The arena is cut into extents of 2 MiB (more,
/// in steps of 2 MiB, if one page or block is larger). An extent holds things of one kind and is
/// free for all again when its last one is given back. The pool outlives its handles; one thread
/// uses it.
class CachePool final {
 public:
  explicit CachePool(const CachePoolConfig& config);
  CachePool(const CachePool&) = delete;
  CachePool& operator=(const CachePool&) = delete;
  ~CachePool();

  /// Bytes of one extent.
  [[nodiscard]] static int64_t extent_bytes(const CacheSpec& spec);
  /// Arena bytes that hold `pages` pages, `slots` slots and `carries` carries together.
  [[nodiscard]] static int64_t bytes_for(const CacheSpec& spec, int64_t pages, int64_t slots,
                                         int64_t carries = 0);
  /// Pages that `tokens` tokens of one sequence take; 0 for a model without attention.
  [[nodiscard]] static int64_t pages_for(const CacheSpec& spec, int64_t tokens);

  /// Whether so many pages, slots and carries could be taken now, one after another, in any order.
  [[nodiscard]] bool can_take(int64_t pages, int64_t slots, int64_t carries = 0) const;
  /// As above for a pool in which nothing is taken.
  [[nodiscard]] bool could_ever_take(int64_t pages, int64_t slots, int64_t carries = 0) const;
  /// A page, or nothing when `can_take(1, 0)` is false.
  [[nodiscard]] std::optional<PageRef> take_page();
  /// A slot with a block per layer, or nothing when `can_take(0, 1)` is false.
  [[nodiscard]] std::optional<StateRef> take_state();
  /// A carry, or nothing when `can_take(0, 0, 1)` is false. Only where the spec has carries.
  [[nodiscard]] std::optional<CarryRef> take_carry();

  /// Keeps handles that step `step` may still write until `reclaim(step)`.
  void retire(std::vector<PageRef> pages, std::optional<StateRef> state, uint64_t step);
  void retire(CarryRef carry, uint64_t step);
  /// Gives back what was retired with a step up to `completed`.
  void reclaim(uint64_t completed);
  /// Whether something waits to be reclaimed.
  [[nodiscard]] bool retiring() const { return !retired_.empty(); }

  /// Pages that could be taken now if no slot were.
  [[nodiscard]] int64_t free_pages() const;
  /// Slots that could be taken now if no page were.
  [[nodiscard]] int64_t free_slots() const;
  /// Pages and slots held by handles, retired ones included.
  [[nodiscard]] int64_t used_pages() const { return pages_.used; }
  [[nodiscard]] int64_t used_slots() const { return slots_ - std::ssize(free_slots_); }
  [[nodiscard]] int64_t used_carries() const { return carries_.used / carry_blocks(); }
  [[nodiscard]] int64_t slots() const { return slots_; }
  [[nodiscard]] const CacheSpec& spec() const { return spec_; }

 private:
  friend class PageRef;
  friend class StateRef;
  friend class CarryRef;

  /// Objects of one size and the extents that hold some of them.
  struct SizeClass {
    int64_t bytes = 0;
    int64_t per_extent = 0;
    int64_t used = 0;
    int64_t free_in_partial = 0;
    std::set<std::pair<int64_t, int64_t>> partial;  ///< (free places, extent)
  };
  struct Retired {
    uint64_t step;
    std::vector<PageRef> pages;
    std::optional<StateRef> state;
    std::optional<CarryRef> carry;
  };

  [[nodiscard]] static SizeClass size_class(int64_t bytes, int64_t extent);
  [[nodiscard]] static int64_t extents_for(const SizeClass& cls, int64_t count, int64_t free);
  [[nodiscard]] int64_t take(SizeClass& cls);
  void open_extent(SizeClass& cls);
  void give(SizeClass& cls, int64_t offset);
  void give_page(int64_t offset) { give(pages_, offset); }
  void give_state(int32_t slot, const std::vector<int64_t>& offsets);
  void give_carry(const std::vector<int64_t>& offsets);
  [[nodiscard]] int64_t carry_blocks() const { return std::max<int64_t>(1, spec_.state_layers); }
  [[nodiscard]] size_t pick(size_t count, size_t otherwise);

  const CacheSpec spec_;
  const int64_t slots_;
  const int64_t carry_limit_;
  const int64_t extent_bytes_;
  const int64_t extent_count_;
  SizeClass pages_;
  SizeClass blocks_;
  SizeClass carries_;
  std::vector<std::vector<int32_t>> places_;  ///< per extent: free places
  std::vector<int64_t> free_extents_;
  std::vector<int32_t> free_slots_;
  std::vector<Retired> retired_;
  const bool scatter_;
  std::mt19937_64 random_;
};

}  // namespace dak
