#include "dakkar/server/access.h"

#include <algorithm>
#include <array>

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace dak {
namespace {

constexpr std::string_view kBearer = "bearer ";

std::string sha256(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return {digest.begin(), digest.end()};
}

std::string_view bearer_of(std::string_view authorization) {
  const auto same = [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  };
  if (authorization.size() <= kBearer.size() ||
      !std::equal(kBearer.begin(), kBearer.end(), authorization.begin(),
                  [&](char want, char got) { return same(got, want); })) {
    return {};
  }
  return authorization.substr(kBearer.size());
}

bool is_probe(const HttpRequest& request) {
  return request.path == "/health" || request.path == "/healthz" || request.path == "/ping" ||
         request.path == "/livez" || request.path == "/readyz" || request.method == "HEAD" ||
         request.method == "OPTIONS";
}

}  // namespace

Access::Access(const ServerConfig& config)
    : origins_(config.allowed_origins), auth_metrics_(config.auth_metrics) {
  for (const std::string& key : config.api_keys) {
    key_hashes_.push_back(sha256(key));
  }
}

bool Access::is_key(std::string_view candidate) const {
  const std::string hash = sha256(candidate);
  int matches = 0;
  for (const std::string& known : key_hashes_) {
    matches += CRYPTO_memcmp(known.data(), hash.data(), hash.size()) == 0 ? 1 : 0;
  }
  return matches > 0;
}

bool Access::allows(const HttpRequest& request) const {
  if (key_hashes_.empty() || is_probe(request) || (request.path == "/metrics" && !auth_metrics_)) {
    return true;
  }
  const std::string_view bearer = bearer_of(request.field("authorization"));
  const std::string_view key = request.field("x-api-key");
  return (!bearer.empty() && is_key(bearer)) || (!key.empty() && is_key(key));
}

std::string Access::refusal(const HttpRequest& request) {
  const bool some = !request.field("authorization").empty() || !request.field("x-api-key").empty();
  return some ? "the API key in Authorization or x-api-key is not one of this server's keys"
              : "an API key is needed: send Authorization: Bearer KEY or x-api-key: KEY";
}

std::vector<HttpField> Access::cors_fields(const HttpRequest& request) const {
  const std::string origin(request.field("origin"));
  const bool any = std::find(origins_.begin(), origins_.end(), "*") != origins_.end();
  const bool listed = std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
  if (origin.empty() || (!any && !listed)) {
    return {};
  }
  std::vector<HttpField> fields = {{"access-control-allow-origin", any ? "*" : origin},
                                   {"vary", "origin"}};
  if (request.method == "OPTIONS") {
    fields.emplace_back("access-control-allow-methods", "GET, POST, OPTIONS");
    fields.emplace_back("access-control-allow-headers", "*, authorization, content-type");
    fields.emplace_back("access-control-max-age", "600");
  }
  return fields;
}

}  // namespace dak
