#include "dakkar/device/backend.h"
#include "dakkar/device/host_memory.h"
#include "dakkar/device/host_stream.h"

namespace dak {
namespace {

class ReferenceBackend final : public Backend {
 public:
  [[nodiscard]] std::string_view name() const override { return "reference"; }
  [[nodiscard]] std::string description() const override {
    return "reference loops on " + describe_processor();
  }
  [[nodiscard]] const KernelTable& kernels() const override { return reference_kernels(); }
  [[nodiscard]] int64_t memory_limit_bytes(int ranks) const override {
    return host_memory_limit_bytes() / ranks;
  }
  [[nodiscard]] Result<DeviceMemory> allocate(int64_t bytes) const override {
    return allocate_host_memory(bytes);
  }
  [[nodiscard]] std::unique_ptr<Stream> open_stream(int /*streams*/) const override {
    return make_host_stream();
  }
  [[nodiscard]] Result<PackedWeight> pack(const QuantView& weight,
                                          Numerics numerics) const override {
    return pack_reference(weight, numerics);
  }
};

}  // namespace

Result<std::unique_ptr<Backend>> open_reference() {
  return std::make_unique<ReferenceBackend>();
}

}  // namespace dak
