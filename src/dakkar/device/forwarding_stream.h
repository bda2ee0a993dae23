#pragma once

#include <memory>
#include <utility>

#include "dakkar/device/stream.h"

namespace dak {

/// Another stream, to derive from: for backends that look at what passes through their kernels.
class ForwardingStream : public Stream {
 public:
  explicit ForwardingStream(std::unique_ptr<Stream> inner) : inner_(std::move(inner)) {}

  [[nodiscard]] Stream& inner() { return *inner_; }

  void launch(std::function<void()> work) override { inner_->launch(std::move(work)); }
  [[nodiscard]] bool recording() const override { return inner_->recording(); }
  [[nodiscard]] WorkerTeam& team() override { return inner_->team(); }
  void begin_capture() override { inner_->begin_capture(); }
  [[nodiscard]] std::unique_ptr<CapturedStep> end_capture() override {
    return inner_->end_capture();
  }
  void replay(const CapturedStep& step) override { inner_->replay(step); }
  void copy(void* to, const void* from, int64_t bytes) override { inner_->copy(to, from, bytes); }
  void synchronize() override { inner_->synchronize(); }

 private:
  std::unique_ptr<Stream> inner_;
};

}  // namespace dak
