#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dakkar/server/access.h"
#include "dakkar/server/http_message.h"

namespace dak {

/// A path that is served.
struct Route {
  std::string_view path;
  std::string_view methods;  ///< without HEAD and OPTIONS
};

inline constexpr std::string_view kModelPrefix = "/v1/models/";

/// The route of a path; null when there is none. A model's own path has that of the list.
[[nodiscard]] const Route* find_route(std::string_view path);

/// The reply to a path without a route.
[[nodiscard]] HttpReply not_found(const std::string& path);

/// A reply and the name of its route in metrics.
struct EarlyReply {
  std::string_view handler;
  HttpReply reply;
};

/// Decides by the header alone: a reply when the request can only fail (no key, no such route,
/// wrong method) or asks what would be allowed.
[[nodiscard]] std::optional<EarlyReply> reply_to_header(const HttpRequest& request,
                                                        const Access& access);

}  // namespace dak
