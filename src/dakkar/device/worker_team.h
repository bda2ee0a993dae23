#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "dakkar/base/function_ref.h"
#include "dakkar/device/scratch.h"

namespace dak {

/// A piece of [0, total) that one call of a kernel's work handles.
struct WorkRange {
  int64_t begin = 0;
  int64_t end = 0;
};

/// The threads that a CPU stream runs its kernels on, the caller among them. Kernels get it through
/// `team_kernel` (host_kernel.h). Used by one thread at a time; work does not call back into it.
///
/// Which thread runs which part is left to chance, so results must not depend on it: parts write
/// different memory, and a sum is never split over parts (split N, rows or heads, never K).
/// Between two kernels idle threads spin for as long as waking one would take, then they sleep on a
/// futex: a team without work uses no processor time.
class WorkerTeam final {
 public:
  /// Starts `threads` - 1 threads; at least one counts: the caller.
  explicit WorkerTeam(int threads);
  WorkerTeam(const WorkerTeam&) = delete;
  WorkerTeam& operator=(const WorkerTeam&) = delete;
  ~WorkerTeam();

  /// Threads, the caller included.
  [[nodiscard]] int size() const { return size_; }

  /// Calls work(part, scratch) for each part in [0, parts), then returns. Parts are handed out in
  /// order to whichever thread is free; what a call takes from `scratch` is gone when it returns.
  /// One part, or a team of one, runs in the caller without touching other threads.
  void run(int64_t parts, FunctionRef<void(int64_t part, Scratch& scratch)> work);

  struct Split {
    int64_t total = 0;
    int64_t grain = 1;  ///< ranges begin at its multiples and are not shorter, the last aside
  };
  /// Cuts [0, total) into ranges and calls work(range, scratch) for each. The first are long, since
  /// a thread that begins elsewhere waits for memory; the last are short, so that threads end
  /// together: each thread in turn gets its part of half of what is left.
  ///   team.for_ranges({.total = rows, .grain = 8}, [&](WorkRange rows, Scratch& scratch) { ... });
  void for_ranges(const Split& split, FunctionRef<void(WorkRange range, Scratch& scratch)> work);

  /// Scratch of the kernel as a whole, for what all parts read; rewound when the kernel returns.
  [[nodiscard]] Scratch& kernel_scratch() { return kernel_scratch_; }

 private:
  using Work = FunctionRef<void(int64_t part, Scratch& scratch)>;

  void serve(Scratch& scratch);
  /// Runs parts of job number `job` while there are any.
  void take_parts(uint32_t job, Scratch& scratch);
  void finish_part(int64_t parts);
  void publish(int64_t parts, const Work& work);
  void wait_for_parts(uint32_t parts);

  const int size_;
  std::vector<Scratch> scratches_;  ///< one per thread
  Scratch kernel_scratch_;

  // The job. Written by the caller, read by threads that hold a part of it.
  const Work* work_ = nullptr;
  int64_t parts_ = 0;
  /// Job number above, parts nobody has taken yet below: one word, so that a thread that comes late
  /// cannot take a part of a job it has not seen.
  alignas(64) std::atomic<uint64_t> open_{0};
  alignas(64) std::atomic<uint32_t> finished_{0};  ///< parts of this job
  std::atomic<uint32_t> caller_sleeps_{0};
  alignas(64) std::atomic<uint32_t> job_{0};  ///< number of the newest job; threads sleep on it
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> closing_{false};

  std::vector<std::thread> threads_;  ///< last: they use the others
};

}  // namespace dak
