#pragma once

#include <cstdint>
#include <initializer_list>

#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// Hands out scratch tensors from one block of memory, stack-wise: nothing is allocated in a step.
///
/// The block belongs to the rank (host or device memory); a `Scope` gives back all that was taken
/// since it began. Running out aborts: the size is computed before (`Model::workspace_bytes`).
class Workspace final {
 public:
  Workspace() = default;
  /// Uses `bytes` bytes at `base`, which must stay alive and be aligned to 256.
  Workspace(std::byte* base, int64_t bytes) : base_(base), size_(bytes) {}
  /// Measures only: hands out null-based views and records the peak, to size a real workspace.
  static Workspace measuring();

  /// A dense tensor, contents undefined, aligned to 256 bytes.
  [[nodiscard]] TensorView take(DType dtype, std::initializer_list<int64_t> shape);

  [[nodiscard]] int64_t used() const { return used_; }
  [[nodiscard]] int64_t peak() const { return peak_; }
  [[nodiscard]] int64_t size() const { return size_; }

  /// Gives back, at its end, what was taken during its life.
  class Scope final {
   public:
    explicit Scope(Workspace& workspace) : workspace_(workspace), mark_(workspace.used_) {}
    ~Scope() { workspace_.used_ = mark_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Workspace& workspace_;
    int64_t mark_;
  };

 private:
  std::byte* base_ = nullptr;
  int64_t size_ = 0;
  int64_t used_ = 0;
  int64_t peak_ = 0;
};

}  // namespace dak
