#pragma once

#include <cstddef>
#include <cstdint>

/// Attention by bf16 dot products: sixteen queries side by side in a vector, keys and values
/// broadcast to them, so that no sum crosses lanes. Keys come in blocks that start at absolute
/// multiples of 64; a query meets the same sums whatever else a step computes. Scores, softmax and
/// outputs are f32; the weights of the values are rounded to bf16. Plain types only, as in
/// panels.h.
namespace dak::cpu {

inline constexpr int64_t kQueryLanes = 16;
inline constexpr int64_t kDotBlockKeys = 64;
/// D has to be a multiple of it.
inline constexpr int64_t kDotWidthStep = 32;

/// Rows of bf16 or e4m3 codes, `stride` bytes apart.
struct StoredKeys {
  const std::byte* from = nullptr;
  int64_t stride = 0;
  int64_t count = 0;
  int64_t width = 0;  ///< D
};

/// Query vectors against one block, carrying their softmax along. Lanes of a vector may belong to
/// consecutive tokens, and later vectors to later ones.
struct DotBlock {
  int64_t vectors = 0;
  int64_t width = 0;                  ///< D
  const int32_t* visible = nullptr;   ///< [vectors, 16] keys of the block that count, from 0 on
  const uint32_t* queries = nullptr;  ///< [vectors, D / 2, 16] pairs of bf16
  StoredKeys keys = {};               ///< bf16
  const uint32_t* values = nullptr;   ///< [32, D]: values of two keys beside each other
  float scale = 0.0F;                 ///< of scores, 1 / ln 2 included
  float* scores = nullptr;            ///< [4, 64, 16], scratch
  uint32_t* weights = nullptr;        ///< [4, 32, 16], scratch
  float* largest = nullptr;           ///< [vectors, 16], -inf before the first block
  float* sums = nullptr;              ///< [vectors, 16], 0 before it
  float* mixed = nullptr;             ///< [vectors, D, 16], 0 before it
};

/// One vector's results: those of the first token, then those of the next.
struct DotResult {
  int64_t width = 0;
  int64_t tokens = 1;
  int64_t rows = 0;          ///< queries of a token
  int64_t token_stride = 0;  ///< bytes between tokens' outputs
  float scale = 1.0F;
  const float* sums = nullptr;   ///< [16]
  const float* mixed = nullptr;  ///< [D, 16]
  float* turned = nullptr;       ///< [16, D], scratch
  std::byte* out = nullptr;      ///< bf16 [tokens][rows, D]
};

/// Turns sixteen dense rows of bf16 [16, D] into pairs [D / 2, 16].
void pack_queries(const std::byte* rows, int64_t width, uint32_t* to);
/// e4m3 codes to dense bf16 rows; exact.
void widen_codes(const StoredKeys& codes, std::byte* to);
/// Puts the values of keys 2i and 2i + 1 beside each other; a last odd key gets zeros.
void pair_values(const StoredKeys& values, uint32_t* to);
void attend_block(const DotBlock& block);
/// mixed / sums * scale, rounded.
void store_result(const DotResult& result);

}  // namespace dak::cpu
