#include <immintrin.h>

#include "dakkar/bench/probe_loops.h"

namespace dak::bench {
namespace {

constexpr int64_t kLine = 64;
constexpr int kSums = 8;  // lines read per stream and turn
constexpr int kChains = 16;

/// Towards the second cache, which waits for more lines at a time than the first.
template <int64_t kAhead>
void prefetch(const std::byte* place) {
  _mm_prefetch(reinterpret_cast<const char*>(place + kAhead), _MM_HINT_T1);
}

/// `kStreams` streams side by side: a stream that ends in a page does not stop the others.
template <int64_t kStreams, int64_t kAhead>
float read(const std::byte* from, int64_t bytes) {
  __m512i sums[kSums];
  for (__m512i& sum : sums) {
    sum = _mm512_setzero_si512();
  }
  const int64_t part = bytes / kStreams;
  for (int64_t i = 0; i < part; i += kSums * kLine) {
    for (int64_t s = 0; s < kStreams; ++s) {
      const std::byte* line = from + s * part + i;
      for (int j = 0; j < kSums; ++j) {
        prefetch<kAhead>(line + j * kLine);
        sums[j] = _mm512_xor_si512(sums[j], _mm512_loadu_si512(line + j * kLine));
      }
    }
  }
  for (int j = 1; j < kSums; ++j) {
    sums[0] = _mm512_xor_si512(sums[0], sums[j]);
  }
  return static_cast<float>(_mm512_reduce_add_epi32(sums[0]));
}

void copy(std::byte* to, const std::byte* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += kLine) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i), _mm512_loadu_si512(from + i));
  }
  _mm_sfence();
}

float multiply_f32(int64_t rounds) {
  __m512 sums[kChains];
  for (__m512& sum : sums) {
    sum = _mm512_set1_ps(1.0F);
  }
  const __m512 factor = _mm512_set1_ps(0.75F);
  for (int64_t i = 0; i < rounds; ++i) {
    for (__m512& sum : sums) {
      sum = _mm512_fmadd_ps(sum, factor, factor);
    }
  }
  for (int j = 1; j < kChains; ++j) {
    sums[0] = _mm512_add_ps(sums[0], sums[j]);
  }
  return _mm512_reduce_add_ps(sums[0]);
}

}  // namespace

ProbeLoops probe_loops_avx512() {
  return {.read_one = read<1, 8192>,
          .read_four = read<4, 2048>,
          .read_eight = read<8, 512>,
          .copy = copy,
          .multiply_f32 = multiply_f32,
          .f32_flops = int64_t{kChains} * 32};
}

}  // namespace dak::bench
