#pragma once

#include <memory>

#include "dakkar/device/context.h"
#include "dakkar/model/model.h"

namespace dak {

/// A context whose kernels do nothing and whose workspace only counts: running a forward pass in it
/// gives the scratch bytes that the pass takes, from the code that takes them.
class MeasuringContext final {
 public:
  /// For a rank of `grid`.
  explicit MeasuringContext(const RankGrid& grid);
  ~MeasuringContext();

  [[nodiscard]] Context& context();
  /// A batch whose arrays have the sizes of `limits`; their contents are never read.
  [[nodiscard]] StepBatch batch(const StepLimits& limits);
  [[nodiscard]] int64_t peak_bytes() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace dak
