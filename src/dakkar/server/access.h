#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dakkar/server/http_message.h"
#include "dakkar/server/server_config.h"

namespace dak {

/// Who may call: API keys and, for browsers, origins. Immutable.
class Access final {
 public:
  explicit Access(const ServerConfig& config);

  /// Whether the request carries one of the keys, as `Authorization: Bearer K` or `x-api-key: K`,
  /// or needs none: no key is set, or the path is one that probes use. Keys are compared in a time
  /// that does not depend on how much of them is right.
  [[nodiscard]] bool allows(const HttpRequest& request) const;

  /// What is wrong with the credentials, for the log and the reply.
  [[nodiscard]] static std::string refusal(const HttpRequest& request);

  /// The fields that let a browser's page of this origin read the reply; none for other origins.
  [[nodiscard]] std::vector<HttpField> cors_fields(const HttpRequest& request) const;

 private:
  [[nodiscard]] bool is_key(std::string_view candidate) const;

  std::vector<std::string> key_hashes_;
  std::vector<std::string> origins_;
  bool auth_metrics_ = false;
};

}  // namespace dak
