#include "dakkar/device/host_stream.h"

#include <cstring>
#include <utility>
#include <vector>

#include "dakkar/base/check.h"
#include "dakkar/device/worker_team.h"

namespace dak {
namespace {

class HostCapture final : public CapturedStep {
 public:
  explicit HostCapture(const Stream& stream) : recorder(&stream) {}

  const Stream* recorder;
  std::vector<std::function<void()>> work;
};

class HostStream final : public Stream {
 public:
  explicit HostStream(int threads) : team_(threads) {}

  void launch(std::function<void()> work) override {
    if (recording()) {
      capture_->work.push_back(std::move(work));
      return;
    }
    work();
  }
  [[nodiscard]] bool recording() const override { return capture_ != nullptr; }
  [[nodiscard]] WorkerTeam& team() override { return team_; }

  void begin_capture() override {
    check(!recording(), "a stream captures one step at a time");
    capture_ = std::make_unique<HostCapture>(*this);
  }
  [[nodiscard]] std::unique_ptr<CapturedStep> end_capture() override {
    check(recording(), "a capture ends only after it began");
    return std::move(capture_);
  }
  void replay(const CapturedStep& step) override {
    check(!recording(), "a step is not replayed into a capture");
    const auto* capture = dynamic_cast<const HostCapture*>(&step);
    check(capture != nullptr && capture->recorder == this,
          "a step is replayed on the stream that captured it");
    for (const std::function<void()>& work : capture->work) {
      work();
    }
  }

  void copy(void* to, const void* from, int64_t bytes) override {
    if (bytes > 0) {
      launch([=] { std::memcpy(to, from, static_cast<size_t>(bytes)); });
    }
  }
  void synchronize() override {}

 private:
  WorkerTeam team_;
  std::unique_ptr<HostCapture> capture_;
};

}  // namespace

std::unique_ptr<Stream> make_host_stream(int threads) {
  return std::make_unique<HostStream>(threads);
}

}  // namespace dak
