#include "dakkar/server/index_page.h"

#include <fmt/core.h>

#include "dakkar/server/version.h"

namespace dak {
namespace {

std::string escape_html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string index_page(const IndexFacts& facts) {
  constexpr std::string_view kStyle =
      "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;"
      "color:#222}pre{background:#f4f4f2;padding:.8rem;overflow-x:auto;border-radius:6px}"
      "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}pre{background:#262626}"
      "}";
  constexpr std::string_view kTry =
      "curl -N http://HOST:PORT/v1/chat/completions \\\n"
      "  -d '{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true}'";
  return fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Dakkar</title>"
      "<meta name=\"viewport\" content=\"width=device-width\"><style>{}</style></head><body>"
      "<h1>Dakkar</h1><p>Version {}, {}{}{}.</p><p>An OpenAI-compatible server:</p><pre>{}</pre>"
      "<p><a href=\"/v1/models\">/v1/models</a> &middot; <a href=\"/health\">/health</a> &middot; "
      "<a href=\"/readyz\">/readyz</a> &middot; <a href=\"/metrics\">/metrics</a></p></body></html>"
      "\n",
      kStyle, version_text(), escape_html(facts.phase), facts.model.empty() ? "" : ", serving ",
      escape_html(facts.model), kTry);
}

}  // namespace dak
