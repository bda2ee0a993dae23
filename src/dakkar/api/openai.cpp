#include "dakkar/api/openai.h"

#include <ctime>

#include "dakkar/api/json_text.h"
#include "dakkar/api/openai_parse.h"
#include "dakkar/api/openai_reply.h"
#include "dakkar/api/openai_writers.h"

namespace dak {
namespace {

std::string iso_time(int64_t unix_seconds) {
  const std::time_t time = unix_seconds;
  std::tm fields{};
  char text[32] = {};
  if (gmtime_r(&time, &fields) == nullptr ||
      std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &fields) == 0) {
    return "1970-01-01T00:00:00Z";
  }
  return text;
}

void write_model(const ServedModel& model, std::string_view name, JsonText& json) {
  json.open_object();
  json.key("id").string(name);
  json.key("object").string("model");
  json.key("type").string("model");
  json.key("display_name").string(name);
  json.key("created").integer(model.created);
  json.key("created_at").string(iso_time(model.created));
  json.key("owned_by").string("nvidia");
  json.key("root").string(model.root);
  json.key("parent");
  if (name == model.names.front()) {
    json.null();
  } else {
    json.string(model.names.front());
  }
  json.key("max_model_len").integer(model.max_model_len);
  if (model.trained_len > 0 && model.trained_len < model.max_model_len) {
    json.key("trained_len").integer(model.trained_len);
  }
  json.key("permission").open_array().close_array();
  json.close_object();
}

}  // namespace

Result<ChatRequest> OpenAiDialect::parse(std::string_view body, std::string_view id,
                                         const ServedModel& model) const {
  return parse_openai({.body = body, .id = id, .model = model, .route = route_});
}

std::unique_ptr<ReplyWriter> OpenAiDialect::open_reply(ReplyInfo info) const {
  return route_ == OpenAiRoute::kChat ? open_chat_reply(std::move(info))
                                      : open_completion_reply(std::move(info));
}

std::string OpenAiDialect::error_body(const Error& error, int status) const {
  return openai_error_body(error, status);
}

std::string models_body(const ServedModel& model) {
  JsonText json;
  json.open_object().key("object").string("list").key("data").open_array();
  for (const std::string& name : model.names) {
    write_model(model, name, json);
  }
  json.close_array().key("has_more").raw("false");
  json.key("first_id").string(model.names.front());
  json.key("last_id").string(model.names.back()).close_object();
  return json.take();
}

std::string model_body(const ServedModel& model, std::string_view name) {
  JsonText json;
  write_model(model, name, json);
  return json.take();
}

}  // namespace dak
