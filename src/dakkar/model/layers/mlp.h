#pragma once

#include <memory>
#include <string>

#include "dakkar/model/layers/mixer.h"
#include "dakkar/model/parameter_reader.h"

namespace dak {

/// Two matrices with a squared ReLU between: dense layers and shared experts (spec/model.md 2.4).
class Mlp final : public Mixer {
 public:
  /// Reads `prefix`.up_proj and `prefix`.down_proj.
  Mlp(ParameterReader& reader, const std::string& prefix, DType activation);

  void forward(Context& ctx, const MixerInput& in) const override;
  /// As `forward`, but adds to `in.out`.
  void add(Context& ctx, const MixerInput& in) const;

 private:
  void run(Context& ctx, const MixerInput& in, Accumulate accumulate) const;

  DType activation_;
  PackedWeight up_;
  PackedWeight down_;
};

}  // namespace dak
