#include "dakkar/server/server_app.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/core.h>

#include "dakkar/api/json_text.h"
#include "dakkar/api/openai_parse.h"
#include "dakkar/api/openai_reply.h"
#include "dakkar/api/tokenize.h"
#include "dakkar/base/json.h"
#include "dakkar/base/log.h"
#include "dakkar/server/index_page.h"
#include "dakkar/server/route_table.h"
#include "dakkar/server/version.h"

namespace dak {
namespace {

HttpReply json_reply(int status, std::string body) {
  return {
      .status = status, .content_type = "application/json", .body = std::move(body), .fields = {}};
}

Error loading_error() {
  return {.code = ErrorCode::kUnavailable,
          .message = "the model is still loading: /readyz says how far it is",
          .param = {}};
}

}  // namespace

ServerApp::ServerApp(const ServerConfig& config, ServerState& state, MetricRegistry& registry)
    : config_(config),
      state_(state),
      registry_(registry),
      access_(config),
      serving_metrics_(registry, config.metrics_prefix),
      metrics_(registry, config.metrics_prefix) {}

std::optional<RouteChoice> ServerApp::refuse_early(const HttpRequest& request) const {
  std::optional<EarlyReply> early = reply_to_header(request, access_);
  if (!early) {
    return std::nullopt;
  }
  if (early->reply.status == 401) {
    log_warning(fmt::format("refused {} {}: {}", request.method, json_quote(request.path),
                            Access::refusal(request)));
  }
  return RouteChoice{.handler = early->handler, .what = std::move(early->reply)};
}

RouteChoice ServerApp::route(const HttpRequest& request) {
  const Route* route = find_route(request.path);
  if (route == nullptr) {
    return {.handler = "other", .what = not_found(request.path)};
  }
  const std::string_view path = route->path;
  if (path == "/v1/chat/completions" || path == "/v1/completions") {
    const Dialect* dialect = path == "/v1/completions" ? &completions_ : &chat_;
    return {.handler = path, .what = GenerateRoute{.dialect = dialect}};
  }
  if (path == "/tokenize" || path == "/detokenize") {
    return {.handler = path,
            .what = WorkerRoute{[this, &request] { return answer_text(request); }}};
  }
  if (path == "/metrics") {
    return {.handler = path, .what = WorkerRoute{[this] { return answer_metrics(); }}};
  }
  if (path == "/v1/models") {
    return {.handler = path, .what = answer_models(request)};
  }
  if (path == "/version") {
    JsonText json;
    json.open_object().key("version").string(version_text()).close_object();
    return {.handler = path, .what = json_reply(200, json.take())};
  }
  if (path == "/") {
    return {.handler = path, .what = answer_index()};
  }
  return {.handler = path, .what = answer_probe(request)};
}

std::optional<Error> ServerApp::unavailable() const {
  const Readiness now = state_.readiness();
  switch (now.phase) {
    case Readiness::Phase::kReady:
    case Readiness::Phase::kStalled:
      return std::nullopt;
    case Readiness::Phase::kLoading:
      return loading_error();
    case Readiness::Phase::kDraining:
      return Error{
          .code = ErrorCode::kUnavailable, .message = "the server is shutting down", .param = {}};
    case Readiness::Phase::kFaulty:
    case Readiness::Phase::kDead:
      return Error{.code = ErrorCode::kUnavailable, .message = now.detail, .param = {}};
  }
  return std::nullopt;
}

std::optional<Error> ServerApp::engine_failure() const {
  const Readiness now = state_.readiness();
  if (now.phase != Readiness::Phase::kDead) {
    return std::nullopt;
  }
  return Error{.code = ErrorCode::kInternal, .message = now.detail, .param = {}};
}

HttpReply ServerApp::error_reply(const Error& error, const Dialect* dialect) const {
  const int status = http_status(error.code);
  HttpReply reply =
      json_reply(status, (dialect != nullptr ? *dialect : chat_).error_body(error, status));
  if (status == 429 && state_.served() != nullptr) {
    const int64_t seconds = metrics_.retry_after_seconds(state_.served()->engine->stats());
    reply.fields.emplace_back("retry-after", fmt::format("{}", seconds));
  }
  if (status == 503) {
    reply.fields.emplace_back("retry-after", "5");
  }
  return reply;
}

PreparedOrReply ServerApp::prepare(const Dialect& dialect, const HttpRequest& request,
                                   std::string_view id) {
  if (const std::optional<Error> error = unavailable()) {
    return error_reply(*error, &dialect);
  }
  const Served& served = *state_.served();
  Result<ChatRequest> parsed = dialect.parse(request.body, id, *served.model);
  if (!parsed) {
    return error_reply(parsed.error(), &dialect);
  }
  for (const std::string& field : parsed->unknown_fields) {
    serving_metrics_.unknown_field(field);
  }
  Result<PreparedCall> prepared = prepare_call(*parsed, *served.text, *served.model);
  if (!prepared) {
    return error_reply(prepared.error(), &dialect);
  }
  return std::move(*prepared);
}

CallOrReply ServerApp::start(const Dialect& dialect, PreparedCall prepared,
                             std::function<void()> wake, SteadyTime arrival) {
  if (const std::optional<Error> error = unavailable()) {
    return error_reply(*error, &dialect);
  }
  Result<std::unique_ptr<ChatCall>> call =
      ChatCall::start(std::move(prepared), {.engine = state_.served()->engine,
                                            .metrics = &serving_metrics_,
                                            .dialect = &dialect,
                                            .arrival = arrival,
                                            .wake = std::move(wake)});
  if (!call) {
    if (call.error().code == ErrorCode::kResourceExhausted) {
      metrics_.rejected();
    }
    return error_reply(call.error(), &dialect);
  }
  return std::move(*call);
}

std::vector<HttpField> ServerApp::extra_fields(const HttpRequest& request) const {
  std::vector<HttpField> fields = access_.cors_fields(request);
  const std::string_view id = request.field("x-request-id");
  if (is_request_id(id)) {
    fields.emplace_back("x-request-id", std::string(id));
  }
  return fields;
}

HttpReply ServerApp::answer_probe(const HttpRequest& request) const {
  return probe_reply(request.path, state_.readiness());
}

HttpReply ServerApp::answer_models(const HttpRequest& request) const {
  const Served* served = state_.served();
  if (served == nullptr) {
    return error_reply(loading_error(), nullptr);
  }
  if (request.path == "/v1/models") {
    return json_reply(200, models_body(*served->model));
  }
  const std::string name = request.path.substr(kModelPrefix.size());
  const auto& names = served->model->names;
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return error_reply({.code = ErrorCode::kNotFound,
                        .message = fmt::format("the model `{}` does not exist", name),
                        .param = "model"},
                       nullptr);
  }
  return json_reply(200, model_body(*served->model, name));
}

HttpReply ServerApp::answer_metrics() {
  if (const Served* served = state_.served()) {
    const EngineStats stats = served->engine->stats();
    metrics_.scrape(stats, served->before);
    metrics_.note_health(stats, state_.readiness().check);
  }
  return {.status = 200,
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = registry_.text(),
          .fields = {}};
}

HttpReply ServerApp::answer_text(const HttpRequest& request) const {
  const Served* served = state_.served();
  if (served == nullptr) {
    return error_reply(loading_error(), nullptr);
  }
  const Result<std::string> body =
      request.path == "/tokenize" ? answer_tokenize(request.body, *served->text, *served->model)
                                  : answer_detokenize(request.body, *served->text, *served->model);
  return body ? json_reply(200, *body) : error_reply(body.error(), nullptr);
}

HttpReply ServerApp::answer_index() const {
  const Served* served = state_.served();
  return {.status = 200,
          .content_type = "text/html; charset=utf-8",
          .body = index_page({.model = served != nullptr ? served->model->names.front() : "",
                              .phase = std::string(phase_name(state_.readiness().phase))}),
          .fields = {}};
}

void ServerApp::log_status() {
  const Served* served = state_.served();
  if (served == nullptr) {
    return;
  }
  const std::string line = metrics_.status_line(served->engine->stats());
  if (!line.empty()) {
    log_info(line);
  }
}

}  // namespace dak
