#include "dakkar/device/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "dakkar/device/cpu/attention_tiles.h"
#include "dakkar/device/kv_pages.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

/// Tokens that share one reading of a block.
constexpr int64_t kTogether = 16;

/// Attends the queries of one KV head of a tile.
class HeadAttention {
 public:
  HeadAttention(const AttentionArgs& args, const AttentionTile& tile, int64_t kv_head,
                Scratch& scratch)
      : args_(args),
        tile_(tile),
        pages_{.kv = args.kv,
               .sequence = tile.sequence,
               .heads = args.kv_heads,
               .head_dim = args.q.dim(2)},
        kv_head_(kv_head),
        rows_(args.q.dim(1) / args.kv_heads),
        width_((pages_.head_dim + kWidthStep - 1) / kWidthStep * kWidthStep),
        read_(scratch.take<float>(kBlockKeys * width_)),
        keys_(scratch.take<float>(kBlockKeys * width_)),
        values_(scratch.take<float>(kBlockKeys * width_)),
        scores_(scratch.take<float>(rows_ * kBlockKeys)),
        queries_(scratch.take<float>(tile.tokens * rows_ * width_)),
        largest_(scratch.take<float>(tile.tokens * rows_)),
        sums_(scratch.take<float>(tile.tokens * rows_)),
        mixed_(scratch.take<float>(tile.tokens * rows_ * width_)) {}

  void run(const KeyBlockKernels& kernels) {
    load_queries();
    std::fill(largest_.begin(), largest_.end(), -std::numeric_limits<float>::infinity());
    std::fill(sums_.begin(), sums_.end(), 0.0F);
    std::fill(mixed_.begin(), mixed_.end(), 0.0F);
    // Keys are numbered as they are stored here: by position, where there is one part.
    const int64_t end = pages_.stored_below(tile_.position + tile_.tokens);
    for (int64_t key = 0; key < end; key += kBlockKeys) {
      read_block(kernels, key, std::min(kBlockKeys, end - key));
      for (int64_t t = 0; t < tile_.tokens; ++t) {
        const int64_t seen = pages_.stored_below(tile_.position + t + 1) - key;
        if (seen > 0) {
          attend(kernels, t, std::min(kBlockKeys, seen));
        }
      }
    }
    store_results();
  }

 private:
  [[nodiscard]] bool scaled() const { return pages_.kv.dtype == DType::kF8E4M3; }
  [[nodiscard]] int64_t head_of(int64_t row) const { return kv_head_ * rows_ + row % rows_; }

  void load_queries() {
    const float scale = args_.scale * (scaled() ? pages_.kv.k_scale : 1.0F);
    std::fill(queries_.begin(), queries_.end(), 0.0F);
    for (int64_t row = 0; row < tile_.tokens * rows_; ++row) {
      const std::span<float> query =
          queries_.subspan(static_cast<size_t>(row * width_), static_cast<size_t>(pages_.head_dim));
      load_floats(row_address(args_.q, tile_.first_row + row / rows_, head_of(row)), args_.q.dtype,
                  query);
      for (float& value : query) {
        value *= scale;
      }
    }
  }

  /// Keys and values of the block at key `key`, zeros behind the `count` there are.
  void read_block(const KeyBlockKernels& kernels, int64_t key, int64_t count) {
    if (count < kBlockKeys || width_ != pages_.head_dim) {
      std::fill(read_.begin(), read_.end(), 0.0F);
      std::fill(values_.begin(), values_.end(), 0.0F);
    }
    read_pages(kernels, KvPart::kKeys, {.begin = key, .count = count}, read_.data());
    kernels.turn(read_.data(), width_, keys_.data());
    read_pages(kernels, KvPart::kValues, {.begin = key, .count = count}, values_.data());
  }

  struct StoredRange {
    int64_t begin = 0;
    int64_t count = 0;
  };
  /// Reads page by page: with many parts a page has fewer rows than a block.
  void read_pages(const KeyBlockKernels& kernels, KvPart part, const StoredRange& range,
                  float* to) const {
    const int64_t page_rows = pages_.page_rows();
    for (int64_t i = 0; i < range.count;) {
      const int64_t key = range.begin + i;
      const int64_t rows = std::min(range.count - i, page_rows - key % page_rows);
      read_rows(kernels, pages_.stored(part, key, kv_head_), rows, to + i * width_);
      i += rows;
    }
  }

  void read_rows(const KeyBlockKernels& kernels, const std::byte* from, int64_t count,
                 float* to) const {
    const DType dtype = pages_.kv.dtype;
    const int64_t stride = pages_.heads * pages_.head_dim * size_of(dtype);
    if (width_ == pages_.head_dim && dtype != DType::kF16) {
      return kernels.widen({.from = from,
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

  void attend(const KeyBlockKernels& kernels, int64_t t, int64_t visible) {
    const int64_t row = t * rows_;
    kernels.attend({.rows = rows_,
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

  void store_results() {
    const float scale = scaled() ? pages_.kv.v_scale : 1.0F;
    for (int64_t row = 0; row < tile_.tokens * rows_; ++row) {
      const auto at = static_cast<size_t>(row);
      const std::span<float> mixed =
          mixed_.subspan(at * static_cast<size_t>(width_), static_cast<size_t>(pages_.head_dim));
      const bool saw_none = sums_[at] == 0.0F;
      for (float& value : mixed) {
        value = saw_none ? 0.0F : value / sums_[at] * scale;
      }
      const int64_t token = tile_.first_row + row / rows_;
      store_floats(mixed, args_.out.dtype, row_address(args_.out, token, head_of(row)));
      args_.lse.as<float>()[token * args_.lse.stride(0) + head_of(row)] =
          largest_[at] + std::log(sums_[at]);
    }
  }

  const AttentionArgs& args_;
  const AttentionTile& tile_;
  KvSequence pages_;
  int64_t kv_head_;
  int64_t rows_;   ///< queries of a token
  int64_t width_;  ///< D, rounded up
  std::span<float> read_;
  std::span<float> keys_;
  std::span<float> values_;
  std::span<float> scores_;
  std::span<float> queries_;
  std::span<float> largest_;
  std::span<float> sums_;
  std::span<float> mixed_;
};

}  // namespace

template <const KeyBlockKernels& kKernels>
void attention(WorkerTeam& team, const AttentionArgs& args) {
  const std::span<const AttentionTile> tiles = tiles_of(args, kTogether, team.kernel_scratch());
  team.run(std::ssize(tiles) * args.kv_heads, [&](int64_t part, Scratch& scratch) {
    const AttentionTile& tile = tiles[static_cast<size_t>(part / args.kv_heads)];
    HeadAttention(args, tile, part % args.kv_heads, scratch).run(kKernels);
  });
}

template void attention<kKeyBlocksAvx2>(WorkerTeam& team, const AttentionArgs& args);
template void attention<kKeyBlocksAvx512>(WorkerTeam& team, const AttentionArgs& args);

}  // namespace dak::cpu
