#pragma once

#include "dakkar/device/cpu/dot_attention.h"

/// The attention of dot_attention.h for one token with few queries per KV head, which would leave
/// most lanes of a query vector empty: here keys lie side by side for the scores, and dimensions
/// for the values. Each sum is taken in the same order, so results are the same bits.
namespace dak::cpu {

/// Queries per KV head up to which this is the faster way.
inline constexpr int64_t kFewQueries = 8;
/// D has to be a multiple of it.
inline constexpr int64_t kFewQueriesWidthStep = 128;

/// The queries against one block of keys, all of which they see.
struct FewQueriesBlock {
  int64_t queries = 0;
  int64_t width = 0;                 ///< D
  const uint32_t* pairs = nullptr;   ///< [queries, D / 2] pairs of bf16
  StoredKeys keys = {};              ///< bf16; 64 rows may be read, whatever the count
  const uint32_t* values = nullptr;  ///< [32, D]: values of two keys beside each other
  float scale = 0.0F;                ///< of scores, 1 / ln 2 included
  float* turned = nullptr;           ///< [D / 2, 64], scratch
  float* scores = nullptr;           ///< [queries, 64], scratch
  uint32_t* weights = nullptr;       ///< [queries, 32], scratch
  float* largest = nullptr;          ///< [queries], -inf before the first block
  float* sums = nullptr;             ///< [queries], 0 before it
  float* mixed = nullptr;            ///< [queries, D], 0 before it
};
void attend_few(const FewQueriesBlock& block);

/// mixed / sums * scale, rounded to bf16 rows.
struct FewQueriesResult {
  int64_t queries = 0;
  int64_t width = 0;
  float scale = 1.0F;
  const float* sums = nullptr;
  const float* mixed = nullptr;
  std::byte* out = nullptr;  ///< bf16 [queries, D]
};
void store_few(const FewQueriesResult& result);

}  // namespace dak::cpu
