#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "dakkar/api/chat_call.h"
#include "dakkar/api/openai.h"
#include "dakkar/api/serving_metrics.h"
#include "dakkar/server/access.h"
#include "dakkar/server/http_message.h"
#include "dakkar/server/server_config.h"
#include "dakkar/server/server_metrics.h"
#include "dakkar/server/server_state.h"

namespace dak {

/// A request that generates: parse and prepare on a worker, then start.
struct GenerateRoute {
  const Dialect* dialect = nullptr;
};

/// A request whose answer takes a worker's time.
struct WorkerRoute {
  std::function<HttpReply()> answer;
};

/// What becomes of a request: a reply now, a reply from a worker, or a generation.
struct RouteChoice {
  std::string_view handler;  ///< the route's name in metrics
  std::variant<HttpReply, WorkerRoute, GenerateRoute> what;
};

/// A request that was parsed, or the reply that refuses it.
using PreparedOrReply = std::variant<HttpReply, PreparedCall>;
/// A running call, or the reply that refuses it.
using CallOrReply = std::variant<HttpReply, std::unique_ptr<ChatCall>>;

/// Everything the server answers, without a socket: routes, access, errors, metrics. Thread-safe.
class ServerApp final {
 public:
  /// All borrowed; they outlive this object.
  ServerApp(const ServerConfig& config, ServerState& state, MetricRegistry& registry);

  /// Decides by the header alone, before the body is read: a reply when the request can only fail
  /// (no key, no such route, wrong method).
  [[nodiscard]] std::optional<RouteChoice> refuse_early(const HttpRequest& request) const;

  /// Decides about a complete request, which must outlive the route's work.
  [[nodiscard]] RouteChoice route(const HttpRequest& request);

  /// Parses, renders and encodes. `id` is the request's id. For a worker thread.
  [[nodiscard]] PreparedOrReply prepare(const Dialect& dialect, const HttpRequest& request,
                                        std::string_view id);
  /// Hands a prepared request to the engine.
  [[nodiscard]] CallOrReply start(const Dialect& dialect, PreparedCall prepared,
                                  std::function<void()> wake, SteadyTime arrival);

  /// The reply to an error, in the route's dialect.
  [[nodiscard]] HttpReply error_reply(const Error& error, const Dialect* dialect) const;

  /// Fields that go on every reply to `request`: its id, and what browsers need.
  [[nodiscard]] std::vector<HttpField> extra_fields(const HttpRequest& request) const;

  /// An error once the engine is dead: calls that wait must not wait for ever.
  [[nodiscard]] std::optional<Error> engine_failure() const;

  [[nodiscard]] ServerMetrics& metrics() { return metrics_; }
  [[nodiscard]] ServerState& state() { return state_; }
  [[nodiscard]] const ServerConfig& config() const { return config_; }
  /// Writes the status line to the log when something has happened since the last time.
  void log_status();

 private:
  [[nodiscard]] HttpReply answer_probe(const HttpRequest& request) const;
  [[nodiscard]] HttpReply answer_models(const HttpRequest& request) const;
  [[nodiscard]] HttpReply answer_metrics();
  [[nodiscard]] HttpReply answer_index() const;
  [[nodiscard]] HttpReply answer_text(const HttpRequest& request) const;
  [[nodiscard]] std::optional<Error> unavailable() const;

  const ServerConfig& config_;
  ServerState& state_;
  MetricRegistry& registry_;
  const Access access_;
  const OpenAiDialect chat_{OpenAiRoute::kChat};
  const OpenAiDialect completions_{OpenAiRoute::kCompletions};
  ServingMetrics serving_metrics_;
  ServerMetrics metrics_;
};

}  // namespace dak
