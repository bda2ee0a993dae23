#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dakkar/device/backend.h"
#include "dakkar/quantize/input_peaks.h"

namespace dak {

/// Another backend that notes what its linears are fed and what its KV caches are given. For host
/// devices: it reads activations, counts and choices where the kernels find them.
class ObservingBackend final : public Backend {
 public:
  /// `inner` and `peaks` outlive it and its streams.
  ObservingBackend(const Backend& inner, InputPeaks& peaks);

  [[nodiscard]] std::string_view name() const override { return inner_.name(); }
  [[nodiscard]] std::string description() const override { return inner_.description(); }
  [[nodiscard]] const KernelTable& kernels() const override { return kernels_; }
  [[nodiscard]] int64_t memory_limit_bytes(int ranks) const override {
    return inner_.memory_limit_bytes(ranks);
  }
  [[nodiscard]] Result<DeviceMemory> allocate(int64_t bytes) const override {
    return inner_.allocate(bytes);
  }
  [[nodiscard]] std::unique_ptr<Stream> open_stream(int streams) const override;
  [[nodiscard]] Result<PackedWeight> pack(const QuantView& weight,
                                          Numerics numerics) const override {
    return inner_.pack(weight, numerics);
  }

 private:
  const Backend& inner_;
  InputPeaks& peaks_;
  KernelTable kernels_;
};

}  // namespace dak
