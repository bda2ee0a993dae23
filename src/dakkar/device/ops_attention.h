#pragma once

#include "dakkar/device/sequence_table.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

struct Context;

/// Arguments of `ops::kv_write`.
struct KvWriteArgs {
  TensorView k;  ///< [T, Hkv, D]
  TensorView v;  ///< [T, Hkv, D]
  PagedKv kv;
  SequenceTable table;
  DeviceCount tokens;
};

/// Arguments of `ops::attention`.
struct AttentionArgs {
  TensorView q;  ///< [T, Hq, D]
  PagedKv kv;
  int64_t kv_heads = 0;  ///< Hkv; query head j reads KV head j / (Hq / Hkv)
  float scale = 0.0F;    ///< multiplies q.k, 1/sqrt(D)
  TensorView out;        ///< [T, Hq, D]
  TensorView lse;        ///< f32 [T, Hq], natural log of the sum of exponentials
  SequenceTable table;
  DeviceCount tokens;
};

/// Arguments of `ops::weigh_part`; part `part` of c, each rank with its own keys.
struct WeighPartArgs {
  TensorView x;      ///< f32 [T, Hq, D], what this part's keys give
  TensorView lse;    ///< f32 [c, T, Hq], all parts' log-sum-exps
  int64_t part = 0;  ///< x's
  TensorView out;    ///< f32 [c, T, Hq / c, D]: part i's query heads together
  DeviceCount tokens;
};

namespace ops {

/// Stores the new tokens' keys and values in their pages: e4m3(x / scale), or rounded to the dtype.
void kv_write(Context& ctx, const KvWriteArgs& args);

/// Causal softmax attention over the pages, positions 0 to the query's own, all read back through
/// the store; no rotary, no window (spec/model.md 2.3). f32 inside, rounded once; also gives the
/// log-sum-exp, so that parts computed over different keys can be joined. Only the keys of the
/// store's own part count; a query that sees none gives zeros and -inf.
void attention(Context& ctx, const AttentionArgs& args);

/// Multiplies a part's attention by its share of the softmax, exp(lse[part] - log sum_i
/// exp(lse[i])), 0 where it is -inf: the parts' results then add up to attention over all keys.
/// Heads are laid out for a reduce-scatter over the parts.
void weigh_part(Context& ctx, const WeighPartArgs& args);

}  // namespace ops
}  // namespace dak
