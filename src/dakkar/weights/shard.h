#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/rank_grid.h"
#include "dakkar/tensor/quant_view.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/tensor_table.h"

namespace dak {

/// A rank's place in its tensor-parallel group, and among the ranks that experts are dealt over.
struct Shard {
  int64_t tp = 1;
  int64_t rank = 0;
  int64_t ep = 1;  ///< 1: experts are cut over the group
  int64_t ep_rank = 0;
};

/// The shard of a rank of a grid.
[[nodiscard]] Shard shard_of(const RankGrid& grid, int rank);

/// Half-open range [begin, end).
struct Range {
  int64_t begin = 0;
  int64_t end = 0;

  [[nodiscard]] int64_t size() const { return end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

/// The part of a matrix that a rank keeps: these rows, in this order, and these columns.
struct Slice {
  std::vector<Range> rows;
  Range columns;

  [[nodiscard]] int64_t row_count() const;
};

/// Whether the model can be cut for that many ranks. `kInvalidArgument` says which size is in the
/// way: Mamba groups and query heads must divide evenly, KV heads evenly or be shared evenly.
/// Expert, MLP and vocabulary widths always can.
[[nodiscard]] Status check_shard(const ModelConfig& config, const Shard& shard);

/// `count` items dealt in order, the first ranks getting one more where it does not divide.
[[nodiscard]] Range deal(int64_t count, const Shard& shard);

/// The vocabulary rows of a rank.
[[nodiscard]] Range vocab_range(int64_t vocab, const Shard& shard);
/// The part of an inner width (expert, shared expert, MLP) of a rank: blocks of 16 dealt, the last
/// block may be partial, a rank may get nothing.
[[nodiscard]] Range inner_range(int64_t width, const Shard& shard);
/// The routed experts that a rank holds: all of them, or its own where they are dealt.
[[nodiscard]] Range expert_range(int64_t experts, const Shard& shard);
/// The Mamba heads, Mamba groups, query heads and KV heads of a rank. Groups and KV heads may be
/// held by several ranks: then each rank has the one its own heads read (and, of KV heads, stores a
/// part of the tokens: `kv_parts`).
[[nodiscard]] Range mamba_heads(const MambaConfig& mamba, const Shard& shard);
[[nodiscard]] Range mamba_groups(const MambaConfig& mamba, const Shard& shard);
[[nodiscard]] Range query_heads(const AttentionConfig& attention, const Shard& shard);
[[nodiscard]] Range kv_heads(const AttentionConfig& attention, const Shard& shard);
/// The ranks that share a KV head and so split its tokens; 1 where none do, or where their number
/// does not divide a page: then each keeps all tokens.
[[nodiscard]] int64_t kv_parts(const AttentionConfig& attention, const Shard& shard);

/// What the rank keeps of the tensor `spec`, seen as a matrix of `shape[0]` rows; trailing
/// dimensions are columns. Call `check_shard` once before.
[[nodiscard]] Slice slice_of(const TensorSpec& spec, const ModelConfig& config, const Shard& shard);

/// The sizes of the rank's part of the model: a config whose head counts, groups and widths are the
/// rank's own. `vocab`, `hidden` and expert counts stay whole.
[[nodiscard]] ModelConfig local_config(const ModelConfig& config, const Shard& shard);

/// Copies a slice out of `whole`, in its storage format: nothing is dequantized. A slice that is
/// everything is not copied: the result looks at what `whole` looks at.
///
/// In NVFP4 the columns must begin and end at multiples of 16 (checked: the rules see to it).
[[nodiscard]] QuantTensor cut(const QuantView& whole, const Slice& slice);

/// Copies a slice out of values of a tensor whose rows have `row_width` elements.
[[nodiscard]] std::vector<float> cut(std::span<const float> whole, int64_t row_width,
                                     const Slice& slice);

}  // namespace dak
