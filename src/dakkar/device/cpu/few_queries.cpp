#include "dakkar/device/cpu/few_queries.h"

#include <algorithm>
#include <cmath>

#include "dakkar/device/cpu/dot_lanes.h"
#include "dakkar/device/cpu/lanes_avx512.h"

namespace dak::cpu {
namespace {

constexpr int64_t kLanes = LanesAvx512::kLanes;
constexpr int64_t kPairs = kDotBlockKeys / 2;
constexpr int kGroups = kDotBlockKeys / kLanes;
/// Vectors of D that are mixed at a time: as many sums as registers hold, in 128 dimensions.
template <int kQueries>
constexpr int kMixed = kQueries == 4 ? 4 : 8;

/// Key `k`'s pair `p` goes to turned[p, k].
void turn_keys(const FewQueriesBlock& block) {
  const int64_t stride = block.keys.stride / static_cast<int64_t>(sizeof(float));
  for (int64_t key = 0; key < block.keys.count; key += kLanes) {
    const auto* rows = reinterpret_cast<const float*>(block.keys.from + key * block.keys.stride);
    for (int64_t pair = 0; pair < block.width / 2; pair += kLanes) {
      LanesAvx512::transpose(rows + pair, stride, block.turned + pair * kDotBlockKeys + key,
                             kDotBlockKeys);
    }
  }
}

template <int kQueries>
void score(const FewQueriesBlock& block, int64_t first) {
  __m512 sum[kQueries][kGroups];
  for (int q = 0; q < kQueries; ++q) {
    for (int g = 0; g < kGroups; ++g) {
      sum[q][g] = _mm512_setzero_ps();
    }
  }
  const uint32_t* queries = block.pairs + first * block.width / 2;
  for (int64_t pair = 0; pair < block.width / 2; ++pair) {
    const float* keys = block.turned + pair * kDotBlockKeys;
    for (int q = 0; q < kQueries; ++q) {
      const __m512bh query = broadcast_pair(queries + q * block.width / 2 + pair);
      for (int g = 0; g < kGroups; ++g) {
        const auto key = reinterpret_cast<__m512bh>(_mm512_loadu_ps(keys + g * kLanes));
        sum[q][g] = _mm512_dpbf16_ps(sum[q][g], query, key);
      }
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int g = 0; g < kGroups; ++g) {
      _mm512_storeu_ps(block.scores + (first + q) * kDotBlockKeys + g * kLanes, sum[q][g]);
    }
  }
}

/// Lanes of group `group` that hold keys.
__mmask16 keys_of(const FewQueriesBlock& block, int64_t group) {
  const int64_t count = block.keys.count - group * kLanes;
  return count >= kLanes ? 0xffff : static_cast<__mmask16>((1U << std::max<int64_t>(0, count)) - 1);
}

/// Turns a query's scores into weights and their sum; gives what its earlier values are kept by.
float weigh(const FewQueriesBlock& block, int64_t q) {
  float* scores = block.scores + q * kDotBlockKeys;
  const float before = block.largest[q];
  __m512 most = _mm512_set1_ps(before);
  __m512 scaled[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    scaled[g] = _mm512_mul_ps(_mm512_loadu_ps(scores + g * kLanes), _mm512_set1_ps(block.scale));
    // The second operand where one is NaN.
    most = _mm512_mask_max_ps(most, keys_of(block, g), scaled[g], most);
  }
  const float largest = _mm512_reduce_max_ps(most);
  block.largest[q] = largest;
  const __m512 base = _mm512_set1_ps(largest);
  for (int g = 0; g < kGroups; ++g) {
    const __m512 weight = power_of_two(_mm512_sub_ps(scaled[g], base));
    const __m512 seen = _mm512_maskz_mov_ps(keys_of(block, g), weight);
    _mm512_storeu_ps(scores + g * kLanes, seen);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(block.weights + q * kPairs + g * kLanes / 2),
                        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(seen)));
  }
  float sum = 0.0F;
  for (int64_t key = 0; key < block.keys.count; ++key) {
    sum += scores[key];
  }
  const float kept = _mm512_cvtss_f32(power_of_two(_mm512_sub_ps(_mm512_set1_ps(before), base)));
  block.sums[q] = std::fma(block.sums[q], kept, sum);
  return kept;
}

/// Adds the weighted values of `kQueries` queries to what they hold, brought to `kept` of it.
template <int kQueries>
void mix(const FewQueriesBlock& block, int64_t first, const float* kept, int64_t d) {
  constexpr int kWidth = kMixed<kQueries>;
  __m512 sum[kQueries][kWidth];
  float* mixed = block.mixed + first * block.width + d;
  for (int q = 0; q < kQueries; ++q) {
    for (int i = 0; i < kWidth; ++i) {
      const __m512 held = _mm512_loadu_ps(mixed + q * block.width + i * kLanes);
      sum[q][i] = _mm512_mul_ps(held, _mm512_set1_ps(kept[q]));
    }
  }
  const uint32_t* weights = block.weights + first * kPairs;
  for (int64_t pair = 0; 2 * pair < block.keys.count; ++pair) {
    const uint32_t* values = block.values + pair * block.width + d;
    for (int q = 0; q < kQueries; ++q) {
      const __m512bh weight = broadcast_pair(weights + q * kPairs + pair);
      for (int i = 0; i < kWidth; ++i) {
        sum[q][i] = _mm512_dpbf16_ps(sum[q][i], weight, load_pairs(values + i * kLanes));
      }
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int i = 0; i < kWidth; ++i) {
      _mm512_storeu_ps(mixed + q * block.width + i * kLanes, sum[q][i]);
    }
  }
}

template <int kQueries>
void attend(const FewQueriesBlock& block, int64_t first) {
  score<kQueries>(block, first);
  float kept[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    kept[q] = weigh(block, first + q);
  }
  for (int64_t d = 0; d < block.width; d += kMixed<kQueries> * kLanes) {
    mix<kQueries>(block, first, kept, d);
  }
}

}  // namespace

void attend_few(const FewQueriesBlock& block) {
  turn_keys(block);
  int64_t q = 0;
  for (; q + 4 <= block.queries; q += 4) {
    attend<4>(block, q);
  }
  for (; q + 2 <= block.queries; q += 2) {
    attend<2>(block, q);
  }
  for (; q < block.queries; ++q) {
    attend<1>(block, q);
  }
}

void store_few(const FewQueriesResult& result) {
  for (int64_t q = 0; q < result.queries; ++q) {
    const __m512 scale =
        _mm512_div_ps(_mm512_set1_ps(result.scale), _mm512_set1_ps(result.sums[q]));
    for (int64_t d = 0; d < result.width; d += kLanes) {
      const int64_t at = q * result.width + d;
      const __m512 mixed = _mm512_loadu_ps(result.mixed + at);
      LanesAvx512::store_bf16(result.out + 2 * at, _mm512_mul_ps(mixed, scale));
    }
  }
}

}  // namespace dak::cpu
