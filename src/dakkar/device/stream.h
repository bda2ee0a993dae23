#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "dakkar/base/error.h"

namespace dak {

class WorkerTeam;

/// A step recorded once and replayed with other device values: a CUDA graph or a list of closures.
class CapturedStep {
 public:
  virtual ~CapturedStep() = default;
};

/// Ordered work on one device. One thread uses a stream at a time.
///
/// CPU streams run work at once; between `begin_capture` and `end_capture` they record it instead.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Runs or records one piece of host work in order; CPU kernels arrive through this.
  virtual void launch(std::function<void()> work) = 0;
  /// True when `launch` would record: CPU kernels are otherwise called without a closure.
  [[nodiscard]] virtual bool recording() const = 0;
  /// The threads that CPU kernels launched here run on; only streams of CPU devices have one.
  [[nodiscard]] virtual WorkerTeam& team() = 0;

  /// Starts recording what follows.
  virtual void begin_capture() = 0;
  /// Ends recording and hands it over.
  [[nodiscard]] virtual std::unique_ptr<CapturedStep> end_capture() = 0;
  /// Enqueues a step that this stream recorded.
  virtual void replay(const CapturedStep& step) = 0;

  /// Copies between host and device memory, in order.
  virtual void copy(void* to, const void* from, int64_t bytes) = 0;
  /// Waits until all work is done.
  virtual void synchronize() = 0;
};

}  // namespace dak
