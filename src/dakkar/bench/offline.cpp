#include "dakkar/bench/offline.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "dakkar/base/clock.h"
#include "dakkar/bench/op_bench.h"
#include "dakkar/bench/operands.h"

namespace dak::bench {
namespace {

constexpr double kSteady = 0.85;      // ratio of two probes of the same thing
constexpr int64_t kFewestSteady = 3;  // bursts

/// A request's stream and when its tokens came.
struct Reader {
  std::unique_ptr<TokenStream> stream;
  std::vector<SteadyTime> times;
  bool done = false;
};

GenerationRequest request_of(const OfflineBench& bench, const OfflineShape& shape,
                             RandomWords& random) {
  GenerationRequest request;
  request.id = "bench";
  for (int64_t i = 0; i < shape.input_tokens; ++i) {
    request.prompt.push_back(static_cast<TokenId>(random.below(bench.vocab)));
  }
  request.sampling.temperature = 0.0F;
  request.stop.max_tokens = shape.output_tokens;
  return request;
}

Status read_event(Reader& reader) {
  const std::optional<GenerationEvent> event = reader.stream->next();
  if (!event) {
    return fail(ErrorCode::kInternal, "a stream ended without its last event");
  }
  if (event->finish == FinishReason::kError || event->finish == FinishReason::kAbort) {
    return fail(ErrorCode::kInternal, "a request failed: " + event->message);
  }
  const SteadyTime now = steady_now();
  reader.times.insert(reader.times.end(), event->tokens.size(), now);
  reader.done = event->finish.has_value();
  return {};
}

/// Takes events in turn, so that each is seen soon after it came.
Status drain(std::vector<Reader>& readers) {
  for (bool any = true; any;) {
    any = false;
    for (Reader& reader : readers) {
      if (reader.done) {
        continue;
      }
      if (Status status = read_event(reader); !status) {
        return status;
      }
      any = true;
    }
  }
  return {};
}

void count_times(const std::vector<Reader>& readers, SteadyTime begin, OfflineBurst& burst) {
  SteadyTime first = readers.front().times.front();
  SteadyTime last = readers.front().times.back();
  for (const Reader& reader : readers) {
    first = std::max(first, reader.times.front());
    last = std::min(last, reader.times.back());
  }
  burst.prefill_seconds = seconds_between(begin, first);
  burst.decode_seconds = seconds_between(first, last);
  for (const Reader& reader : readers) {
    burst.decode_tokens +=
        std::count_if(reader.times.begin(), reader.times.end(),
                      [&](SteadyTime time) { return time > first && time <= last; });
  }
}

Peaks mean(const Peaks& a, const Peaks& b) {
  return {.read_bytes = (a.read_bytes + b.read_bytes) / 2.0,
          .copy_bytes = (a.copy_bytes + b.copy_bytes) / 2.0,
          .f32_flops = (a.f32_flops + b.f32_flops) / 2.0,
          .bf16_flops = (a.bf16_flops + b.bf16_flops) / 2.0};
}

double ratio(double part, double whole) {
  return whole > 0.0 ? part / whole : 0.0;
}

}  // namespace

double OfflineBurst::seconds_per_step(const OfflineShape& shape) const {
  return ratio(decode_seconds * static_cast<double>(shape.batch),
               static_cast<double>(decode_tokens));
}

void OfflineBurst::add(const OfflineBurst& other) {
  prefill_seconds += other.prefill_seconds;
  decode_seconds += other.decode_seconds;
  decode_tokens += other.decode_tokens;
  totals.prefill += other.totals.prefill;
  totals.decode += other.totals.decode;
}

OfflineFigures figures_of(const OfflineShape& shape, const OfflineBurst& burst, int ranks) {
  OfflineFigures figures;
  const auto prompt_tokens = static_cast<double>(shape.batch * shape.input_tokens);
  const PhaseTotals& decode = burst.totals.decode;
  const double steps = static_cast<double>(decode.steps) / ranks;
  const double step_seconds = burst.seconds_per_step(shape);
  const OpTotal all = decode.all();
  const OpTotal head = decode.of(kLmHead);
  figures.peaks = burst.peaks;
  figures.steady = burst.steady ? 1 : 0;
  figures.prefill_flops = burst.totals.prefill.all().cost.flops;
  figures.prefill_tokens_per_second = ratio(prompt_tokens, burst.prefill_seconds);
  figures.prefill_floor_share =
      ratio(figures.prefill_flops / burst.peaks.flops(), burst.prefill_seconds);
  figures.decode_tokens_per_second =
      ratio(static_cast<double>(burst.decode_tokens), burst.decode_seconds);
  figures.decode_step_bytes = ratio(all.cost.bytes, steps);
  figures.lm_head_seconds = ratio(head.seconds, steps * ranks);
  figures.decode_floor_share =
      ratio(figures.decode_step_bytes / burst.peaks.read_bytes, step_seconds);
  const double other_bytes = figures.decode_step_bytes - ratio(head.cost.bytes, steps);
  figures.decode_share_no_head =
      ratio(other_bytes / burst.peaks.read_bytes, step_seconds - figures.lm_head_seconds);
  figures.kernel_share = ratio(ratio(all.seconds, steps * ranks), step_seconds);
  return figures;
}

OfflineFigures median_of(const std::vector<OfflineFigures>& bursts) {
  std::vector<OfflineFigures> all;
  std::copy_if(bursts.begin(), bursts.end(), std::back_inserter(all),
               [](const OfflineFigures& one) { return one.steady > 0; });
  const auto steady = static_cast<int64_t>(all.size());
  if (steady < kFewestSteady) {
    all = bursts;
  }
  const auto of = [&all](auto field) {
    std::vector<double> values;
    for (const OfflineFigures& one : all) {
      values.push_back(field(one));
    }
    return median(std::move(values));
  };
  const auto member = [&of](double OfflineFigures::*which) {
    return of([which](const OfflineFigures& one) { return one.*which; });
  };
  const auto peak = [&of](double Peaks::*which) {
    return of([which](const OfflineFigures& one) { return one.peaks.*which; });
  };
  return {.prefill_tokens_per_second = member(&OfflineFigures::prefill_tokens_per_second),
          .prefill_floor_share = member(&OfflineFigures::prefill_floor_share),
          .decode_tokens_per_second = member(&OfflineFigures::decode_tokens_per_second),
          .decode_floor_share = member(&OfflineFigures::decode_floor_share),
          .decode_share_no_head = member(&OfflineFigures::decode_share_no_head),
          .decode_step_bytes = member(&OfflineFigures::decode_step_bytes),
          .lm_head_seconds = member(&OfflineFigures::lm_head_seconds),
          .kernel_share = member(&OfflineFigures::kernel_share),
          .prefill_flops = member(&OfflineFigures::prefill_flops),
          .peaks = {.read_bytes = peak(&Peaks::read_bytes),
                    .copy_bytes = peak(&Peaks::copy_bytes),
                    .f32_flops = peak(&Peaks::f32_flops),
                    .bf16_flops = peak(&Peaks::bf16_flops)},
          .steady = steady,
          .bursts = static_cast<int64_t>(bursts.size())};
}

Result<OfflineBurst> run_burst(const OfflineBench& bench, const OfflineShape& shape,
                               uint64_t seed) {
  RandomWords random(seed);
  std::vector<GenerationRequest> requests;
  for (int64_t i = 0; i < shape.batch; ++i) {
    requests.push_back(request_of(bench, shape, random));
  }
  OfflineBurst burst;
  const Peaks before = bench.probes.measure();
  static_cast<void>(bench.meter.take());
  std::vector<Reader> readers;
  const SteadyTime begin = steady_now();
  for (GenerationRequest& request : requests) {
    Result<std::unique_ptr<TokenStream>> stream = bench.engine.submit(std::move(request), {});
    if (!stream) {
      return fail(stream.error());
    }
    readers.push_back({.stream = std::move(*stream), .times = {}, .done = false});
  }
  if (Status status = drain(readers); !status) {
    return fail(std::move(status.error()));
  }
  count_times(readers, begin, burst);
  burst.totals = bench.meter.take();
  const Peaks after = bench.probes.measure();
  burst.peaks = mean(before, after);
  burst.steady = std::min(before.read_bytes, after.read_bytes) >=
                 kSteady * std::max(before.read_bytes, after.read_bytes);
  return burst;
}

}  // namespace dak::bench
