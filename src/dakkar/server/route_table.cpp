#include "dakkar/server/route_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

#include "dakkar/server/request_reader.h"

namespace dak {
namespace {

constexpr auto kRoutes = std::to_array<Route>({
    {"/", "GET"},
    {"/api/hello", "GET"},
    {"/livez", "GET"},
    {"/readyz", "GET"},
    {"/health", "GET"},
    {"/healthz", "GET"},
    {"/ping", "GET, POST"},
    {"/version", "GET"},
    {"/metrics", "GET"},
    {"/v1/models", "GET"},
    {"/v1/chat/completions", "POST"},
    {"/v1/completions", "POST"},
    {"/tokenize", "POST"},
    {"/detokenize", "POST"},
});

/// Routes that other servers have and this one will not, with what to say.
constexpr std::array<std::string_view, 6> kNeverRoutes = {
    "/v1/embeddings", "/embeddings", "/rerank", "/v1/rerank", "/pooling", "/score"};

/// Whether a route with these methods takes this one.
bool takes(std::string_view methods, std::string_view method) {
  if (method == "HEAD") {
    method = "GET";
  }
  return methods.find(method) != std::string_view::npos;
}

EarlyReply reply_to_options(const Route* route) {
  HttpReply reply{.status = 204, .content_type = {}, .body = {}, .fields = {}};
  reply.fields.emplace_back("allow", route != nullptr ? std::string(route->methods) : "GET");
  return {.handler = route != nullptr ? route->path : "other", .reply = std::move(reply)};
}

HttpReply unauthorized(const HttpRequest& request) {
  HttpReply reply = plain_refusal(401, Access::refusal(request));
  reply.fields.emplace_back("www-authenticate", "Bearer");
  return reply;
}

}  // namespace

const Route* find_route(std::string_view path) {
  if (path.starts_with(kModelPrefix) && path.size() > kModelPrefix.size()) {
    path = "/v1/models";
  }
  const auto* route = std::find_if(kRoutes.begin(), kRoutes.end(),
                                   [&](const Route& entry) { return entry.path == path; });
  return route == kRoutes.end() ? nullptr : route;
}

HttpReply not_found(const std::string& path) {
  const bool never =
      std::find(kNeverRoutes.begin(), kNeverRoutes.end(), path) != kNeverRoutes.end();
  return plain_refusal(404, never ? "this model has no embeddings endpoint: it generates text"
                                  : fmt::format("there is no route {}", path));
}

std::optional<EarlyReply> reply_to_header(const HttpRequest& request, const Access& access) {
  const Route* route = find_route(request.path);
  if (request.method == "OPTIONS") {
    return reply_to_options(route);
  }
  if (!access.allows(request)) {
    return EarlyReply{.handler = route != nullptr ? route->path : "other",
                      .reply = unauthorized(request)};
  }
  if (route == nullptr) {
    return EarlyReply{.handler = "other", .reply = not_found(request.path)};
  }
  if (!takes(route->methods, request.method)) {
    HttpReply reply = plain_refusal(
        405, fmt::format("{} takes {}, not {}", request.path, route->methods, request.method));
    reply.fields.emplace_back("allow", std::string(route->methods));
    return EarlyReply{.handler = route->path, .reply = std::move(reply)};
  }
  return std::nullopt;
}

}  // namespace dak
