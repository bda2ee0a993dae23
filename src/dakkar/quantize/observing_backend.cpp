#include "dakkar/quantize/observing_backend.h"

#include <utility>
#include <vector>

namespace dak {
namespace {

/// A stream of the inner backend that knows where to note what it sees.
class ObservingStream final : public Stream {
 public:
  struct Parts {
    std::unique_ptr<Stream> inner;
    const KernelTable& kernels;  ///< the inner ones
    InputPeaks& peaks;
  };
  explicit ObservingStream(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] const Parts& parts() const { return parts_; }

  void launch(std::function<void()> work) override { parts_.inner->launch(std::move(work)); }
  [[nodiscard]] bool recording() const override { return parts_.inner->recording(); }
  [[nodiscard]] WorkerTeam& team() override { return parts_.inner->team(); }
  void begin_capture() override { parts_.inner->begin_capture(); }
  [[nodiscard]] std::unique_ptr<CapturedStep> end_capture() override {
    return parts_.inner->end_capture();
  }
  void replay(const CapturedStep& step) override { parts_.inner->replay(step); }
  void copy(void* to, const void* from, int64_t bytes) override {
    parts_.inner->copy(to, from, bytes);
  }
  void synchronize() override { parts_.inner->synchronize(); }

 private:
  Parts parts_;
};

void note(InputPeaks& peaks, const LinearArgs& args) {
  peaks.note(args.weight->data.data(), peak_of_rows(args.x, args.tokens.read()));
}

void note(InputPeaks& peaks, const ExpertLinearArgs& args) {
  const int64_t choices = args.chosen.dim(1);
  std::vector<Peak> of_expert(args.experts.size());
  for (int64_t token = 0; token < args.tokens.read(); ++token) {
    for (int64_t j = 0; j < choices; ++j) {
      const int32_t expert = args.chosen.as<int32_t>()[token * choices + j];
      const int64_t row = args.input == ExpertInput::kPerToken ? token : token * choices + j;
      of_expert[static_cast<size_t>(expert)].add(peak_of_rows(args.x.rows(row, 1), 1));
    }
  }
  for (size_t e = 0; e < of_expert.size(); ++e) {
    if (of_expert[e].rows > 0) {
      peaks.note(args.experts[e].data.data(), of_expert[e]);
    }
  }
}

void note(InputPeaks& peaks, const KvWriteArgs& args) {
  peaks.note_keys(peak_of_rows(args.k, args.tokens.read()));
  peaks.note_values(peak_of_rows(args.v, args.tokens.read()));
}

/// Runs the inner kernel, after noting what it is given.
template <typename Args, Kernel<Args> KernelTable::*kMember>
void run_observed(Stream& stream, const Args& args) {
  const ObservingStream::Parts& own = dynamic_cast<ObservingStream&>(stream).parts();
  stream.launch([&own, args] { note(own.peaks, args); });
  (own.kernels.*kMember)(*own.inner, args);
}

}  // namespace

ObservingBackend::ObservingBackend(const Backend& inner, InputPeaks& peaks)
    : inner_(inner), peaks_(peaks), kernels_(inner.kernels()) {
  kernels_.linear = run_observed<LinearArgs, &KernelTable::linear>;
  kernels_.expert_linear = run_observed<ExpertLinearArgs, &KernelTable::expert_linear>;
  kernels_.kv_write = run_observed<KvWriteArgs, &KernelTable::kv_write>;
}

std::unique_ptr<Stream> ObservingBackend::open_stream(int streams) const {
  return std::make_unique<ObservingStream>(ObservingStream::Parts{
      .inner = inner_.open_stream(streams), .kernels = inner_.kernels(), .peaks = peaks_});
}

}  // namespace dak
