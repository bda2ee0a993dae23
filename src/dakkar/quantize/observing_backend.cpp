#include "dakkar/quantize/observing_backend.h"

#include <utility>
#include <vector>

#include "dakkar/device/forwarding_stream.h"

namespace dak {
namespace {

/// A stream of the inner backend that knows where to note what it sees.
class ObservingStream final : public ForwardingStream {
 public:
  struct Parts {
    const KernelTable& kernels;  ///< the inner ones
    InputPeaks& peaks;
  };
  ObservingStream(std::unique_ptr<Stream> inner, Parts parts)
      : ForwardingStream(std::move(inner)), parts_(parts) {}

  [[nodiscard]] const Parts& parts() const { return parts_; }

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
  auto& own = dynamic_cast<ObservingStream&>(stream);
  own.launch([&own, args] { note(own.parts().peaks, args); });
  (own.parts().kernels.*kMember)(own.inner(), args);
}

}  // namespace

ObservingBackend::ObservingBackend(const Backend& inner, InputPeaks& peaks)
    : inner_(inner), peaks_(peaks), kernels_(inner.kernels()) {
  kernels_.linear = run_observed<LinearArgs, &KernelTable::linear>;
  kernels_.expert_linear = run_observed<ExpertLinearArgs, &KernelTable::expert_linear>;
  kernels_.kv_write = run_observed<KvWriteArgs, &KernelTable::kv_write>;
}

std::unique_ptr<Stream> ObservingBackend::open_stream(int streams) const {
  return std::make_unique<ObservingStream>(
      inner_.open_stream(streams),
      ObservingStream::Parts{.kernels = inner_.kernels(), .peaks = peaks_});
}

}  // namespace dak
