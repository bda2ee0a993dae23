#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dakkar/base/error.h"
#include "dakkar/base/rank_grid.h"
#include "dakkar/device/backend.h"
#include "dakkar/device/context.h"
#include "dakkar/device/stochastic_rounding.h"
#include "dakkar/model/batch.h"
#include "dakkar/model/cache_spec.h"

namespace dak {

class WeightSet;
struct ModelConfig;
struct QuantConfig;

/// The largest step a rank must be ready for.
struct StepLimits {
  int64_t tokens = 0;      ///< T
  int64_t sequences = 0;   ///< B
  int64_t logit_rows = 0;  ///< S
};

/// Whether a step also wants the hidden states that the MTP head reads.
enum class HiddenOutput { kNo, kYes };

/// One rank's share of a model, loaded. Stateless: all of a sequence's state is in the cache arena.
class Model {
 public:
  virtual ~Model() = default;

  [[nodiscard]] virtual const CacheSpec& cache_spec() const = 0;
  /// V.
  [[nodiscard]] virtual int64_t vocab() const = 0;
  [[nodiscard]] virtual bool has_mtp() const = 0;
  /// Packed weight bytes this rank holds.
  [[nodiscard]] virtual int64_t weight_bytes() const = 0;
  /// Scratch bytes that a step within `limits` takes from `Context::workspace`.
  [[nodiscard]] virtual int64_t workspace_bytes(const StepLimits& limits) const = 0;

  /// Fills in the ids that only the device knows, runs all layers over the batch and moves every
  /// sequence's state past its new tokens.
  /// Takes its outputs from `ctx.workspace`: they live until the caller's `Workspace::Scope` ends.
  [[nodiscard]] virtual ForwardOutput forward(Context& ctx, const StepBatch& batch,
                                              HiddenOutput hidden) const = 0;

  /// Runs the MTP head over the rows of a step that `forward` has just run, writing its KV.
  /// Aborts when the model has none.
  virtual void draft(Context& ctx, const DraftBatch& batch) const = 0;
};

/// How slots keep SSM states: in f32, or in half the bytes, rounded stochastically. Unless f16 is
/// asked for it is f32.
enum class StateStorage { kAuto, kF32, kF16 };

[[nodiscard]] constexpr DType dtype_of(StateStorage storage) {
  return storage == StateStorage::kF16 ? DType::kF16 : DType::kF32;
}

/// What a rank needs to load its share.
struct ModelLoadArgs {
  const ModelConfig* config = nullptr;
  const QuantConfig* quant = nullptr;  ///< says whether the KV cache is FP8
  const WeightSet* weights = nullptr;  ///< the checkpoint's, or dummy ones
  const Backend* backend = nullptr;
  Numerics numerics = Numerics::kShipped;
  int tp = 1;
  int dp = 1;
  int ep = 1;
  int rank = 0;  ///< of all tp * dp
  StateStorage state = StateStorage::kAuto;
  uint64_t rounding_seed = kRoundingSeed;  ///< tests: other draws

  [[nodiscard]] RankGrid grid() const { return {.tp = tp, .dp = dp, .ep = ep}; }
  /// Ranks of a tp group that share a KV head and split its tokens; 1 if none do.
  [[nodiscard]] int kv_sharers() const;
};

/// Loads the model family that the checkpoint's config names (model/registry.cpp).
[[nodiscard]] Result<std::unique_ptr<Model>> load_model(const ModelLoadArgs& args);

}  // namespace dak
