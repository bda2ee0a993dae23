#include "dakkar/bench/op_bench.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "dakkar/base/clock.h"
#include "dakkar/bench/machine.h"

namespace dak::bench {
namespace {

constexpr double kCachesCovered = 4.0;
constexpr int64_t kMostCopies = 4096;  // of operands so small that they are never the limit

/// Calls of an op, in the order of its rotation.
class OpCalls final {
 public:
  OpCalls(PreparedOp op, Stream& stream) : op_(std::move(op)), stream_(stream) {}

  [[nodiscard]] const PreparedOp& op() const { return op_; }

  /// Seconds per call of `count` calls, timed in runs between which inputs are made new.
  double time(int64_t count) {
    double seconds = 0.0;
    for (int64_t done = 0; done < count;) {
      const int64_t turn = op_.restore ? std::min(count - done, op_.cycle) : count - done;
      if (op_.restore) {
        op_.restore();
        next_ = 0;
      }
      const SteadyTime begin = steady_now();
      for (int64_t i = 0; i < turn; ++i) {
        op_.run(next_++);
      }
      stream_.synchronize();
      seconds += seconds_between(begin, steady_now());
      done += turn;
    }
    return seconds / static_cast<double>(count);
  }

 private:
  PreparedOp op_;
  Stream& stream_;
  int64_t next_ = 0;
};

/// Calls of one sample: long enough to time, and whole cycles where a cycle is short.
int64_t calls_per_sample(OpCalls& calls, double sample_seconds) {
  const double first = calls.time(1);
  const double seconds = std::min(first, calls.time(1));
  const auto enough = static_cast<int64_t>(std::ceil(sample_seconds / std::max(seconds, 1e-9)));
  const int64_t cycle = calls.op().cycle;
  return enough > cycle / 4 ? (enough + cycle - 1) / cycle * cycle : std::max<int64_t>(1, enough);
}

OpResult measure(const OpRow& row, const OpBenchArgs& args) {
  Operands operands(*args.backend);
  OpCalls calls(row.prepare(operands), operands.stream());
  OpResult result{.name = row.name, .what = row.what, .cost = calls.op().cost, .samples = {}};
  const int64_t count = calls_per_sample(calls, args.sample_seconds);
  const int64_t warm = calls_per_sample(calls, args.sample_seconds / 2.0);
  for (int64_t i = 0; i < args.alternations; ++i) {
    const Peaks peaks = args.probes->measure();
    // The probes' threads had the processors: let the kernel's come back to them first.
    static_cast<void>(calls.time(warm));
    result.samples.push_back({.seconds = calls.time(count), .peaks = peaks});
  }
  return result;
}

template <typename Value>
double median_of(const std::vector<OpSample>& samples, Value value) {
  std::vector<double> values;
  for (const OpSample& sample : samples) {
    values.push_back(value(sample));
  }
  return median(std::move(values));
}

double share(double work, double seconds, double peak) {
  return peak > 0.0 ? work / seconds / peak : 0.0;
}

}  // namespace

int64_t copies_beyond_cache(double bytes) {
  const double copies = kCachesCovered * static_cast<double>(last_cache_bytes()) / bytes;
  return std::clamp(static_cast<int64_t>(std::ceil(copies)), int64_t{1}, kMostCopies);
}

std::vector<OpRow> all_op_rows() {
  std::vector<OpRow> rows;
  add_linear_rows(rows);
  add_mamba_rows(rows);
  add_attention_rows(rows);
  add_token_rows(rows);
  return rows;
}

double median(std::vector<double> values) {
  check(!values.empty(), "a median is of at least one value");
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2.0;
}

double OpResult::seconds() const {
  return median_of(samples, [](const OpSample& sample) { return sample.seconds; });
}

Peaks OpResult::peaks() const {
  const auto of = [this](double Peaks::*field) {
    return median_of(samples, [field](const OpSample& sample) { return sample.peaks.*field; });
  };
  return {.read_bytes = of(&Peaks::read_bytes),
          .copy_bytes = of(&Peaks::copy_bytes),
          .f32_flops = of(&Peaks::f32_flops),
          .bf16_flops = of(&Peaks::bf16_flops)};
}

double OpResult::share_of_read() const {
  return median_of(samples, [this](const OpSample& sample) {
    return share(cost.bytes, sample.seconds, sample.peaks.read_bytes);
  });
}

double OpResult::share_of_f32() const {
  return median_of(samples, [this](const OpSample& sample) {
    return share(cost.flops, sample.seconds, sample.peaks.f32_flops);
  });
}

double OpResult::share_of_bf16() const {
  return median_of(samples, [this](const OpSample& sample) {
    return share(cost.flops, sample.seconds, sample.peaks.bf16_flops);
  });
}

double OpResult::share_of_floor() const {
  return median_of(samples, [this](const OpSample& sample) {
    return std::max(share(cost.bytes, sample.seconds, sample.peaks.read_bytes),
                    share(cost.flops, sample.seconds, sample.peaks.flops()));
  });
}

std::vector<OpResult> run_op_bench(const OpBenchArgs& args) {
  std::vector<OpResult> results;
  for (const OpRow& row : all_op_rows()) {
    if (row.name.find(args.filter) == std::string::npos) {
      continue;
    }
    results.push_back(measure(row, args));
    if (args.done) {
      args.done(results.back());
    }
  }
  return results;
}

}  // namespace dak::bench
