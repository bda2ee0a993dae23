#pragma once

#include "dakkar/api/dialect.h"
#include "dakkar/api/openai_fields.h"

namespace dak {

/// OpenAI's JSON of /v1/chat/completions or /v1/completions.
class OpenAiDialect final : public Dialect {
 public:
  explicit OpenAiDialect(OpenAiRoute route) : route_(route) {}

  Result<ChatRequest> parse(std::string_view body, std::string_view id,
                            const ServedModel& model) const override;
  std::unique_ptr<ReplyWriter> open_reply(ReplyInfo info) const override;
  std::string error_body(const Error& error, int status) const override;

 private:
  const OpenAiRoute route_;
};

/// Bodies of the routes that list models (spec/serving.md 3.9): one object serves the clients of
/// all dialects. `models_body` lists every name; `model_body` describes `name`, which is served.
[[nodiscard]] std::string models_body(const ServedModel& model);
[[nodiscard]] std::string model_body(const ServedModel& model, std::string_view name);

}  // namespace dak
