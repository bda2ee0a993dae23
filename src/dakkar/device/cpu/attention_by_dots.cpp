#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "dakkar/device/cpu/attention.h"
#include "dakkar/device/cpu/attention_tiles.h"
#include "dakkar/device/cpu/dot_attention.h"
#include "dakkar/device/cpu/few_queries.h"
#include "dakkar/device/kv_pages.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

/// Query vectors that share one reading of a block.
constexpr int64_t kTileVectors = 16;
static_assert(kChunkTokens % kDotBlockKeys == 0, "a block of keys lies in one page");

/// How the queries of consecutive tokens lie in vectors: those of a token in several vectors, or
/// those of several tokens in one.
struct LaneLayout {
  int64_t per_token = 1;  ///< vectors of a token
  int64_t together = 1;   ///< tokens of a vector

  /// For `rows` queries a token.
  static LaneLayout of(int64_t rows) {
    return {.per_token = (rows + kQueryLanes - 1) / kQueryLanes,
            .together = std::max<int64_t>(1, kQueryLanes / rows)};
  }
  [[nodiscard]] int64_t vectors(int64_t tokens) const {
    return (tokens + together - 1) / together * per_token;
  }
  /// The first token of vector `v`.
  [[nodiscard]] int64_t first_token(int64_t v) const { return v / per_token * together; }
  /// The first vector of token `token`.
  [[nodiscard]] int64_t first_vector(int64_t token) const { return token / together * per_token; }
};

/// A sequence's stored keys and values of one KV head, as bf16.
class StoredBlocks {
 public:
  StoredBlocks(const AttentionArgs& args, const AttentionTile& tile, int64_t kv_head,
               Scratch& scratch)
      : pages_{.kv = args.kv,
               .sequence = tile.sequence,
               .heads = args.kv_heads,
               .head_dim = args.q.dim(2)},
        kv_head_(kv_head),
        scale_(args.scale),
        widened_(scratch.take<std::byte>(is_coded() ? 2 * kDotBlockKeys * width() : 0)) {}

  /// `count` rows from position `key` on; good until the next call.
  [[nodiscard]] StoredKeys rows(KvPart part, int64_t key, int64_t count) {
    const StoredKeys stored = {.from = pages_.at(part, key, kv_head_),
                               .stride = pages_.heads * width() * size_of(pages_.kv.dtype),
                               .count = count,
                               .width = width()};
    if (!is_coded()) {
      return stored;
    }
    widen_codes(stored, widened_.data());
    return {.from = widened_.data(), .stride = 2 * width(), .count = count, .width = width()};
  }

  /// Powers of two stand in for those of e.
  [[nodiscard]] float score_scale() const {
    constexpr float kLog2OfE = 0x1.715476p0F;
    return scale_ * (is_coded() ? pages_.kv.k_scale : 1.0F) * kLog2OfE;
  }
  [[nodiscard]] float value_scale() const { return is_coded() ? pages_.kv.v_scale : 1.0F; }

 private:
  [[nodiscard]] bool is_coded() const { return pages_.kv.dtype == DType::kF8E4M3; }
  [[nodiscard]] int64_t width() const { return pages_.head_dim; }

  KvSequence pages_;
  int64_t kv_head_;
  float scale_;
  std::span<std::byte> widened_;
};

/// The logarithm of a softmax's sum, from base 2.
float log_sum(float largest, float sum) {
  constexpr float kLog2 = 0x1.62e43p-1F;
  return largest * kLog2 + std::log(sum);
}

/// The few queries that one token has for a KV head.
class TokenAttention {
 public:
  TokenAttention(const AttentionArgs& args, const AttentionTile& tile, int64_t kv_head,
                 Scratch& scratch)
      : args_(args),
        tile_(tile),
        blocks_(args, tile, kv_head, scratch),
        rows_(args.q.dim(1) / args.kv_heads),
        first_head_(kv_head * rows_),
        width_(args.q.dim(2)),
        pairs_(scratch.take<uint32_t>(rows_ * width_ / 2)),
        turned_(scratch.take<float>(width_ / 2 * kDotBlockKeys)),
        values_(scratch.take<uint32_t>(kDotBlockKeys / 2 * width_)),
        scores_(scratch.take<float>(rows_ * kDotBlockKeys)),
        weights_(scratch.take<uint32_t>(rows_ * kDotBlockKeys / 2)),
        largest_(scratch.take<float>(rows_)),
        sums_(scratch.take<float>(rows_)),
        mixed_(scratch.take<float>(rows_ * width_)) {}

  void run() {
    for (int64_t i = 0; i < rows_; ++i) {
      std::memcpy(pairs_.data() + i * width_ / 2,
                  row_address(args_.q, tile_.first_row, first_head_ + i),
                  static_cast<size_t>(2 * width_));
    }
    std::fill(largest_.begin(), largest_.end(), -std::numeric_limits<float>::infinity());
    std::fill(sums_.begin(), sums_.end(), 0.0F);
    std::fill(mixed_.begin(), mixed_.end(), 0.0F);
    const int64_t end = tile_.position + 1;
    for (int64_t key = 0; key < end; key += kDotBlockKeys) {
      attend(key, std::min(kDotBlockKeys, end - key));
    }
    store_results();
  }

 private:
  void attend(int64_t key, int64_t count) {
    pair_values(blocks_.rows(KvPart::kValues, key, count), values_.data());
    attend_few({.queries = rows_,
                .width = width_,
                .pairs = pairs_.data(),
                .keys = blocks_.rows(KvPart::kKeys, key, count),
                .values = values_.data(),
                .scale = blocks_.score_scale(),
                .turned = turned_.data(),
                .scores = scores_.data(),
                .weights = weights_.data(),
                .largest = largest_.data(),
                .sums = sums_.data(),
                .mixed = mixed_.data()});
  }

  void store_results() {
    store_few({.queries = rows_,
               .width = width_,
               .scale = blocks_.value_scale(),
               .sums = sums_.data(),
               .mixed = mixed_.data(),
               .out = row_address(args_.out, tile_.first_row, first_head_)});
    float* lse = args_.lse.as<float>() + tile_.first_row * args_.lse.stride(0) + first_head_;
    for (int64_t i = 0; i < rows_; ++i) {
      const auto at = static_cast<size_t>(i);
      lse[i] = log_sum(largest_[at], sums_[at]);
    }
  }

  const AttentionArgs& args_;
  const AttentionTile& tile_;
  StoredBlocks blocks_;
  int64_t rows_;  ///< queries
  int64_t first_head_;
  int64_t width_;  ///< D
  std::span<uint32_t> pairs_;
  std::span<float> turned_;
  std::span<uint32_t> values_;
  std::span<float> scores_;
  std::span<uint32_t> weights_;
  std::span<float> largest_;
  std::span<float> sums_;
  std::span<float> mixed_;
};

/// The queries of one KV head of a tile.
class TileAttention {
 public:
  TileAttention(const AttentionArgs& args, const AttentionTile& tile, int64_t kv_head,
                Scratch& scratch)
      : args_(args),
        tile_(tile),
        blocks_(args, tile, kv_head, scratch),
        kv_head_(kv_head),
        rows_(args.q.dim(1) / args.kv_heads),
        width_(args.q.dim(2)),
        layout_(LaneLayout::of(rows_)),
        vectors_(layout_.vectors(tile.tokens)),
        queries_(scratch.take<uint32_t>(vectors_ * width_ / 2 * kQueryLanes)),
        values_(scratch.take<uint32_t>(kDotBlockKeys / 2 * width_)),
        scores_(scratch.take<float>(4 * kDotBlockKeys * kQueryLanes)),
        weights_(scratch.take<uint32_t>(4 * kDotBlockKeys / 2 * kQueryLanes)),
        largest_(scratch.take<float>(vectors_ * kQueryLanes)),
        sums_(scratch.take<float>(vectors_ * kQueryLanes)),
        mixed_(scratch.take<float>(vectors_ * width_ * kQueryLanes)),
        rows_of_vector_(scratch.take<float>(kQueryLanes * width_)),
        visible_(scratch.take<int32_t>(vectors_ * kQueryLanes)) {}

  void run() {
    load_queries();
    std::fill(largest_.begin(), largest_.end(), -std::numeric_limits<float>::infinity());
    std::fill(sums_.begin(), sums_.end(), 0.0F);
    std::fill(mixed_.begin(), mixed_.end(), 0.0F);
    const int64_t end = tile_.position + tile_.tokens;
    for (int64_t key = 0; key < end; key += kDotBlockKeys) {
      attend(key, std::min(kDotBlockKeys, end - key));
    }
    store_results();
  }

 private:
  [[nodiscard]] int64_t first_head(int64_t v) const {
    return kv_head_ * rows_ + v % layout_.per_token * kQueryLanes;
  }
  [[nodiscard]] int64_t heads_of(int64_t v) const {
    return std::min(kQueryLanes, rows_ - v % layout_.per_token * kQueryLanes);
  }
  [[nodiscard]] int64_t tokens_of(int64_t v) const {
    return std::min(layout_.together, tile_.tokens - layout_.first_token(v));
  }

  void load_queries() {
    auto* rows = reinterpret_cast<std::byte*>(rows_of_vector_.data());
    const int64_t bytes = 2 * width_;
    for (int64_t v = 0; v < vectors_; ++v) {
      const int64_t heads = heads_of(v);
      const int64_t count = tokens_of(v) * heads;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t token = tile_.first_row + layout_.first_token(v) + i / heads;
        std::memcpy(rows + i * bytes, row_address(args_.q, token, first_head(v) + i % heads),
                    static_cast<size_t>(bytes));
      }
      std::memset(rows + count * bytes, 0, static_cast<size_t>((kQueryLanes - count) * bytes));
      pack_queries(rows, width_, queries_.data() + v * width_ / 2 * kQueryLanes);
    }
  }

  /// Counts what each lane sees of a block's `count` keys, the first of which is at `key`. Lanes
  /// without a query see what the last token sees.
  void count_visible(int64_t key, int64_t count) {
    if (key + count <= tile_.position) {
      std::fill(visible_.begin(), visible_.end(), static_cast<int32_t>(count));
      return;
    }
    for (int64_t i = 0; i < vectors_ * kQueryLanes; ++i) {
      const int64_t v = i / kQueryLanes;
      const int64_t token = layout_.first_token(v) + i % kQueryLanes / heads_of(v);
      const int64_t seen = tile_.position + std::min(token, tile_.tokens - 1) + 1 - key;
      visible_[static_cast<size_t>(i)] = static_cast<int32_t>(std::clamp<int64_t>(seen, 0, count));
    }
  }

  /// The block at position `key`, which holds `count` keys that the last token sees.
  void attend(int64_t key, int64_t count) {
    const int64_t first = layout_.first_vector(std::max<int64_t>(0, key - tile_.position));
    count_visible(key, count);
    // Values first: keys may use the same room.
    pair_values(blocks_.rows(KvPart::kValues, key, count), values_.data());
    attend_block({.vectors = vectors_ - first,
                  .width = width_,
                  .visible = visible_.data() + first * kQueryLanes,
                  .queries = queries_.data() + first * width_ / 2 * kQueryLanes,
                  .keys = blocks_.rows(KvPart::kKeys, key, count),
                  .values = values_.data(),
                  .scale = blocks_.score_scale(),
                  .scores = scores_.data(),
                  .weights = weights_.data(),
                  .largest = largest_.data() + first * kQueryLanes,
                  .sums = sums_.data() + first * kQueryLanes,
                  .mixed = mixed_.data() + first * width_ * kQueryLanes});
  }

  void store_results() {
    for (int64_t v = 0; v < vectors_; ++v) {
      const int64_t token = tile_.first_row + layout_.first_token(v);
      const int64_t heads = heads_of(v);
      store_result({.width = width_,
                    .tokens = tokens_of(v),
                    .rows = heads,
                    .token_stride = args_.out.stride(0) * size_of(args_.out.dtype),
                    .scale = blocks_.value_scale(),
                    .sums = sums_.data() + v * kQueryLanes,
                    .mixed = mixed_.data() + v * width_ * kQueryLanes,
                    .turned = rows_of_vector_.data(),
                    .out = row_address(args_.out, token, first_head(v))});
      for (int64_t i = 0; i < tokens_of(v) * heads; ++i) {
        const auto at = static_cast<size_t>(v * kQueryLanes + i);
        float* lse = args_.lse.as<float>() + (token + i / heads) * args_.lse.stride(0);
        lse[first_head(v) + i % heads] = log_sum(largest_[at], sums_[at]);
      }
    }
  }

  const AttentionArgs& args_;
  const AttentionTile& tile_;
  StoredBlocks blocks_;
  int64_t kv_head_;
  int64_t rows_;   ///< queries of a token
  int64_t width_;  ///< D
  LaneLayout layout_;
  int64_t vectors_;
  std::span<uint32_t> queries_;
  std::span<uint32_t> values_;
  std::span<float> scores_;
  std::span<uint32_t> weights_;
  std::span<float> largest_;
  std::span<float> sums_;
  std::span<float> mixed_;
  std::span<float> rows_of_vector_;
  std::span<int32_t> visible_;
};

/// Tokens of a sequence that are attended together.
int64_t tile_tokens(const AttentionArgs& args) {
  const LaneLayout layout = LaneLayout::of(args.q.dim(1) / args.kv_heads);
  return std::max<int64_t>(1, kTileVectors / layout.per_token) * layout.together;
}

bool has_few_queries(const AttentionArgs& args) {
  return args.q.dim(1) <= kFewQueries * args.kv_heads && args.q.dim(2) % kFewQueriesWidthStep == 0;
}

bool is_for_dots(const AttentionArgs& args) {
  return args.kv.parts == 1 && args.q.dtype == DType::kBF16 && args.out.dtype == DType::kBF16 &&
         (args.kv.dtype == DType::kBF16 || args.kv.dtype == DType::kF8E4M3) &&
         args.q.dim(2) % kDotWidthStep == 0 && args.out.stride(1) == args.out.dim(2);
}

}  // namespace

void attention_by_dots(WorkerTeam& team, const AttentionArgs& args) {
  if (!is_for_dots(args)) {
    return attention<kKeyBlocksAvx512>(team, args);
  }
  const std::span<const AttentionTile> tiles =
      tiles_of(args, tile_tokens(args), team.kernel_scratch());
  team.run(std::ssize(tiles) * args.kv_heads, [&](int64_t part, Scratch& scratch) {
    const AttentionTile& tile = tiles[static_cast<size_t>(part / args.kv_heads)];
    if (tile.tokens == 1 && has_few_queries(args)) {
      return TokenAttention(args, tile, part % args.kv_heads, scratch).run();
    }
    TileAttention(args, tile, part % args.kv_heads, scratch).run();
  });
}

}  // namespace dak::cpu
