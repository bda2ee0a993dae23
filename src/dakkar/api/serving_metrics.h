#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "dakkar/base/metrics.h"
#include "dakkar/engine/request.h"

namespace dak {

/// What is known about a request when it has ended.
struct RequestRecord {
  FinishReason reason = FinishReason::kStop;
  int64_t prompt_tokens = 0;
  int64_t generated_tokens = 0;
  int64_t max_tokens = 0;
  double seconds = 0.0;               ///< from arrival to the last token
  double first_token_seconds = -1.0;  ///< from arrival to the first token; negative without one
};

/// Counts and times requests where their tokens leave the server (spec/serving.md 12). Thread-safe.
///
/// All times of a request come from one clock, read when its events are taken.
class ServingMetrics final {
 public:
  /// `prefix` stands before every name of the common set, e.g. "vllm:".
  ServingMetrics(MetricRegistry& registry, std::string_view prefix);

  /// Notes the first token of a choice, `seconds` after the request came.
  void first_token(double seconds) { first_token_.observe(seconds); }
  /// Notes a later step of a choice, `seconds` after the one before.
  void token_gap(double seconds) { token_gap_.observe(seconds); }
  /// Notes the end of a choice.
  void finished(const RequestRecord& record);
  /// Counts a field that nobody knows and logs it once. At most 64 names are told apart.
  void unknown_field(std::string_view name);

 private:
  MetricRegistry& registry_;
  MetricHistogram first_token_;
  MetricHistogram token_gap_;
  MetricHistogram time_per_token_;
  MetricHistogram total_;
  MetricHistogram decode_;
  MetricHistogram prompt_tokens_;
  MetricHistogram generated_tokens_;
  MetricHistogram max_tokens_;
  MetricCounter stop_;
  MetricCounter length_;
  MetricCounter abort_;
  MetricCounter error_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> fields_seen_;
};

}  // namespace dak
