#include "dakkar/server/health.h"

#include <cmath>

#include "dakkar/api/json_text.h"

namespace dak {
namespace {

HttpReply json_reply(int status, std::string body) {
  return {
      .status = status, .content_type = "application/json", .body = std::move(body), .fields = {}};
}

/// A number of at least 0, or null.
void number_or_null(JsonText& json, double value) {
  if (value >= 0.0) {
    json.number(value);
  } else {
    json.null();
  }
}

void write_loading(const Readiness& now, JsonText& json) {
  json.key("phase").string(now.detail);
  json.key("bytes_done").integer(now.bytes_done);
  json.key("bytes_total").integer(now.bytes_total);
  json.key("eta_seconds");
  number_or_null(json, now.seconds_left < 0.0 ? -1.0 : std::round(now.seconds_left * 10.0) / 10.0);
}

void write_check(const SelfCheck& check, JsonText& json) {
  json.key("self_check").open_object();
  json.key("outcome").string(outcome_name(check.outcome));
  if (!check.detail.empty()) {
    json.key("detail").string(check.detail);
  }
  if (check.logits_error >= 0.0) {
    json.key("logits_error").number(check.logits_error);
    json.key("state_error").number(check.state_error);
    json.key("seconds").number(std::round(check.seconds * 1000.0) / 1000.0);
  }
  json.close_object();
}

/// What the whole state looks like; `status` is the word in front.
std::string described(std::string_view status, const Readiness& now) {
  JsonText json;
  json.open_object().key("status").string(status);
  if (!now.detail.empty()) {
    json.key("detail").string(now.detail);
  }
  if (now.phase == Readiness::Phase::kLoading) {
    write_loading(now, json);
  } else {
    write_check(now.check, json);
  }
  json.close_object();
  return json.take();
}

}  // namespace

std::string_view phase_name(Readiness::Phase phase) {
  switch (phase) {
    case Readiness::Phase::kLoading:
      return "loading";
    case Readiness::Phase::kReady:
      return "ready";
    case Readiness::Phase::kStalled:
      return "stalled";
    case Readiness::Phase::kFaulty:
      return "faulty";
    case Readiness::Phase::kDraining:
      return "draining";
    case Readiness::Phase::kDead:
      return "engine_dead";
  }
  return "engine_dead";
}

std::string_view outcome_name(SelfCheck::Outcome outcome) {
  switch (outcome) {
    case SelfCheck::Outcome::kPending:
      return "pending";
    case SelfCheck::Outcome::kPassed:
      return "passed";
    case SelfCheck::Outcome::kFailed:
      return "failed";
    case SelfCheck::Outcome::kSkipped:
      return "skipped";
  }
  return "failed";
}

HttpReply probe_reply(std::string_view path, const Readiness& now) {
  if (path == "/livez" || path == "/api/hello") {
    return json_reply(200, R"({"status":"alive"})");
  }
  const bool ready = now.phase == Readiness::Phase::kReady;
  if (path == "/healthz" && now.phase == Readiness::Phase::kStalled) {
    return json_reply(200, described("degraded", now));
  }
  if (ready && (path == "/health" || path == "/ping")) {
    return json_reply(200, "");
  }
  return json_reply(ready ? 200 : 503, described(phase_name(now.phase), now));
}

}  // namespace dak
