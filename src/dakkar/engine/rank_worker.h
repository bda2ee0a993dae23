#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/mailbox.h"
#include "dakkar/device/backend.h"
#include "dakkar/device/rank_groups.h"
#include "dakkar/engine/model_loader.h"
#include "dakkar/engine/step_arrays.h"
#include "dakkar/engine/step_plan.h"
#include "dakkar/model/model.h"

namespace dak {

/// Sizes of a rank's memory, known once its model is loaded.
struct RankMemory {
  PlanLimits limits;
  int64_t workspace_bytes = 0;
};

/// Whether steps in which all groups only decode are replayed from captures, one per number of
/// sequences rounded up, or run like every other step.
enum class DecodeSteps { kCaptured, kEager };

/// One rank: a thread with its model, stream, arena and step arrays.
///
/// A decode step is two captures, forward and sample: between them a mask may have to see the last
/// token. All ranks replay captures of the same size, the largest group's.
///
/// Does what it is told in order and answers each order once. An order that fails, or an exception,
/// ends the thread after its error was answered; it leaves its groups then, which stops the process
/// if other ranks wait for it in a collective: they could never go on.
class RankWorker final {
 public:
  struct Parts {
    ModelLoader load;
    ModelLoadArgs load_args;
    std::unique_ptr<Communicator> world;  ///< this rank's part
    int64_t depth = 2;                    ///< orders it may be behind
    DecodeSteps decode_steps = DecodeSteps::kCaptured;
  };
  /// What an order gave: nothing for loading and preparing.
  using Reply = Result<std::optional<StepResult>>;

  /// Starts the thread, which loads the model and answers.
  explicit RankWorker(Parts parts);
  RankWorker(const RankWorker&) = delete;
  RankWorker& operator=(const RankWorker&) = delete;
  /// Finishes the orders given so far and joins.
  ~RankWorker();

  /// Orders the allocation of arena, workspace and arrays, before the first step.
  void prepare(const RankMemory& memory) { give(memory); }
  /// Orders a step: an encoded plan.
  void launch(std::vector<std::byte> plan) { give(std::move(plan)); }
  /// Waits for the oldest answer not yet taken.
  [[nodiscard]] Reply wait();

  /// Steps it has done; from any thread.
  [[nodiscard]] int64_t steps_done() const { return steps_done_.load(std::memory_order_relaxed); }
  /// The loaded model; after the first answer.
  [[nodiscard]] const Model& model() const { return *model_; }

 private:
  using Order = std::variant<RankMemory, std::vector<std::byte>>;
  struct DecodeCapture {
    int64_t sequences = 0;  ///< most that it serves
    std::unique_ptr<CapturedStep> forward;
    std::unique_ptr<CapturedStep> sample;
  };

  void give(Order order);
  void run();
  [[nodiscard]] Status load();
  [[nodiscard]] Status allocate(const RankMemory& memory);
  [[nodiscard]] Reply obey(const Order& order);
  [[nodiscard]] Reply step(const std::vector<std::byte>& bytes);
  [[nodiscard]] Context context();
  void capture_decodes();
  /// The capture that serves a step, if it is one of decodes.
  [[nodiscard]] const DecodeCapture* capture_for(const StepPlan& plan) const;
  void run_eagerly(const StepPlan& plan);
  /// The two phases of a step.
  [[nodiscard]] TensorView forward(const StepBounds& bounds, int64_t grid_tokens);
  void sample(const TensorView& logits, const StepBounds& bounds);

  Parts parts_;
  Mailbox<Order> orders_;
  Mailbox<Reply> replies_;
  RankGroups groups_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Stream> stream_;
  PlanLimits limits_;
  DeviceMemory arena_;
  DeviceMemory scratch_;
  Workspace workspace_;
  std::optional<StepArrays> arrays_;
  std::vector<DecodeCapture> captures_;  ///< smallest first
  std::atomic<int64_t> steps_done_ = 0;
  std::thread thread_;  ///< last: it uses the others
};

}  // namespace dak
