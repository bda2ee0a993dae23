#include "dakkar/engine/cache_pool.h"

#include <algorithm>

#include "dakkar/base/check.h"

namespace dak {
namespace {

constexpr int64_t kExtentUnit = int64_t{2} << 20;

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

PageRef::PageRef(PageRef&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), offset_(other.offset_) {}

PageRef& PageRef::operator=(PageRef&& other) noexcept {
  if (this != &other) {
    give_back();
    pool_ = std::exchange(other.pool_, nullptr);
    offset_ = other.offset_;
  }
  return *this;
}

PageRef::~PageRef() {
  give_back();
}

void PageRef::give_back() {
  if (pool_ != nullptr) {
    pool_->give_page(offset_);
    pool_ = nullptr;
  }
}

StateRef::StateRef(StateRef&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      slot_(other.slot_),
      offsets_(std::move(other.offsets_)) {}

StateRef& StateRef::operator=(StateRef&& other) noexcept {
  if (this != &other) {
    give_back();
    pool_ = std::exchange(other.pool_, nullptr);
    slot_ = other.slot_;
    offsets_ = std::move(other.offsets_);
  }
  return *this;
}

StateRef::~StateRef() {
  give_back();
}

void StateRef::give_back() {
  if (pool_ != nullptr) {
    pool_->give_state(slot_, offsets_);
    pool_ = nullptr;
  }
}

CarryRef::CarryRef(CarryRef&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), offsets_(std::move(other.offsets_)) {}

CarryRef& CarryRef::operator=(CarryRef&& other) noexcept {
  if (this != &other) {
    give_back();
    pool_ = std::exchange(other.pool_, nullptr);
    offsets_ = std::move(other.offsets_);
  }
  return *this;
}

CarryRef::~CarryRef() {
  give_back();
}

void CarryRef::give_back() {
  if (pool_ != nullptr) {
    pool_->give_carry(offsets_);
    pool_ = nullptr;
  }
}

CachePool::CachePool(const CachePoolConfig& config)
    : spec_(config.spec),
      slots_(config.slots),
      carry_limit_(config.carries),
      extent_bytes_(extent_bytes(config.spec)),
      extent_count_(config.arena_bytes / extent_bytes_),
      pages_(size_class(config.spec.page_bytes, extent_bytes_)),
      blocks_(size_class(config.spec.state_layer_bytes, extent_bytes_)),
      carries_(size_class(config.spec.carry_layer_bytes, extent_bytes_)),
      places_(static_cast<size_t>(extent_count_)),
      scatter_(config.placement_seed != 0),
      random_(config.placement_seed) {
  // Taken from the back: low extents and slots first.
  for (int64_t i = extent_count_ - 1; i >= 0; --i) {
    free_extents_.push_back(i);
  }
  for (int64_t i = slots_ - 1; i >= 0; --i) {
    free_slots_.push_back(static_cast<int32_t>(i));
  }
}

CachePool::~CachePool() {
  retired_.clear();
  check(pages_.used == 0 && used_slots() == 0 && carries_.used == 0,
        "a cache handle outlives its pool");
}

int64_t CachePool::extent_bytes(const CacheSpec& spec) {
  const int64_t largest =
      std::max({spec.page_bytes, spec.state_layer_bytes, spec.carry_layer_bytes, int64_t{1}});
  return ceil_div(largest, kExtentUnit) * kExtentUnit;
}

int64_t CachePool::bytes_for(const CacheSpec& spec, int64_t pages, int64_t slots, int64_t carries) {
  const int64_t extent = extent_bytes(spec);
  const int64_t page_extents = extents_for(size_class(spec.page_bytes, extent), pages, 0);
  const int64_t block_extents =
      extents_for(size_class(spec.state_layer_bytes, extent), slots * spec.state_layers, 0);
  const int64_t carry_extents =
      extents_for(size_class(spec.carry_layer_bytes, extent), carries * spec.state_layers, 0);
  return (page_extents + block_extents + carry_extents) * extent;
}

int64_t CachePool::pages_for(const CacheSpec& spec, int64_t tokens) {
  return spec.page_bytes == 0 ? 0 : ceil_div(tokens, spec.page_tokens);
}

CachePool::SizeClass CachePool::size_class(int64_t bytes, int64_t extent) {
  SizeClass cls;
  cls.bytes = bytes;
  cls.per_extent = bytes == 0 ? 0 : extent / bytes;
  return cls;
}

int64_t CachePool::extents_for(const SizeClass& cls, int64_t count, int64_t free) {
  if (count <= free || cls.bytes == 0) {
    return 0;
  }
  return ceil_div(count - free, cls.per_extent);
}

bool CachePool::can_take(int64_t pages, int64_t slots, int64_t carries) const {
  const int64_t extents =
      extents_for(pages_, pages, pages_.free_in_partial) +
      extents_for(blocks_, slots * spec_.state_layers, blocks_.free_in_partial) +
      extents_for(carries_, carries * spec_.state_layers, carries_.free_in_partial);
  return slots <= std::ssize(free_slots_) && carries <= carry_limit_ - used_carries() &&
         extents <= std::ssize(free_extents_);
}

bool CachePool::could_ever_take(int64_t pages, int64_t slots, int64_t carries) const {
  return slots <= slots_ && carries <= carry_limit_ &&
         bytes_for(spec_, pages, slots, carries) <= extent_count_ * extent_bytes_;
}

std::optional<PageRef> CachePool::take_page() {
  check(pages_.bytes > 0, "a model without KV pages asks for one");
  if (!can_take(1, 0)) {
    return std::nullopt;
  }
  return PageRef(this, take(pages_));
}

std::optional<StateRef> CachePool::take_state() {
  if (!can_take(0, 1)) {
    return std::nullopt;
  }
  const size_t at = pick(free_slots_.size(), free_slots_.size() - 1);
  std::swap(free_slots_[at], free_slots_.back());
  const int32_t slot = free_slots_.back();
  free_slots_.pop_back();
  std::vector<int64_t> offsets;
  const int64_t blocks = blocks_.bytes == 0 ? 0 : spec_.state_layers;
  for (int64_t i = 0; i < blocks; ++i) {
    offsets.push_back(take(blocks_));
  }
  return StateRef(this, slot, std::move(offsets));
}

std::optional<CarryRef> CachePool::take_carry() {
  check(carries_.bytes > 0, "a model whose slots need no carry asks for one");
  if (!can_take(0, 0, 1)) {
    return std::nullopt;
  }
  std::vector<int64_t> offsets;
  for (int64_t i = 0; i < spec_.state_layers; ++i) {
    offsets.push_back(take(carries_));
  }
  return CarryRef(this, std::move(offsets));
}

void CachePool::retire(std::vector<PageRef> pages, std::optional<StateRef> state, uint64_t step) {
  if (!pages.empty() || state.has_value()) {
    retired_.push_back({step, std::move(pages), std::move(state), std::nullopt});
  }
}

void CachePool::retire(CarryRef carry, uint64_t step) {
  retired_.push_back({step, {}, std::nullopt, std::move(carry)});
}

void CachePool::reclaim(uint64_t completed) {
  std::erase_if(retired_, [&](const Retired& item) { return item.step <= completed; });
}

int64_t CachePool::free_pages() const {
  return pages_.free_in_partial + std::ssize(free_extents_) * pages_.per_extent;
}

int64_t CachePool::free_slots() const {
  const int64_t slots = std::ssize(free_slots_);
  if (blocks_.bytes == 0 || spec_.state_layers == 0) {
    return slots;
  }
  const int64_t blocks = blocks_.free_in_partial + std::ssize(free_extents_) * blocks_.per_extent;
  return std::min(slots, blocks / spec_.state_layers);
}

size_t CachePool::pick(size_t count, size_t otherwise) {
  return scatter_ ? static_cast<size_t>(random_() % count) : otherwise;
}

void CachePool::open_extent(SizeClass& cls) {
  check(!free_extents_.empty(), "the cache arena has no free extent");
  const size_t at = pick(free_extents_.size(), free_extents_.size() - 1);
  std::swap(free_extents_[at], free_extents_.back());
  const int64_t extent = free_extents_.back();
  free_extents_.pop_back();
  std::vector<int32_t>& places = places_[static_cast<size_t>(extent)];
  for (int64_t i = cls.per_extent - 1; i >= 0; --i) {
    places.push_back(static_cast<int32_t>(i));
  }
  cls.partial.emplace(cls.per_extent, extent);
  cls.free_in_partial += cls.per_extent;
}

int64_t CachePool::take(SizeClass& cls) {
  if (cls.partial.empty()) {
    open_extent(cls);
  }
  // The fullest extent first, so that others empty out; tests scatter instead.
  const auto entry =
      std::next(cls.partial.begin(), static_cast<ptrdiff_t>(pick(cls.partial.size(), 0)));
  const auto [free, extent] = *entry;
  cls.partial.erase(entry);
  std::vector<int32_t>& places = places_[static_cast<size_t>(extent)];
  std::swap(places[pick(places.size(), places.size() - 1)], places.back());
  const int64_t place = places.back();
  places.pop_back();
  if (free > 1) {
    cls.partial.emplace(free - 1, extent);
  }
  --cls.free_in_partial;
  ++cls.used;
  return extent * extent_bytes_ + place * cls.bytes;
}

void CachePool::give(SizeClass& cls, int64_t offset) {
  const int64_t extent = offset / extent_bytes_;
  std::vector<int32_t>& places = places_[static_cast<size_t>(extent)];
  cls.partial.erase({std::ssize(places), extent});
  places.push_back(static_cast<int32_t>(offset % extent_bytes_ / cls.bytes));
  --cls.used;
  ++cls.free_in_partial;
  if (std::ssize(places) < cls.per_extent) {
    cls.partial.emplace(std::ssize(places), extent);
    return;
  }
  places.clear();
  cls.free_in_partial -= cls.per_extent;
  free_extents_.push_back(extent);
}

void CachePool::give_state(int32_t slot, const std::vector<int64_t>& offsets) {
  for (const int64_t offset : offsets) {
    give(blocks_, offset);
  }
  free_slots_.push_back(slot);
}

void CachePool::give_carry(const std::vector<int64_t>& offsets) {
  for (const int64_t offset : offsets) {
    give(carries_, offset);
  }
}

}  // namespace dak
