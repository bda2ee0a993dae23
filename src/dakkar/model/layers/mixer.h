#pragma once

#include "dakkar/device/context.h"
#include "dakkar/model/batch.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// What a layer's mixer works on in one step.
struct MixerInput {
  const StepBatch* batch = nullptr;
  TensorView x;    ///< [T, H] normed input
  TensorView out;  ///< f32 [T, H] the rank's partial sum, overwritten
};

/// The one mixer of a layer: Mamba-2, attention, MLP or mixture of experts. Holds this rank's
/// weights; all sequence state is in the batch's arena. Several ranks' outputs add up to the
/// layer's.
class Mixer {
 public:
  virtual ~Mixer() = default;
  virtual void forward(Context& ctx, const MixerInput& in) const = 0;
};

}  // namespace dak
