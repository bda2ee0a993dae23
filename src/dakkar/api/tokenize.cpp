#include "dakkar/api/tokenize.h"

#include <utility>

#include "dakkar/api/json_text.h"
#include "dakkar/api/openai_parse.h"
#include "dakkar/api/openai_reply.h"
#include "dakkar/api/openai_tools.h"

namespace dak {
namespace {

struct TokenizeRequest {
  PromptSource prompt;
  PromptStart start = PromptStart::kPlain;
  bool token_strings = false;
};

Result<TokenizeRequest> parse_tokenize(const JsonView& root, const ServedModel& model) {
  FieldReader fields(root);
  TokenizeRequest request;
  (void)read_model_name(fields, model);
  bool special = false;
  if (fields.has("messages")) {
    if (fields.has("chat_template")) {
      fields.refuse("chat_template", "is not supported by this server: leave it out");
    }
    ChatPrompt chat = read_chat_prompt(fields);
    chat.tools = read_tools(fields).json;
    request.prompt = std::move(chat);
    special = fields.flag_or_false("add_special_tokens");
  } else if (const auto prompt = fields.find("prompt"); prompt && prompt->is_string()) {
    request.prompt = TextPrompt{std::string(*prompt->as_string())};
    special = fields.flag_or_true("add_special_tokens");
  } else {
    fields.refuse("prompt", "must be a string (or give messages)");
  }
  request.start = special ? PromptStart::kSpecialTokens : PromptStart::kPlain;
  request.token_strings = fields.flag_or_false("return_token_strs");
  if (const Status status = fields.status(); !status) {
    return fail(status.error());
  }
  return request;
}

/// Encodes; an empty prompt has no tokens here, which is no error.
Result<std::vector<TokenId>> encode(const TokenizeRequest& request, const CheckpointText& text) {
  const auto* plain = std::get_if<TextPrompt>(&request.prompt);
  if (plain != nullptr && text.tokenizer() != nullptr) {
    return text.tokenizer()->encode(plain->text, request.start == PromptStart::kSpecialTokens
                                                     ? AddSpecialTokens::kYes
                                                     : AddSpecialTokens::kNo);
  }
  Result<EncodedPrompt> encoded = text.encode(request.prompt, request.start);
  if (!encoded) {
    return fail(encoded.error());
  }
  return std::move(encoded->ids);
}

void write_token_strings(const std::vector<TokenId>& ids, const Tokenizer& tokenizer,
                         JsonText& json) {
  json.open_array();
  for (const TokenId id : ids) {
    json.string(tokenizer.token_of(id).value_or(""));
  }
  json.close_array();
}

}  // namespace

Result<std::string> answer_tokenize(std::string_view body, const CheckpointText& text,
                                    const ServedModel& model) {
  const Result<JsonDocument> document = JsonDocument::parse(body);
  if (!document) {
    return fail(document.error());
  }
  const Result<TokenizeRequest> request = parse_tokenize(document->root(), model);
  if (!request) {
    return fail(request.error());
  }
  const Result<std::vector<TokenId>> ids = encode(*request, text);
  if (!ids) {
    return fail(ids.error());
  }
  JsonText json;
  json.open_object();
  json.key("count").integer(static_cast<int64_t>(ids->size()));
  json.key("max_model_len").integer(model.max_model_len);
  write_ids("tokens", *ids, json);
  json.key("token_strs");
  if (request->token_strings && text.tokenizer() != nullptr) {
    write_token_strings(*ids, *text.tokenizer(), json);
  } else {
    json.null();
  }
  json.close_object();
  return json.take();
}

Result<std::string> answer_detokenize(std::string_view body, const CheckpointText& text,
                                      const ServedModel& model) {
  const Result<JsonDocument> document = JsonDocument::parse(body);
  if (!document) {
    return fail(document.error());
  }
  const JsonView root = document->root();
  FieldReader fields(root);
  (void)read_model_name(fields, model);
  if (!fields.has("tokens")) {
    fields.refuse("tokens", "is missing");
  }
  const std::vector<TokenId> ids = fields.token_ids("tokens", model.vocab);
  if (const Status status = fields.status(); !status) {
    return fail(status.error());
  }
  if (text.tokenizer() == nullptr) {
    return fail(ErrorCode::kInvalidArgument, "this model has no tokenizer", "tokens");
  }
  JsonText json;
  json.open_object();
  json.key("prompt").string(text.tokenizer()->decode(ids, SkipSpecialTokens::kNo));
  json.close_object();
  return json.take();
}

}  // namespace dak
