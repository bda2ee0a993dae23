#pragma once

#include <cstddef>
#include <cstdint>

/// What one thread can do at most, as loops. Included by files compiled for one instruction set:
/// plain types only.
namespace dak::bench {

/// Loops of one instruction set. Each gives a value that depends on all its work.
struct ProbeLoops {
  /// Reads `bytes` bytes, a multiple of 4096, fetching ahead: in one, four or eight streams.
  float (*read_one)(const std::byte* from, int64_t bytes) = nullptr;
  float (*read_four)(const std::byte* from, int64_t bytes) = nullptr;
  float (*read_eight)(const std::byte* from, int64_t bytes) = nullptr;
  /// Copies `bytes` bytes, a multiple of 4096, past the caches.
  void (*copy)(std::byte* to, const std::byte* from, int64_t bytes) = nullptr;
  /// Fused multiply-adds in f32, `f32_flops` a round.
  float (*multiply_f32)(int64_t rounds) = nullptr;
  int64_t f32_flops = 0;  ///< of one round
  /// Dot products of bf16 pairs; absent where the processor has none.
  float (*multiply_bf16)(int64_t rounds) = nullptr;
  int64_t bf16_flops = 0;  ///< of one round
};

[[nodiscard]] ProbeLoops probe_loops_avx2();
[[nodiscard]] ProbeLoops probe_loops_avx512();

/// The bf16 loop alone: needs AVX-512 BF16.
[[nodiscard]] float multiply_bf16_avx512(int64_t rounds);
inline constexpr int64_t kBf16RoundFlops = int64_t{16} * 64;

}  // namespace dak::bench
