#pragma once

#include <cstdint>
#include <string>

#include "dakkar/base/error.h"
#include "dakkar/bench/probe_loops.h"
#include "dakkar/device/backend.h"

namespace dak::bench {

/// What the machine's processors reach together, per second.
struct Peaks {
  double read_bytes = 0.0;  ///< from memory, far larger than the caches
  double copy_bytes = 0.0;  ///< read and written
  double f32_flops = 0.0;   ///< fused multiply-adds
  double bf16_flops = 0.0;  ///< dot products of bf16 pairs summed in f32; 0 without them

  /// The larger rate: what a matrix product of bf16 inputs could run at.
  [[nodiscard]] double flops() const { return bf16_flops > f32_flops ? bf16_flops : f32_flops; }
};

/// Measures peaks with a few threads, one per processor, over memory of 5 times the last cache.
class PeakProbes final {
 public:
  /// Errors: too little memory; a processor without AVX2.
  static Result<PeakProbes> open(int threads);

  /// Runs every probe once, about 30 ms.
  [[nodiscard]] Peaks measure() const;
  /// The read probe alone: the fastest of its loops, each run once.
  [[nodiscard]] double read_bytes() const;
  [[nodiscard]] int threads() const { return threads_; }

 private:
  using ReadLoop = float (*)(const std::byte*, int64_t);
  PeakProbes(int threads, const ProbeLoops& loops, DeviceMemory memory);
  [[nodiscard]] double read_with(ReadLoop loop) const;
  [[nodiscard]] double copy_bytes() const;
  [[nodiscard]] double flops_of(float (*loop)(int64_t), int64_t flops) const;

  int threads_;
  ProbeLoops loops_;
  DeviceMemory memory_;
};

/// Peaks for people: "read 31.2 GB/s, copy 45.0 GB/s, f32 FMA 235 GFLOP/s, bf16 470 GFLOP/s".
[[nodiscard]] std::string describe(const Peaks& peaks);

}  // namespace dak::bench
