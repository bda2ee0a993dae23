#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dakkar/bench/op_meter.h"
#include "dakkar/device/backend.h"

namespace dak::bench {

/// Another backend whose every kernel call is timed and counted in a meter, captured steps too.
/// For host devices: it reads counts and choices where the kernels find them. A clock is read twice
/// per call, which costs a step of a hundred kernels some microseconds.
class MeteredBackend final : public Backend {
 public:
  /// A linear with `vocab` outputs is counted as `kLmHead`. `meter` outlives the backend.
  MeteredBackend(std::unique_ptr<Backend> inner, OpMeter& meter, int64_t vocab);

  [[nodiscard]] std::string_view name() const override { return inner_->name(); }
  [[nodiscard]] std::string description() const override { return inner_->description(); }
  [[nodiscard]] const KernelTable& kernels() const override { return kernels_; }
  [[nodiscard]] int64_t memory_limit_bytes(int ranks) const override {
    return inner_->memory_limit_bytes(ranks);
  }
  [[nodiscard]] Result<DeviceMemory> allocate(int64_t bytes) const override {
    return inner_->allocate(bytes);
  }
  [[nodiscard]] std::unique_ptr<Stream> open_stream(int streams) const override;
  [[nodiscard]] Result<PackedWeight> pack(const QuantView& weight,
                                          Numerics numerics) const override {
    return inner_->pack(weight, numerics);
  }

 private:
  std::unique_ptr<Backend> inner_;
  OpMeter& meter_;
  int64_t vocab_;
  KernelTable kernels_;
};

}  // namespace dak::bench
