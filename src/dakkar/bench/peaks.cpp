#include "dakkar/bench/peaks.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include <fmt/core.h>
#include <sys/mman.h>

#include "dakkar/bench/machine.h"
#include "dakkar/device/host_memory.h"

namespace dak::bench {
namespace {

constexpr int64_t kCaches = 5;          // the memory read, in last caches
constexpr int64_t kMultiple = 1 << 13;  // of a thread's part, in bytes
constexpr int64_t kFmaRounds = 500'000;

/// Keeps a loop's result alive.
void consume(float value) {
  static_cast<void>(std::atomic<float>(value).load(std::memory_order_relaxed));
}

}  // namespace

PeakProbes::PeakProbes(int threads, const ProbeLoops& loops, DeviceMemory memory)
    : threads_(threads), loops_(loops), memory_(std::move(memory)) {}

Result<PeakProbes> PeakProbes::open(int threads) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    return fail(ErrorCode::kUnimplemented, "this processor lacks AVX2 or FMA");
  }
  ProbeLoops loops = __builtin_cpu_supports("avx512f") ? probe_loops_avx512() : probe_loops_avx2();
  if (__builtin_cpu_supports("avx512bf16")) {
    loops.multiply_bf16 = multiply_bf16_avx512;
    loops.bf16_flops = kBf16RoundFlops;
  }
  const int64_t unit = threads * kMultiple * 2;
  const int64_t bytes = kCaches * last_cache_bytes() / unit * unit;
  Result<DeviceMemory> memory = allocate_host_memory(bytes);
  if (!memory) {
    return fail(memory.error());
  }
  // Large pages, so that the peak is the memory's and not that of address translation.
  static_cast<void>(madvise(memory->data(), static_cast<size_t>(bytes), MADV_HUGEPAGE));
  std::memset(memory->data(), 1, static_cast<size_t>(bytes));
  return PeakProbes(threads, loops, std::move(*memory));
}

double PeakProbes::read_with(ReadLoop loop) const {
  const int64_t part = memory_.size() / threads_ / kMultiple * kMultiple;
  const double seconds =
      run_pinned(threads_, [&](int i) { consume(loop(memory_.data() + i * part, part)); });
  return static_cast<double>(part * threads_) / seconds;
}

double PeakProbes::read_bytes() const {
  return std::max(
      {read_with(loops_.read_one), read_with(loops_.read_four), read_with(loops_.read_eight)});
}

double PeakProbes::copy_bytes() const {
  const int64_t part = memory_.size() / threads_ / kMultiple * kMultiple;
  const double seconds = run_pinned(threads_, [&](int i) {
    std::byte* from = memory_.data() + i * part;
    loops_.copy(from + part / 2, from, part / 2);
  });
  return static_cast<double>(part * threads_) / seconds;
}

double PeakProbes::flops_of(float (*loop)(int64_t), int64_t flops) const {
  const double seconds = run_pinned(threads_, [&](int) { consume(loop(kFmaRounds)); });
  return static_cast<double>(kFmaRounds * flops * threads_) / seconds;
}

Peaks PeakProbes::measure() const {
  Peaks peaks;
  peaks.read_bytes = read_bytes();
  peaks.copy_bytes = copy_bytes();
  peaks.f32_flops = flops_of(loops_.multiply_f32, loops_.f32_flops);
  if (loops_.multiply_bf16 != nullptr) {
    peaks.bf16_flops = flops_of(loops_.multiply_bf16, loops_.bf16_flops);
  }
  return peaks;
}

std::string describe(const Peaks& peaks) {
  std::string text =
      fmt::format("read {:.1f} GB/s, copy {:.1f} GB/s, f32 FMA {:.0f} GFLOP/s",
                  peaks.read_bytes / 1e9, peaks.copy_bytes / 1e9, peaks.f32_flops / 1e9);
  if (peaks.bf16_flops > 0.0) {
    text += fmt::format(", bf16 dot products {:.0f} GFLOP/s", peaks.bf16_flops / 1e9);
  }
  return text;
}

}  // namespace dak::bench
