#include <immintrin.h>

#include "dakkar/bench/probe_loops.h"

namespace dak::bench {
namespace {

constexpr int64_t kVector = 32;
constexpr int kSums = 8;  // vectors read per stream and turn
constexpr int kChains = 12;

float total(__m256 sum) {
  float lanes[8];
  _mm256_storeu_ps(lanes, sum);
  float all = 0.0F;
  for (const float lane : lanes) {
    all += lane;
  }
  return all;
}

/// Towards the second cache, which waits for more lines at a time than the first.
template <int64_t kAhead>
void prefetch(const std::byte* place) {
  _mm_prefetch(reinterpret_cast<const char*>(place + kAhead), _MM_HINT_T1);
}

template <int64_t kStreams, int64_t kAhead>
float read(const std::byte* from, int64_t bytes) {
  __m256i sums[kSums];
  for (__m256i& sum : sums) {
    sum = _mm256_setzero_si256();
  }
  const int64_t part = bytes / kStreams;
  for (int64_t i = 0; i < part; i += kSums * kVector) {
    for (int64_t s = 0; s < kStreams; ++s) {
      const std::byte* line = from + s * part + i;
      for (int j = 0; j < kSums; ++j) {
        const std::byte* place = line + j * kVector;
        prefetch<kAhead>(place);
        sums[j] =
            _mm256_xor_si256(sums[j], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(place)));
      }
    }
  }
  for (int j = 1; j < kSums; ++j) {
    sums[0] = _mm256_xor_si256(sums[0], sums[j]);
  }
  return total(_mm256_cvtepi32_ps(sums[0]));
}

void copy(std::byte* to, const std::byte* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += kVector) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i),
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i)));
  }
  _mm_sfence();
}

float multiply_f32(int64_t rounds) {
  __m256 sums[kChains];
  for (__m256& sum : sums) {
    sum = _mm256_set1_ps(1.0F);
  }
  const __m256 factor = _mm256_set1_ps(0.75F);
  for (int64_t i = 0; i < rounds; ++i) {
    for (__m256& sum : sums) {
      sum = _mm256_fmadd_ps(sum, factor, factor);
    }
  }
  for (int j = 1; j < kChains; ++j) {
    sums[0] = _mm256_add_ps(sums[0], sums[j]);
  }
  return total(sums[0]);
}

}  // namespace

ProbeLoops probe_loops_avx2() {
  return {.read_one = read<1, 8192>,
          .read_four = read<4, 2048>,
          .read_eight = read<8, 512>,
          .copy = copy,
          .multiply_f32 = multiply_f32,
          .f32_flops = int64_t{kChains} * 16};
}

}  // namespace dak::bench
