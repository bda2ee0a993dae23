#include "dakkar/device/worker_team.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <immintrin.h>
#include <pthread.h>

#include "dakkar/base/check.h"
#include "dakkar/base/futex.h"

namespace dak {
namespace {

/// About what a sleeping thread takes to wake: spinning longer than that can at most halve the
/// wait, spinning less loses more.
constexpr std::chrono::microseconds kSpin{50};
constexpr int kPausesPerLook = 16;

/// Spins until `done()`, or until the spin time is over; returns whether it was done.
template <typename Done>
bool spin_until(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (done()) {
        return true;
      }
      _mm_pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

constexpr int kJobShift = 32;

/// How `WorkerTeam::for_ranges` cuts `grains` grains: rounds of one part per thread, each of half
/// of the rest, until the rest is less than two grains per thread, which are parts of their own.
class Halvings final {
 public:
  Halvings(int64_t grains, int64_t threads) : grains_(grains), threads_(threads) {
    while (left(rounds_) >= 2 * threads_) {
      ++rounds_;
    }
  }

  [[nodiscard]] int64_t parts() const { return rounds_ * threads_ + left(rounds_); }

  /// The first grain of a part; that of part number `parts()` is their number.
  [[nodiscard]] int64_t begin(int64_t part) const {
    const int64_t round = std::min(part / threads_, rounds_);
    const int64_t first = grains_ - left(round);
    const int64_t place = part - round * threads_;
    return round == rounds_ ? first + place
                            : first + (left(round) - left(round + 1)) * place / threads_;
  }

 private:
  /// Grains after some rounds.
  [[nodiscard]] int64_t left(int64_t rounds) const {
    const int64_t unit = int64_t{1} << rounds;
    return (grains_ + unit - 1) / unit;
  }

  int64_t grains_;
  int64_t threads_;
  int64_t rounds_ = 0;
};

}  // namespace

WorkerTeam::WorkerTeam(int threads)
    : size_(std::max(1, threads)), scratches_(static_cast<size_t>(size_)) {
  for (size_t i = 1; i < scratches_.size(); ++i) {
    threads_.emplace_back([this, i] { serve(scratches_[i]); });
    pthread_setname_np(threads_.back().native_handle(), "dakkar-cpu");
  }
}

WorkerTeam::~WorkerTeam() {
  closing_.store(true);
  job_.fetch_add(1);
  futex_wake_all(job_);
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void WorkerTeam::run(int64_t parts, FunctionRef<void(int64_t part, Scratch& scratch)> work) {
  check(parts >= 0 && parts <= std::numeric_limits<int32_t>::max(), "a kernel's parts are counted");
  Scratch& mine = scratches_.front();
  if (size_ == 1 || parts <= 1) {
    for (int64_t part = 0; part < parts; ++part) {
      work(part, mine);
      mine.rewind();
    }
    return;
  }
  publish(parts, work);
  take_parts(job_.load(std::memory_order_relaxed), mine);
  wait_for_parts(static_cast<uint32_t>(parts));
  work_ = nullptr;
}

void WorkerTeam::for_ranges(const Split& split,
                            FunctionRef<void(WorkRange range, Scratch& scratch)> work) {
  check(split.grain > 0, "ranges have a length");
  if (size_ == 1) {
    return run(split.total > 0 ? 1 : 0,
               [&](int64_t, Scratch& scratch) { work({.begin = 0, .end = split.total}, scratch); });
  }
  const Halvings halvings((split.total + split.grain - 1) / split.grain, size_);
  run(halvings.parts(), [&](int64_t part, Scratch& scratch) {
    work({.begin = halvings.begin(part) * split.grain,
          .end = std::min(split.total, halvings.begin(part + 1) * split.grain)},
         scratch);
  });
}

void WorkerTeam::publish(int64_t parts, const Work& work) {
  check(work_ == nullptr, "work does not call back into its team");
  work_ = &work;
  parts_ = parts;
  finished_.store(0, std::memory_order_relaxed);
  const uint32_t job = job_.load(std::memory_order_relaxed) + 1;
  open_.store((uint64_t{job} << kJobShift) | static_cast<uint64_t>(parts),
              std::memory_order_release);
  // A thread counts itself as asleep before the kernel looks at `job_` once more: either this
  // load sees it, or it sees the new number.
  job_.store(job);
  if (sleepers_.load() > 0) {
    futex_wake_all(job_);
  }
}

void WorkerTeam::take_parts(uint32_t job, Scratch& scratch) {
  uint64_t open = open_.load(std::memory_order_acquire);
  while (open >> kJobShift == job && (open & 0xffffffffU) != 0) {
    if (!open_.compare_exchange_weak(open, open - 1, std::memory_order_acq_rel,
                                     std::memory_order_acquire)) {
      continue;
    }
    // The caller waits for this part, so the job stays what it is until it is finished.
    const int64_t parts = parts_;
    (*work_)(parts - static_cast<int64_t>(open & 0xffffffffU), scratch);
    scratch.rewind();
    finish_part(parts);
    open = open_.load(std::memory_order_acquire);
  }
}

void WorkerTeam::finish_part(int64_t parts) {
  if (finished_.fetch_add(1) + 1 == static_cast<uint32_t>(parts) && caller_sleeps_.load() != 0) {
    futex_wake_all(finished_);
  }
}

void WorkerTeam::wait_for_parts(uint32_t parts) {
  const auto done = [&] { return finished_.load(std::memory_order_acquire) == parts; };
  if (spin_until(done)) {
    return;
  }
  caller_sleeps_.store(1);
  for (uint32_t seen = finished_.load(); seen != parts; seen = finished_.load()) {
    futex_wait(finished_, seen);
  }
  caller_sleeps_.store(0);
}

void WorkerTeam::serve(Scratch& scratch) {
  uint32_t seen = 0;
  while (true) {
    const auto called = [&] { return job_.load(std::memory_order_acquire) != seen; };
    if (!spin_until(called)) {
      sleepers_.fetch_add(1);
      while (!called()) {
        futex_wait(job_, seen);
      }
      sleepers_.fetch_sub(1);
    }
    if (closing_.load()) {
      return;
    }
    seen = job_.load(std::memory_order_acquire);
    take_parts(seen, scratch);
  }
}

}  // namespace dak
