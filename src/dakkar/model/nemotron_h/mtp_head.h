#pragma once

#include <memory>
#include <vector>

#include "dakkar/model/layers/mixer.h"
#include "dakkar/model/parameter_reader.h"

namespace dak {

/// Adds up all ranks' partial sums of a mixer's output, in place.
void sum_over_ranks(Context& ctx, const TensorView& partial);

/// The sizes and types that all layers of a rank's model share.
struct ModelTypes {
  DType activation = DType::kBF16;
  DType residual = DType::kBF16;
  DType kv = DType::kBF16;
  DType state = DType::kF32;
  int64_t drafts = 0;  ///< tokens of speculation that the state's rings make room for
};

/// The multi-token-prediction head's own layers (spec/model.md 3.1); embeddings and lm_head are the
/// target's.
class MtpHead final {
 public:
  /// `page_offset` is where the head's KV lies inside a page.
  MtpHead(ParameterReader& reader, const ModelTypes& types, int64_t page_offset);

  /// From the next tokens' embeddings [T, H] and the target's final hidden states [T, H] to normed
  /// outputs [T, H], ready for lm_head, taken from the workspace.
  [[nodiscard]] TensorView forward(Context& ctx, const DraftBatch& batch,
                                   const TensorView& embeddings) const;

 private:
  TensorView fuse(Context& ctx, const DraftBatch& batch, const TensorView& embeddings) const;

  ModelTypes types_;
  float eps_;
  TensorView enorm_;
  TensorView hnorm_;
  PackedWeight eh_proj_;
  std::vector<TensorView> norms_;
  std::vector<std::unique_ptr<Mixer>> mixers_;
  TensorView final_norm_;
};

}  // namespace dak
