// Reads lines {"template": ..., "vars": {...}}, answers lines {"ok": text} or {"error": message}.
#include <iostream>
#include <string>
#include <string_view>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "dakkar/text/jinja/from_json.h"
#include "dakkar/text/jinja/template.h"

namespace dak {
namespace {

Result<std::string> render(const rapidjson::Document& request) {
  const rapidjson::Value& source = request["template"];
  const auto parsed =
      jinja::Template::parse(std::string_view(source.GetString(), source.GetStringLength()));
  if (!parsed) {
    return fail(parsed.error());
  }
  jinja::Heap heap;
  jinja::RenderInput input;
  input.clock = {.year = 2026, .month = 7, .day = 4, .hour = 9, .minute = 5, .second = 3};
  for (const auto& entry : request["vars"].GetObject()) {
    const auto value = jinja::value_from_json(heap, entry.value, jinja::Origin::kUser);
    if (!value) {
      return fail(value.error());
    }
    input.variables.emplace_back(entry.name.GetString(), *value);
  }
  const auto rendered = parsed->render(input);
  return rendered ? Result<std::string>(rendered->bytes()) : fail(rendered.error());
}

std::string answer(const std::string& line) {
  rapidjson::Document request;
  request.Parse<rapidjson::kParseFullPrecisionFlag>(line.c_str(), line.size());
  const auto rendered = render(request);
  const std::string& text = rendered ? *rendered : rendered.error().message;
  rapidjson::StringBuffer out;
  rapidjson::Writer<rapidjson::StringBuffer> writer(out);
  writer.StartObject();
  writer.Key(rendered ? "ok" : "error");
  writer.String(text.c_str(), static_cast<rapidjson::SizeType>(text.size()));
  writer.EndObject();
  return out.GetString();
}

}  // namespace
}  // namespace dak

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << dak::answer(line) << std::endl;
  }
}
