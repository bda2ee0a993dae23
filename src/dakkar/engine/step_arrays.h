#pragma once

#include <cstdint>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/device/backend.h"
#include "dakkar/device/ops_sampling.h"
#include "dakkar/engine/step_plan.h"
#include "dakkar/model/batch.h"
#include "dakkar/tensor/workspace.h"

namespace dak {

/// Upper bounds of what a step's arrays hold; the counts lie on the device. Views have at least one
/// row, so none is 0.
struct StepBounds {
  int64_t tokens = 1;
  int64_t sequences = 1;
  int64_t draws = 1;

  /// Of a step in which up to `sequences` sequences decode one token each.
  [[nodiscard]] static StepBounds decode(int64_t sequences) {
    return {.tokens = sequences, .sequences = sequences, .draws = sequences};
  }
};

/// One rank's device arrays for the inputs and results of steps: allocated once, rewritten each
/// step.
///
/// Keeps, on the host, what plans send only once: each slot's page table, state and carry offsets.
class StepArrays final {
 public:
  /// Device bytes that `create` takes.
  [[nodiscard]] static int64_t bytes(const PlanLimits& limits);
  /// Errors: `kResourceExhausted` when the device has not that much.
  static Result<StepArrays> create(const Backend& backend, const PlanLimits& limits);

  /// Enqueues the copies that put `group` into the arrays; `group` must live until the stream is
  /// synchronised. Errors: a sequence runs past the pages that its slot was given, or looks for its
  /// state where its last step did not leave it.
  [[nodiscard]] Status upload(Stream& stream, const GroupPlan& group);
  /// Waits for the stream and gives the results of the uploaded step.
  [[nodiscard]] StepResult download(Stream& stream);

  /// Inputs of any step within `bounds`, for `Model::forward`; `arena` is the rank's.
  [[nodiscard]] StepBatch batch(std::byte* arena, const StepBounds& bounds) const;
  [[nodiscard]] HistoryArgs history_args(const StepBounds& bounds) const;
  [[nodiscard]] SampleArgs sample_args(const TensorView& logits, const StepBounds& bounds) const;
  /// The tightest bounds of the uploaded step.
  [[nodiscard]] StepBounds bounds() const;

 private:
  /// Where each array lies; all in `memory_`.
  struct Arrays {
    TensorView ids;            ///< i32 [T]
    TensorView query_start;    ///< i32 [B + 1]
    TensorView position;       ///< i32 [B]
    TensorView slot;           ///< i32 [B]
    TensorView counts;         ///< i32 [4]: tokens, sequences, decodes, draws
    TensorView page_table;     ///< i64 [B, max_pages]
    TensorView state_offsets;  ///< i64 [B, layers]
    TensorView carry_offsets;  ///< i64 [B, layers]; absent without carries
    TensorView carry_use;      ///< CarryUse [B]; absent without carries
    TensorView logit_rows;     ///< i32 [S]
    TensorView drawing;        ///< i32 [S] index of the sequence
    TensorView rows;           ///< SamplingRow [B]
    TensorView bias_ids;
    TensorView bias_values;
    TensorView stop_ids;
    TensorView sampled;  ///< SampledToken [S]
    TensorView headers;  ///< SlotHeader [slots]
    TensorView history;  ///< i32 [slots, V]
  };
  /// What a slot was sent so far.
  struct SlotPlaces {
    std::vector<int64_t> pages;
    std::vector<int64_t> state_offsets;
    std::vector<int64_t> carry_offsets;
    bool carried = false;  ///< its last step left the state in the carry
  };
  /// Host side of the arrays that are put together from a plan.
  struct Staging {
    std::vector<int32_t> query_start;
    std::vector<int32_t> position;
    std::vector<int32_t> slot;
    std::vector<int32_t> counts;
    std::vector<int32_t> logit_rows;
    std::vector<int32_t> drawing;
    std::vector<SamplingRow> rows;
    std::vector<CarryUse> carry_use;
  };

  explicit StepArrays(const PlanLimits& limits) : limits_(limits) {}
  [[nodiscard]] static Arrays carve(Workspace& space, const PlanLimits& limits);
  [[nodiscard]] Status learn_places(const GroupPlan& group);
  [[nodiscard]] Status learn_carries(const GroupPlan& group);
  void stage(const GroupPlan& group);
  void copy_places(Stream& stream);
  [[nodiscard]] SequenceTable table(const StepBounds& bounds) const;
  [[nodiscard]] DeviceCount count(int64_t which, int64_t bound) const;

  PlanLimits limits_;
  DeviceMemory memory_;
  Arrays arrays_;
  std::vector<SlotPlaces> places_;
  Staging staging_;
  int64_t tokens_ = 0;
  int64_t draws_ = 0;
};

}  // namespace dak
