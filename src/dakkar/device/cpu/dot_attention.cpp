#include "dakkar/device/cpu/dot_attention.h"

#include <immintrin.h>

#include "dakkar/device/cpu/dot_lanes.h"
#include "dakkar/device/cpu/lanes_avx512.h"

namespace dak::cpu {
namespace {

constexpr int64_t kPairs = kDotBlockKeys / 2;

/// Where the parts of one query vector lie.
struct VectorPlace {
  const uint32_t* queries = nullptr;
  float* scores = nullptr;
  uint32_t* weights = nullptr;
  float* mixed = nullptr;
};

VectorPlace place_of(const DotBlock& block, int64_t first, int64_t v) {
  return {.queries = block.queries + (first + v) * block.width / 2 * kQueryLanes,
          .scores = block.scores + v * kDotBlockKeys * kQueryLanes,
          .weights = block.weights + v * kPairs * kQueryLanes,
          .mixed = block.mixed + (first + v) * block.width * kQueryLanes};
}

/// Scores of `kVectors` query vectors from `first` on with `kKeys` keys from `key` on.
template <int kVectors, int kKeys>
void score(const DotBlock& block, int64_t first, int64_t key) {
  __m512 sum[kVectors][kKeys];
  const std::byte* keys[kKeys];
  for (int k = 0; k < kKeys; ++k) {
    keys[k] = block.keys.from + (key + k) * block.keys.stride;
    for (int v = 0; v < kVectors; ++v) {
      sum[v][k] = _mm512_setzero_ps();
    }
  }
  const uint32_t* queries = place_of(block, first, 0).queries;
  const int64_t next = block.width / 2 * kQueryLanes;
  for (int64_t pair = 0; pair < block.width / 2; ++pair) {
    __m512bh query[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      query[v] = load_pairs(queries + v * next + pair * kQueryLanes);
    }
    for (int k = 0; k < kKeys; ++k) {
      const __m512bh part = broadcast_pair(keys[k] + 4 * pair);
      for (int v = 0; v < kVectors; ++v) {
        sum[v][k] = _mm512_dpbf16_ps(sum[v][k], query[v], part);
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    float* scores = place_of(block, first, v).scores + key * kQueryLanes;
    for (int k = 0; k < kKeys; ++k) {
      _mm512_storeu_ps(scores + k * kQueryLanes, sum[v][k]);
    }
  }
}

/// How many keys of a block the lanes of a vector see.
struct LaneView {
  __m512i seen = {};
  int64_t least = 0;
  int64_t most = 0;

  static LaneView of(const DotBlock& block, int64_t vector) {
    const __m512i seen = _mm512_loadu_si512(block.visible + vector * kQueryLanes);
    return {.seen = seen,
            .least = _mm512_reduce_min_epi32(seen),
            .most = _mm512_reduce_max_epi32(seen)};
  }
  /// Lanes that see key `key`.
  [[nodiscard]] __mmask16 lanes(int64_t key) const {
    return _mm512_cmpgt_epi32_mask(seen, _mm512_set1_epi32(static_cast<int32_t>(key)));
  }
};

/// The largest scores so far; scales those of the block.
__m512 scale_scores(const DotBlock& block, const LaneView& view, float* scores, __m512 largest) {
  const __m512 scale = _mm512_set1_ps(block.scale);
  for (int64_t key = 0; key < view.most; ++key) {
    float* at = scores + key * kQueryLanes;
    const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(at), scale);
    _mm512_storeu_ps(at, scaled);
    // The second operand where one is NaN.
    largest = key < view.least ? _mm512_max_ps(scaled, largest)
                               : _mm512_mask_max_ps(largest, view.lanes(key), scaled, largest);
  }
  return largest;
}

/// Turns a vector's scores into weights; brings what it holds to the new largest scores.
void weigh(const DotBlock& block, int64_t first, int64_t v) {
  const VectorPlace place = place_of(block, first, v);
  const LaneView view = LaneView::of(block, first + v);
  float* state = block.largest + (first + v) * kQueryLanes;
  const __m512 before = _mm512_loadu_ps(state);
  const __m512 largest = scale_scores(block, view, place.scores, before);
  _mm512_storeu_ps(state, largest);
  const __m512 kept = power_of_two(_mm512_sub_ps(before, largest));
  const auto weight_of = [&](int64_t key) {
    const __m512 score = _mm512_loadu_ps(place.scores + key * kQueryLanes);
    const __m512 weight = power_of_two(_mm512_sub_ps(score, largest));
    return key < view.least ? weight : _mm512_maskz_mov_ps(view.lanes(key), weight);
  };
  __m512 sum = _mm512_setzero_ps();
  for (int64_t key = 0; key < view.most; key += 2) {
    const __m512 even = weight_of(key);
    const __m512 odd = key + 1 < view.most ? weight_of(key + 1) : _mm512_setzero_ps();
    sum = _mm512_add_ps(_mm512_add_ps(sum, even), odd);
    const __m512i pair = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    _mm512_storeu_si512(place.weights + key / 2 * kQueryLanes,
                        _mm512_permutexvar_epi16(order, pair));
  }
  float* sums = block.sums + (first + v) * kQueryLanes;
  _mm512_storeu_ps(sums, _mm512_fmadd_ps(_mm512_loadu_ps(sums), kept, sum));
  if (_mm512_cmp_ps_mask(kept, _mm512_set1_ps(1.0F), _CMP_NEQ_UQ) == 0) {
    return;
  }
  for (int64_t d = 0; d < block.width * kQueryLanes; d += kQueryLanes) {
    _mm512_storeu_ps(place.mixed + d, _mm512_mul_ps(_mm512_loadu_ps(place.mixed + d), kept));
  }
}

/// Adds the weighted values of `kWidth` dimensions from `d` on to `kVectors` vectors, for the
/// first `pairs` pairs of keys.
template <int kVectors, int kWidth>
void mix(const DotBlock& block, int64_t first, int64_t pairs, int64_t d) {
  const VectorPlace place = place_of(block, first, 0);
  const int64_t next = block.width * kQueryLanes;
  float* mixed = place.mixed + d * kQueryLanes;
  __m512 sum[kVectors][kWidth];
  for (int v = 0; v < kVectors; ++v) {
    for (int i = 0; i < kWidth; ++i) {
      sum[v][i] = _mm512_loadu_ps(mixed + v * next + i * kQueryLanes);
    }
  }
  for (int64_t pair = 0; pair < pairs; ++pair) {
    __m512bh weight[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      weight[v] = load_pairs(place.weights + (v * kPairs + pair) * kQueryLanes);
    }
    const uint32_t* values = block.values + pair * block.width + d;
    for (int i = 0; i < kWidth; ++i) {
      const __m512bh value = broadcast_pair(values + i);
      for (int v = 0; v < kVectors; ++v) {
        sum[v][i] = _mm512_dpbf16_ps(sum[v][i], weight[v], value);
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    for (int i = 0; i < kWidth; ++i) {
      _mm512_storeu_ps(mixed + v * next + i * kQueryLanes, sum[v][i]);
    }
  }
}

/// The same for one vector and the pairs from `begin` on, each lane with the keys that it sees:
/// what it may not see could be a NaN.
void mix_seen(const DotBlock& block, const VectorPlace& place, const LaneView& view,
              int64_t begin) {
  constexpr int64_t kWidth = 16;
  for (int64_t d = 0; d < block.width; d += kWidth) {
    float* mixed = place.mixed + d * kQueryLanes;
    __m512 sum[kWidth];
    for (int i = 0; i < kWidth; ++i) {
      sum[i] = _mm512_loadu_ps(mixed + i * kQueryLanes);
    }
    for (int64_t pair = begin; 2 * pair < view.most; ++pair) {
      const __mmask16 some = view.lanes(2 * pair);
      const __m512i halves =
          _mm512_mask_set1_epi32(_mm512_set1_epi32(0x0000ffff), view.lanes(2 * pair + 1), -1);
      const __m512bh weight = load_pairs(place.weights + pair * kQueryLanes);
      const uint32_t* values = block.values + pair * block.width + d;
      for (int i = 0; i < kWidth; ++i) {
        const __m512i both = _mm512_set1_epi32(static_cast<int32_t>(values[i]));
        sum[i] =
            _mm512_mask_dpbf16_ps(sum[i], some, weight, as_bf16(_mm512_and_si512(both, halves)));
      }
    }
    for (int i = 0; i < kWidth; ++i) {
      _mm512_storeu_ps(mixed + i * kQueryLanes, sum[i]);
    }
  }
}

/// All that `kVectors` vectors from `first` on do with the block. Where they differ in what they
/// see, each goes on alone behind the pairs that all see.
template <int kVectors, int kKeys, int kWidth>
void attend_vectors(const DotBlock& block, int64_t first) {
  const int64_t most = LaneView::of(block, first + kVectors - 1).most;
  for (int64_t key = 0; key < most; key += kKeys) {
    score<kVectors, kKeys>(block, first, key);
  }
  for (int v = 0; v < kVectors; ++v) {
    weigh(block, first, v);
  }
  const int64_t seen_by_all = LaneView::of(block, first).least / 2;
  for (int64_t d = 0; seen_by_all > 0 && d < block.width; d += kWidth) {
    mix<kVectors, kWidth>(block, first, seen_by_all, d);
  }
  for (int v = 0; v < kVectors; ++v) {
    const LaneView view = LaneView::of(block, first + v);
    if (2 * seen_by_all < view.most) {
      mix_seen(block, place_of(block, first, v), view, seen_by_all);
    }
  }
}

}  // namespace

void pack_queries(const std::byte* rows, int64_t width, uint32_t* to) {
  for (int64_t pair = 0; pair < width / 2; pair += kQueryLanes) {
    LanesAvx512::transpose(reinterpret_cast<const float*>(rows) + pair, width / 2,
                           reinterpret_cast<float*>(to + pair * kQueryLanes), kQueryLanes);
  }
}

void widen_codes(const StoredKeys& codes, std::byte* to) {
  const __m512i magnitude = _mm512_set1_epi16(0x7f);
  // The multiples of 2^-9 below the smallest normal number.
  const __m512i tiny =
      _mm512_set_epi16(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                       0x3c60, 0x3c40, 0x3c20, 0x3c00, 0x3bc0, 0x3b80, 0x3b00, 0);
  for (int64_t key = 0; key < codes.count; ++key) {
    const std::byte* row = codes.from + key * codes.stride;
    for (int64_t d = 0; d < codes.width; d += 32) {
      const __m512i code =
          _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + d)));
      const __m512i size = _mm512_and_si512(code, magnitude);
      __m512i bits = _mm512_add_epi16(_mm512_slli_epi16(size, 4), _mm512_set1_epi16(120 << 7));
      const __mmask32 below = _mm512_cmplt_epi16_mask(size, _mm512_set1_epi16(8));
      bits = _mm512_mask_permutexvar_epi16(bits, below, size, tiny);
      const __mmask32 nan = _mm512_cmpeq_epi16_mask(size, magnitude);
      bits = _mm512_mask_mov_epi16(bits, nan, _mm512_set1_epi16(0x7fc0));
      const __m512i sign = _mm512_and_si512(code, _mm512_set1_epi16(INT16_MIN));
      _mm512_storeu_si512(to + (key * codes.width + d) * 2, _mm512_or_si512(bits, sign));
    }
  }
}

void pair_values(const StoredKeys& values, uint32_t* to) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8,
                                       39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  for (int64_t key = 0; key < values.count; key += 2) {
    const std::byte* row = values.from + key * values.stride;
    uint32_t* pairs = to + key / 2 * values.width;
    for (int64_t d = 0; d < values.width; d += 32) {
      const __m512i even = _mm512_loadu_si512(row + 2 * d);
      const __m512i odd = key + 1 < values.count ? _mm512_loadu_si512(row + values.stride + 2 * d)
                                                 : _mm512_setzero_si512();
      _mm512_storeu_si512(pairs + d, _mm512_permutex2var_epi16(even, low, odd));
      _mm512_storeu_si512(pairs + d + 16, _mm512_permutex2var_epi16(even, high, odd));
    }
  }
}

void attend_block(const DotBlock& block) {
  int64_t v = 0;
  for (; v + 4 <= block.vectors; v += 4) {
    attend_vectors<4, 4, 4>(block, v);
  }
  for (; v + 2 <= block.vectors; v += 2) {
    attend_vectors<2, 8, 8>(block, v);
  }
  for (; v < block.vectors; ++v) {
    attend_vectors<1, 16, 16>(block, v);
  }
}

void store_result(const DotResult& result) {
  const __m512 scale = _mm512_div_ps(_mm512_set1_ps(result.scale), _mm512_loadu_ps(result.sums));
  float scaled[kQueryLanes * kQueryLanes];
  for (int64_t d = 0; d < result.width; d += kQueryLanes) {
    for (int64_t i = 0; i < kQueryLanes; ++i) {
      const __m512 mixed = _mm512_loadu_ps(result.mixed + (d + i) * kQueryLanes);
      _mm512_storeu_ps(scaled + i * kQueryLanes, _mm512_mul_ps(mixed, scale));
    }
    LanesAvx512::transpose(scaled, kQueryLanes, result.turned + d, result.width);
  }
  const int64_t size = result.rows * result.width;
  for (int64_t token = 0; token < result.tokens; ++token) {
    const float* turned = result.turned + token * size;
    std::byte* out = result.out + token * result.token_stride;
    for (int64_t i = 0; i < size; i += kQueryLanes) {
      LanesAvx512::store_bf16(out + 2 * i, _mm512_loadu_ps(turned + i));
    }
  }
}

}  // namespace dak::cpu
