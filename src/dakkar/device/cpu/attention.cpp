#include "dakkar/device/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "dakkar/device/kv_pages.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

/// Tokens that share one reading of a block.
constexpr int64_t kTogether = 16;
static_assert(kChunkTokens % kBlockKeys == 0, "a block of keys lies in one page");

/// New tokens `begin .. begin + count - 1` of a step's rows.
struct Tokens {
  int64_t begin = 0;
  int64_t count = 0;
  int64_t position = 0;  ///< of the first one
};

/// Attends the queries of one KV head of one sequence, some tokens at a time.
class HeadAttention {
 public:
  HeadAttention(const AttentionArgs& args, const KvSequence& pages, int64_t kv_head,
                const KeyBlockKernels& kernels)
      : args_(args),
        pages_(pages),
        kernels_(kernels),
        kv_head_(kv_head),
        rows_(args.q.dim(1) / args.kv_heads),
        width_((pages.head_dim + kWidthStep - 1) / kWidthStep * kWidthStep),
        read_(static_cast<size_t>(kBlockKeys * width_)),
        keys_(read_.size()),
        values_(read_.size()),
        scores_(static_cast<size_t>(rows_ * kBlockKeys)) {}

  void run(const Tokens& tokens) {
    load_queries(tokens);
    const auto rows = static_cast<size_t>(tokens.count * rows_);
    largest_.assign(rows, -std::numeric_limits<float>::infinity());
    sums_.assign(rows, 0.0F);
    mixed_.assign(rows * static_cast<size_t>(width_), 0.0F);
    const int64_t end = tokens.position + tokens.count;
    for (int64_t key = 0; key < end; key += kBlockKeys) {
      read_block(key, std::min(kBlockKeys, end - key));
      for (int64_t t = std::max<int64_t>(0, key - tokens.position); t < tokens.count; ++t) {
        attend(t, std::min(kBlockKeys, tokens.position + t + 1 - key));
      }
    }
    store_results(tokens);
  }

 private:
  [[nodiscard]] bool scaled() const { return pages_.kv.dtype == DType::kF8E4M3; }
  [[nodiscard]] int64_t head_of(int64_t row) const { return kv_head_ * rows_ + row % rows_; }

  void load_queries(const Tokens& tokens) {
    const float scale = args_.scale * (scaled() ? pages_.kv.k_scale : 1.0F);
    queries_.assign(static_cast<size_t>(tokens.count * rows_ * width_), 0.0F);
    for (int64_t row = 0; row < tokens.count * rows_; ++row) {
      const std::span<float> query = std::span(queries_).subspan(
          static_cast<size_t>(row * width_), static_cast<size_t>(pages_.head_dim));
      load_floats(row_address(args_.q, tokens.begin + row / rows_, head_of(row)), args_.q.dtype,
                  query);
      for (float& value : query) {
        value *= scale;
      }
    }
  }

  /// Keys and values of the block at position `key`, zeros behind the `count` there are.
  void read_block(int64_t key, int64_t count) {
    if (count < kBlockKeys) {
      std::fill(read_.begin(), read_.end(), 0.0F);
    }
    read_rows(KvPart::kKeys, key, count, read_.data());
    kernels_.turn(read_.data(), width_, keys_.data());
    read_rows(KvPart::kValues, key, count, values_.data());
  }

  void read_rows(KvPart part, int64_t key, int64_t count, float* to) const {
    const DType dtype = pages_.kv.dtype;
    const std::byte* from = pages_.at(part, key, kv_head_);
    const int64_t stride = pages_.heads * pages_.head_dim * size_of(dtype);
    if (width_ == pages_.head_dim && dtype != DType::kF16) {
      return kernels_.widen({.from = from,
                             .stride = stride,
                             .stored = scaled()                ? StoredRows::kE4m3
                                       : dtype == DType::kBF16 ? StoredRows::kBF16
                                                               : StoredRows::kF32,
                             .count = count,
                             .width = width_,
                             .to = to});
    }
    for (int64_t p = 0; p < count; ++p) {
      load_floats(from + p * stride, dtype,
                  {to + p * width_, static_cast<size_t>(pages_.head_dim)});
    }
  }

  void attend(int64_t t, int64_t visible) {
    const int64_t row = t * rows_;
    kernels_.attend({.rows = rows_,
                     .width = width_,
                     .visible = visible,
                     .queries = queries_.data() + row * width_,
                     .keys = keys_.data(),
                     .values = values_.data(),
                     .scores = scores_.data(),
                     .largest = largest_.data() + row,
                     .sums = sums_.data() + row,
                     .mixed = mixed_.data() + row * width_});
  }

  void store_results(const Tokens& tokens) {
    const float scale = scaled() ? pages_.kv.v_scale : 1.0F;
    for (int64_t row = 0; row < tokens.count * rows_; ++row) {
      const auto at = static_cast<size_t>(row);
      const std::span<float> mixed = std::span(mixed_).subspan(
          at * static_cast<size_t>(width_), static_cast<size_t>(pages_.head_dim));
      for (float& value : mixed) {
        value = value / sums_[at] * scale;
      }
      const int64_t token = tokens.begin + row / rows_;
      store_floats(mixed, args_.out.dtype, row_address(args_.out, token, head_of(row)));
      args_.lse.as<float>()[token * args_.lse.stride(0) + head_of(row)] =
          largest_[at] + std::log(sums_[at]);
    }
  }

  const AttentionArgs& args_;
  const KvSequence& pages_;
  const KeyBlockKernels& kernels_;
  int64_t kv_head_;
  int64_t rows_;   ///< queries of a token
  int64_t width_;  ///< D, rounded up
  std::vector<float> read_;
  std::vector<float> keys_;
  std::vector<float> values_;
  std::vector<float> scores_;
  std::vector<float> queries_;
  std::vector<float> largest_;
  std::vector<float> sums_;
  std::vector<float> mixed_;
};

}  // namespace

template <const KeyBlockKernels& kKernels>
void attention(const AttentionArgs& args) {
  const SequenceTable& table = args.table;
  for (int64_t b = 0; b < table.sequences.read(); ++b) {
    const KvSequence pages{
        .kv = args.kv, .sequence = b, .heads = args.kv_heads, .head_dim = args.q.dim(2)};
    const int64_t first = table.query_start[b];
    const int64_t tokens = table.query_start[b + 1] - first;
    for (int64_t head = 0; head < args.kv_heads && tokens > 0; ++head) {
      HeadAttention attention(args, pages, head, kKernels);
      for (int64_t t = 0; t < tokens; t += kTogether) {
        attention.run({.begin = first + t,
                       .count = std::min(kTogether, tokens - t),
                       .position = table.position[b] + t});
      }
    }
  }
}

template void attention<kKeyBlocksAvx2>(const AttentionArgs& args);
template void attention<kKeyBlocksAvx512>(const AttentionArgs& args);

}  // namespace dak::cpu
