#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "dakkar/device/kv_pages.h"
#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {
namespace {

/// What one KV head of one sequence holds, widened.
struct KeysAndValues {
  int64_t length = 0;
  float score_scale = 1.0F;   ///< multiplies q.k
  std::vector<float> keys;    ///< [D, length]: positions side by side
  std::vector<float> values;  ///< [length, D]
};

KeysAndValues read_pages(const KvSequence& pages, int64_t head, int64_t length) {
  const auto width = static_cast<size_t>(pages.head_dim);
  KeysAndValues kv{.length = length,
                   .keys = std::vector<float>(static_cast<size_t>(length) * width),
                   .values = std::vector<float>(static_cast<size_t>(length) * width)};
  const bool scaled = pages.kv.dtype == DType::kF8E4M3;
  const float k_scale = scaled ? pages.kv.k_scale : 1.0F;
  const float v_scale = scaled ? pages.kv.v_scale : 1.0F;
  std::vector<float> key(width);
  for (int64_t p = 0; p < length; ++p) {
    load_floats(pages.stored(KvPart::kKeys, p, head), pages.kv.dtype, key);
    for (size_t d = 0; d < width; ++d) {
      kv.keys[d * static_cast<size_t>(length) + static_cast<size_t>(p)] = key[d] * k_scale;
    }
    const std::span<float> value =
        std::span(kv.values).subspan(static_cast<size_t>(p) * width, width);
    load_floats(pages.stored(KvPart::kValues, p, head), pages.kv.dtype, value);
    for (float& element : value) {
      element *= v_scale;
    }
  }
  return kv;
}

/// Softmax attention of one query over the first `visible` positions; gives the log-sum-exp. Zeros
/// and -inf where there are none.
float attend(std::span<const float> query, const KeysAndValues& kv, int64_t visible,
             std::span<float> out) {
  std::vector<float> weights(static_cast<size_t>(visible));
  for (size_t d = 0; d < query.size(); ++d) {
    const float* keys = kv.keys.data() + d * static_cast<size_t>(kv.length);
    for (size_t p = 0; p < weights.size(); ++p) {
      weights[p] += query[d] * keys[p];
    }
  }
  for (float& weight : weights) {
    weight *= kv.score_scale;
  }
  if (visible == 0) {
    std::fill(out.begin(), out.end(), 0.0F);
    return -std::numeric_limits<float>::infinity();
  }
  const float largest = *std::max_element(weights.begin(), weights.end());
  float sum = 0.0F;
  std::fill(out.begin(), out.end(), 0.0F);
  for (size_t p = 0; p < weights.size(); ++p) {
    const float weight = std::exp(weights[p] - largest);
    sum += weight;
    const float* value = kv.values.data() + p * out.size();
    for (size_t d = 0; d < out.size(); ++d) {
      out[d] += weight * value[d];
    }
  }
  for (float& element : out) {
    element /= sum;
  }
  return largest + std::log(sum);
}

/// All query rows of one sequence that read KV head `kv_head`.
void attend_head(const AttentionArgs& args, const KvSequence& pages, int64_t kv_head) {
  const SequenceTable& table = args.table;
  const int64_t first = table.query_start[pages.sequence];
  const int64_t tokens = table.query_start[pages.sequence + 1] - first;
  const int64_t position = table.position[pages.sequence];
  const int64_t per_head = args.q.dim(1) / args.kv_heads;
  KeysAndValues kv = read_pages(pages, kv_head, pages.stored_below(position + tokens));
  kv.score_scale = args.scale;
  std::vector<float> query(static_cast<size_t>(pages.head_dim));
  std::vector<float> out(query.size());
  for (int64_t t = first; t < first + tokens; ++t) {
    for (int64_t head = kv_head * per_head; head < (kv_head + 1) * per_head; ++head) {
      load_floats(row_address(args.q, t, head), args.q.dtype, query);
      args.lse.as<float>()[t * args.lse.stride(0) + head] =
          attend(query, kv, pages.stored_below(position + t - first + 1), out);
      store_floats(out, args.out.dtype, row_address(args.out, t, head));
    }
  }
}

}  // namespace

void attention(const AttentionArgs& args) {
  for (int64_t b = 0; b < args.table.sequences.read(); ++b) {
    const KvSequence pages{
        .kv = args.kv, .sequence = b, .heads = args.kv_heads, .head_dim = args.q.dim(2)};
    if (args.table.query_start[b + 1] == args.table.query_start[b]) {
      continue;
    }
    for (int64_t head = 0; head < args.kv_heads; ++head) {
      attend_head(args, pages, head);
    }
  }
}

}  // namespace dak::reference
