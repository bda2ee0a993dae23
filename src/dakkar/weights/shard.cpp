#include "dakkar/weights/shard.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <fmt/core.h>

#include "dakkar/base/check.h"

namespace dak {
namespace {

constexpr int64_t kInnerBlock = kNvfp4Block;

/// Each rank's share of `count` things that `sharers` ranks per thing may hold together.
Range split_or_copy(int64_t count, const Shard& shard) {
  if (count >= shard.tp) {
    return deal(count, shard);
  }
  const int64_t held = shard.rank * count / shard.tp;
  return {held, held + 1};
}

Range scaled(Range range, int64_t unit, int64_t offset = 0) {
  return {offset + range.begin * unit, offset + range.end * unit};
}

/// Channel ranges of the segments x, B, C, `offset` rows into a matrix.
std::vector<Range> conv_ranges(const MambaConfig& mamba, const Shard& shard, int64_t offset) {
  const Range heads = mamba_heads(mamba, shard);
  const Range groups = mamba_groups(mamba, shard);
  const int64_t b = offset + mamba.inner();
  return {scaled(heads, mamba.head_dim, offset), scaled(groups, mamba.state, b),
          scaled(groups, mamba.state, b + mamba.bc_width())};
}

std::vector<Range> in_proj_ranges(const MambaConfig& mamba, const Shard& shard) {
  const Range heads = mamba_heads(mamba, shard);
  std::vector<Range> rows = {scaled(heads, mamba.head_dim)};
  for (const Range& range : conv_ranges(mamba, shard, mamba.inner())) {
    rows.push_back(range);
  }
  rows.push_back(scaled(heads, 1, mamba.inner() + mamba.conv_channels()));
  return rows;
}

tl::unexpected<Error> uneven(std::string_view what, int64_t count, int64_t tp) {
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("{} {} cannot be split between {} tensor-parallel ranks", count, what, tp),
      "tensor_parallel_size");
}

/// Matrix of bytes: what is copied, whatever the format.
struct ByteMatrix {
  const std::byte* data;
  int64_t row_bytes;
};

Buffer copy_slice(const ByteMatrix& whole, const Slice& slice, Range row_part) {
  Buffer out(slice.row_count() * row_part.size());
  std::byte* to = out.data();
  for (const Range& rows : slice.rows) {
    const std::byte* from = whole.data + rows.begin * whole.row_bytes + row_part.begin;
    if (row_part.size() == whole.row_bytes) {
      const int64_t bytes = rows.size() * whole.row_bytes;
      std::memcpy(to, from, static_cast<size_t>(bytes));
      to += bytes;
      continue;
    }
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      std::memcpy(to, from, static_cast<size_t>(row_part.size()));
      to += row_part.size();
      from += whole.row_bytes;
    }
  }
  return out;
}

void check_within(const Slice& slice, int64_t rows, int64_t columns) {
  for (const Range& range : slice.rows) {
    check(range.begin >= 0 && range.begin <= range.end && range.end <= rows,
          "a slice's rows lie outside of its tensor");
  }
  check(slice.columns.begin >= 0 && slice.columns.begin <= slice.columns.end &&
            slice.columns.end <= columns,
        "a slice's columns lie outside of its tensor");
}

}  // namespace

Shard shard_of(const RankGrid& grid, int rank) {
  return {
      .tp = grid.tp, .rank = grid.place_of(rank), .ep = grid.ep, .ep_rank = grid.ep > 1 ? rank : 0};
}

int64_t Slice::row_count() const {
  int64_t count = 0;
  for (const Range& range : rows) {
    count += range.size();
  }
  return count;
}

Status check_shard(const ModelConfig& config, const Shard& shard) {
  const int64_t tp = shard.tp;
  if (tp < 1 || shard.rank < 0 || shard.rank >= tp) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("rank {} of {} tensor-parallel ranks does not exist", shard.rank, tp),
                "tensor_parallel_size");
  }
  if (tp > 1 && config.count(LayerKind::kMamba) > 0) {
    // More ranks than groups would split the gated norm's groups between ranks.
    if (config.mamba.groups % tp != 0) {
      return uneven("Mamba groups", config.mamba.groups, tp);
    }
    if (config.mamba.inner() / tp % kNvfp4Block != 0) {
      return uneven("Mamba channels in blocks of 16", config.mamba.inner(), tp);
    }
  }
  const AttentionConfig& attention = config.attention;
  const bool attends = config.count(LayerKind::kAttention) > 0 || config.mtp_depths > 0;
  if (tp > 1 && attends) {
    if (attention.query_heads % tp != 0) {
      return uneven("attention heads", attention.query_heads, tp);
    }
    if (attention.kv_heads % tp != 0 && tp % attention.kv_heads != 0) {
      return uneven("KV heads", attention.kv_heads, tp);
    }
    if (attention.query_width() / tp % kNvfp4Block != 0) {
      return uneven("attention channels in blocks of 16", attention.query_width(), tp);
    }
  }
  return {};
}

Range deal(int64_t count, const Shard& shard) {
  const int64_t each = count / shard.tp;
  const int64_t extra = count % shard.tp;
  const int64_t begin = shard.rank * each + std::min(shard.rank, extra);
  return {begin, begin + each + (shard.rank < extra ? 1 : 0)};
}

Range vocab_range(int64_t vocab, const Shard& shard) {
  return deal(vocab, shard);
}

Range inner_range(int64_t width, const Shard& shard) {
  const int64_t blocks = (width + kInnerBlock - 1) / kInnerBlock;
  const Range dealt = deal(blocks, shard);
  return {std::min(dealt.begin * kInnerBlock, width), std::min(dealt.end * kInnerBlock, width)};
}

Range expert_range(int64_t experts, const Shard& shard) {
  return shard.ep == 1 ? Range{0, experts} : deal(experts, {.tp = shard.ep, .rank = shard.ep_rank});
}

Range mamba_heads(const MambaConfig& mamba, const Shard& shard) {
  return deal(mamba.heads, shard);
}

Range mamba_groups(const MambaConfig& mamba, const Shard& shard) {
  return split_or_copy(mamba.groups, shard);
}

Range query_heads(const AttentionConfig& attention, const Shard& shard) {
  return deal(attention.query_heads, shard);
}

Range kv_heads(const AttentionConfig& attention, const Shard& shard) {
  return split_or_copy(attention.kv_heads, shard);
}

int64_t kv_parts(const AttentionConfig& attention, const Shard& shard) {
  constexpr int64_t kPageTokens = 128;
  const int64_t sharers = attention.kv_heads > 0 ? shard.tp / attention.kv_heads : 1;
  return sharers > 1 && kPageTokens % sharers == 0 ? sharers : 1;
}

Slice slice_of(const TensorSpec& spec, const ModelConfig& config, const Shard& shard) {
  const int64_t rows = spec.shape.front();
  const int64_t columns = rows == 0 ? 0 : spec.elements() / rows;
  const Range all_rows = {0, rows};
  const Range all_columns = {0, columns};
  const MambaConfig& mamba = config.mamba;
  const AttentionConfig& attention = config.attention;
  const bool dealt = shard.ep > 1;
  switch (spec.rule) {
    case ShardRule::kReplicate:
      return {{all_rows}, all_columns};
    case ShardRule::kVocabRows:
      return {{vocab_range(rows, shard)}, all_columns};
    case ShardRule::kInProjRows:
      return {in_proj_ranges(mamba, shard), all_columns};
    case ShardRule::kConvChannels:
      return {conv_ranges(mamba, shard, 0), all_columns};
    case ShardRule::kMambaHeads:
      return {{mamba_heads(mamba, shard)}, all_columns};
    case ShardRule::kMambaChannels:
      return {{scaled(mamba_heads(mamba, shard), mamba.head_dim)}, all_columns};
    case ShardRule::kMambaColumns:
      return {{all_rows}, scaled(mamba_heads(mamba, shard), mamba.head_dim)};
    case ShardRule::kQueryRows:
      return {{scaled(query_heads(attention, shard), attention.head_dim)}, all_columns};
    case ShardRule::kKvRows:
      return {{scaled(kv_heads(attention, shard), attention.head_dim)}, all_columns};
    case ShardRule::kQueryColumns:
      return {{all_rows}, scaled(query_heads(attention, shard), attention.head_dim)};
    case ShardRule::kInnerRows:
      return {{inner_range(rows, shard)}, all_columns};
    case ShardRule::kInnerColumns:
      return {{all_rows}, inner_range(columns, shard)};
    case ShardRule::kExpertRows:
      return {{dealt ? all_rows : inner_range(rows, shard)}, all_columns};
    case ShardRule::kExpertColumns:
      return {{all_rows}, dealt ? all_columns : inner_range(columns, shard)};
    case ShardRule::kLatentColumns:
      return {{all_rows}, dealt ? inner_range(columns, shard) : all_columns};
  }
  return {};
}

ModelConfig local_config(const ModelConfig& config, const Shard& shard) {
  ModelConfig local = config;
  local.mamba.heads = mamba_heads(config.mamba, shard).size();
  local.mamba.groups = mamba_groups(config.mamba, shard).size();
  local.attention.query_heads = query_heads(config.attention, shard).size();
  local.attention.kv_heads = kv_heads(config.attention, shard).size();
  for (int64_t& width : local.mlp_inner) {
    width = inner_range(width, shard).size();
  }
  if (shard.ep == 1) {
    local.moe.inner = inner_range(config.moe.inner, shard).size();
  }
  local.moe.shared_inner = inner_range(config.moe.shared_inner, shard).size();
  return local;
}

QuantTensor cut(const QuantView& whole, const Slice& slice) {
  check_within(slice, whole.rows, whole.columns);
  if (slice.rows.size() == 1 && slice.row_count() == whole.rows &&
      slice.columns.size() == whole.columns) {
    return {whole, Buffer(), Buffer()};
  }
  QuantView view = whole;
  view.rows = slice.row_count();
  view.columns = slice.columns.size();
  if (view.empty()) {
    view.values = {};
    view.block_scales = {};
    return {view, Buffer(), Buffer()};
  }
  const bool packed = whole.format == QuantFormat::kNvfp4;
  const auto row_bytes = [&](int64_t columns) {
    return packed ? columns / 2 : columns * size_of(whole.values.dtype);
  };
  check(whole.values.is_dense(), "a tensor to cut must be dense");
  check(!packed || (slice.columns.begin % kNvfp4Block == 0 && slice.columns.end % kNvfp4Block == 0),
        "an nvfp4 slice must begin and end at whole blocks");
  Buffer values = copy_slice({whole.values.data, row_bytes(whole.columns)}, slice,
                             {row_bytes(slice.columns.begin), row_bytes(slice.columns.end)});
  view.values = TensorView::dense(values.data(), whole.values.dtype,
                                  {view.rows, packed ? view.columns / 2 : view.columns});
  Buffer scales;
  if (packed) {
    check(whole.block_scales.is_dense(), "block scales to cut must be dense");
    scales = copy_slice({whole.block_scales.data, whole.columns / kNvfp4Block}, slice,
                        {slice.columns.begin / kNvfp4Block, slice.columns.end / kNvfp4Block});
    view.block_scales = TensorView::dense(scales.data(), whole.block_scales.dtype,
                                          {view.rows, view.columns / kNvfp4Block});
  }
  return {view, std::move(values), std::move(scales)};
}

std::vector<float> cut(std::span<const float> whole, int64_t row_width, const Slice& slice) {
  check(row_width > 0 && static_cast<int64_t>(whole.size()) % row_width == 0,
        "values to cut must be whole rows");
  check_within(slice, static_cast<int64_t>(whole.size()) / row_width, row_width);
  std::vector<float> out;
  out.reserve(static_cast<size_t>(slice.row_count() * slice.columns.size()));
  for (const Range& rows : slice.rows) {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const auto from = whole.begin() + row * row_width;
      out.insert(out.end(), from + slice.columns.begin, from + slice.columns.end);
    }
  }
  return out;
}

}  // namespace dak
