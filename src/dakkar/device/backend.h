#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "dakkar/base/error.h"
#include "dakkar/device/kernel_table.h"
#include "dakkar/device/packed_weight.h"
#include "dakkar/device/stream.h"

namespace dak {

/// Owns device memory; returns it when it dies.
class DeviceMemory final {
 public:
  using Free = std::function<void(std::byte*)>;
  DeviceMemory() = default;
  DeviceMemory(std::byte* data, int64_t size, Free free)
      : data_(data), size_(size), free_(std::move(free)) {}
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory();

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] int64_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  int64_t size_ = 0;
  Free free_;
};

/// An opened device: its kernels, memory and streams. Immutable after `open`, shared by rank
/// threads.
class Backend {
 public:
  virtual ~Backend() = default;

  /// "reference", "cpu", "cuda".
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// One line for people: ISA or GPU, cores, memory.
  [[nodiscard]] virtual std::string description() const = 0;
  [[nodiscard]] virtual const KernelTable& kernels() const = 0;

  /// Bytes that weights, caches and scratch of one of `ranks` ranks may take together: its share
  /// of the cgroup's limit, or its GPU's.
  [[nodiscard]] virtual int64_t memory_limit_bytes(int ranks) const = 0;
  /// Zeroed memory aligned to 2 MiB; `kResourceExhausted` when there is not enough.
  [[nodiscard]] virtual Result<DeviceMemory> allocate(int64_t bytes) const = 0;
  /// A stream, one of `streams` that work at the same time: a CPU's cores are shared out among
  /// them.
  [[nodiscard]] virtual std::unique_ptr<Stream> open_stream(int streams) const = 0;

  /// Puts a weight into the layout the backend's linears read. Safe from several threads.
  /// `numerics` kF32 drops the activation quantization.
  [[nodiscard]] virtual Result<PackedWeight> pack(const QuantView& weight,
                                                  Numerics numerics) const = 0;
};

/// Plain loops for every op: the definition of correct. Any x86-64.
[[nodiscard]] Result<std::unique_ptr<Backend>> open_reference();

/// Vectorised kernels for this machine's CPU; fails with a sentence when it has no AVX2.
[[nodiscard]] Result<std::unique_ptr<Backend>> open_cpu();

/// NVIDIA GPUs; a build without CUDA returns an error that says so.
[[nodiscard]] Result<std::unique_ptr<Backend>> open_cuda();

}  // namespace dak
