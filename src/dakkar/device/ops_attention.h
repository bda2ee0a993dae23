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

namespace ops {

/// Stores the new tokens' keys and values in their pages: e4m3(x / scale), or rounded to the dtype.
void kv_write(Context& ctx, const KvWriteArgs& args);

/// Causal softmax attention over the pages, positions 0 to the query's own, all read back through
/// the store; no rotary, no window (spec/model.md 2.3). f32 inside, rounded once; also gives the
/// log-sum-exp, so that parts computed over different keys can be joined.
void attention(Context& ctx, const AttentionArgs& args);

}  // namespace ops
}  // namespace dak
