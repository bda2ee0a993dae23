#include "dakkar/api/openai_parse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/core.h>

#include "dakkar/api/openai_messages.h"
#include "dakkar/api/openai_sampling.h"
#include "dakkar/api/openai_tools.h"

namespace dak {
namespace {

constexpr int64_t kMaxInteger = std::numeric_limits<int64_t>::max();

ReplyOptions read_reply_options(FieldReader& fields) {
  ReplyOptions reply;
  reply.mode = fields.flag_or_false("stream") ? ReplyMode::kStream : ReplyMode::kWhole;
  if (const auto options = fields.find("stream_options")) {
    FieldReader inner(*options);
    reply.include_usage = inner.flag_or_false("include_usage");
    reply.continuous_usage = inner.flag_or_false("continuous_usage_stats");
    if (inner.failed()) {
      fields.refuse(inner.status().error());
    }
    if (reply.mode == ReplyMode::kWhole) {
      fields.refuse("stream_options", "may only be set when stream is true");
    }
  }
  reply.echo = fields.flag_or_false("echo");
  reply.include_stop = fields.flag_or_false("include_stop_str_in_output");
  reply.skip_special = fields.flag_or_true("skip_special_tokens");
  reply.token_ids = fields.flag_or_false("return_token_ids");
  reply.tokens_as_ids = fields.flag_or_false("return_tokens_as_token_ids");
  return reply;
}

void read_chat_logprobs(FieldReader& fields, const RequestLimits& limits, ChatRequest& request) {
  request.reply.logprobs = fields.flag_or_false("logprobs");
  const auto top =
      fields.optional_integer("top_logprobs", {.least = 0, .most = limits.max_logprobs});
  if (top.value_or(0) > 0 && !request.reply.logprobs) {
    fields.refuse("top_logprobs", "may only be set when logprobs is true");
  }
  if (request.reply.logprobs) {
    request.sampling.top_logprobs = static_cast<int32_t>(top.value_or(0));
  }
}

void read_completion_logprobs(FieldReader& fields, const RequestLimits& limits,
                              ChatRequest& request) {
  const auto top = fields.optional_integer("logprobs", {.least = 0, .most = limits.max_logprobs});
  request.reply.logprobs = top.has_value();
  request.sampling.top_logprobs = static_cast<int32_t>(top.value_or(-1));
  if (top && request.reply.echo) {
    fields.refuse(Error{.code = ErrorCode::kUnimplemented,
                        .message = "logprobs together with echo (scores of the prompt) is not "
                                   "supported yet by this server: leave one of them out",
                        .param = "logprobs"});
  }
}

void read_output_length(FieldReader& fields, OpenAiRoute route, ChatRequest& request) {
  const bool scoring = route == OpenAiRoute::kCompletions && request.reply.echo;
  const IntegerRange range{.least = scoring ? 0 : 1, .most = kMaxInteger};
  request.max_tokens = fields.optional_integer("max_tokens", range);
  if (const auto newer = fields.optional_integer("max_completion_tokens", range)) {
    request.max_tokens = newer;
  }
  if (!request.max_tokens && route == OpenAiRoute::kCompletions) {
    request.max_tokens = 16;
  }
  request.min_tokens = fields.integer(
      "min_tokens", 0, {.least = 0, .most = request.max_tokens.value_or(kMaxInteger)});
}

std::optional<PromptCut> read_cut(FieldReader& fields, const ServedModel& model) {
  const std::string side = fields.text("truncation_side", "left");
  if (side != "left" && side != "right") {
    fields.refuse("truncation_side", "must be left or right");
  }
  const auto keep =
      fields.optional_integer("truncate_prompt_tokens", {.least = -1, .most = kMaxInteger});
  if (!keep) {
    return std::nullopt;
  }
  if (*keep == 0) {
    fields.refuse("truncate_prompt_tokens", "must be -1 or at least 1");
  }
  return PromptCut{.max_tokens = *keep == -1 ? model.max_model_len : *keep,
                   .side = side == "left" ? PromptCut::Side::kLeft : PromptCut::Side::kRight};
}

void read_identity(FieldReader& fields, std::string_view fallback_id, ChatRequest& request) {
  request.id = fields.text("request_id", fields.text("rid", fallback_id));
  if (!fields.failed() && !is_request_id(request.id)) {
    fields.refuse(fields.has("request_id") ? "request_id" : "rid",
                  "must be 1 to 128 letters, digits and . _ : -");
  }
  const std::string salt = fields.text("cache_salt", "salt");
  if (salt.empty() || salt.size() > 128 ||
      salt.find_first_of(std::string_view("@/\\\0", 4)) != std::string::npos) {
    fields.refuse("cache_salt", "must be 1 to 128 bytes without @ / \\ and NUL");
  }
  request.priority = static_cast<int32_t>(fields.integer(
      "priority", 0,
      {.least = std::numeric_limits<int32_t>::min(), .most = std::numeric_limits<int32_t>::max()}));
}

Result<std::vector<PromptSource>> parse_prompts(const JsonView& prompt, int64_t vocab) {
  std::vector<PromptSource> prompts;
  if (prompt.is_string()) {
    prompts.emplace_back(TextPrompt{std::string(*prompt.as_string())});
    return prompts;
  }
  const auto elements = prompt.is_array() ? prompt.as_array()
                                          : Result<std::vector<JsonView>>(std::vector<JsonView>());
  if (!elements || elements->empty()) {
    return prompt.refuse(
        "must be a string, an array of strings, an array of token ids or an array "
        "of such arrays, and not empty");
  }
  if (elements->front().is_number()) {
    auto ids = parse_token_ids(prompt, vocab);
    if (!ids) {
      return fail(ids.error());
    }
    prompts.emplace_back(std::move(*ids));
    return prompts;
  }
  for (const JsonView& element : *elements) {
    if (element.is_string()) {
      prompts.emplace_back(TextPrompt{std::string(*element.as_string())});
      continue;
    }
    auto ids = parse_token_ids(element, vocab);
    if (!ids) {
      return fail(ids.error());
    }
    prompts.emplace_back(std::move(*ids));
  }
  return prompts;
}

void read_completion_prompts(FieldReader& fields, const ServedModel& model, ChatRequest& request) {
  const auto prompt = fields.find("prompt");
  if (!prompt) {
    fields.refuse("prompt", "is missing");
    return;
  }
  auto prompts = parse_prompts(*prompt, model.vocab);
  if (!prompts) {
    fields.refuse(std::move(prompts.error()));
    return;
  }
  request.prompts = std::move(*prompts);
  for (const PromptSource& source : request.prompts) {
    const auto* ids = std::get_if<std::vector<TokenId>>(&source);
    if (ids != nullptr && ids->empty()) {
      fields.refuse("prompt", "must not hold an empty array of token ids");
    }
  }
  request.start =
      fields.flag_or_true("add_special_tokens") ? PromptStart::kSpecialTokens : PromptStart::kPlain;
}

std::string read_effort(FieldReader& fields) {
  constexpr std::array<std::string_view, 8> kEfforts = {"",       "none", "minimal", "low",
                                                        "medium", "high", "xhigh",   "max"};
  const auto check = [&](FieldReader& reader, std::string_view key) {
    const std::string effort = reader.text(key, "");
    if (std::find(kEfforts.begin(), kEfforts.end(), effort) == kEfforts.end()) {
      reader.refuse(key, "must be one of none, minimal, low, medium, high, xhigh and max");
    }
    return effort;
  };
  std::string effort = check(fields, "reasoning_effort");
  if (const auto reasoning = fields.find("reasoning")) {
    FieldReader inner(*reasoning);
    const std::string inner_effort = check(inner, "effort");
    const bool enabled = inner.flag_or_true("enabled");
    if (inner.failed()) {
      fields.refuse(inner.status().error());
    }
    if (effort.empty()) {
      effort = enabled ? inner_effort : "none";
    }
  }
  return effort;
}

void read_chat(FieldReader& fields, ChatRequest& request) {
  ChatPrompt prompt = read_chat_prompt(fields);
  OfferedTools tools = read_tools(fields);
  prompt.tools = std::move(tools.json);
  request.tools = std::move(tools.set);
  request.one_call = !fields.flag_or_true("parallel_tool_calls");
  request.reply.split_reasoning = fields.flag_or_true("separate_reasoning");
  request.prompts.emplace_back(std::move(prompt));
}

void check_choice_count(FieldReader& fields, const RequestLimits& limits, ChatRequest& request) {
  request.n = fields.integer("n", 1, {.least = 1, .most = limits.max_n});
  const int64_t best_of = fields.integer("best_of", request.n, {.least = 1, .most = kMaxInteger});
  if (best_of != request.n) {
    fields.refuse(Error{.code = ErrorCode::kUnimplemented,
                        .message = "best_of other than n is not supported by this server",
                        .param = "best_of"});
  }
  const int64_t choices = request.n * static_cast<int64_t>(request.prompts.size());
  if (choices > limits.max_choices) {
    fields.refuse(request.n > 1 ? "n" : "prompt",
                  fmt::format("asks for {} choices, more than the {} of one request", choices,
                              limits.max_choices));
  }
}

}  // namespace

bool is_request_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  };
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), allowed);
}

std::string read_model_name(FieldReader& fields, const ServedModel& model) {
  std::string name = fields.text("model", model.names.front());
  if (!fields.failed() &&
      std::find(model.names.begin(), model.names.end(), name) == model.names.end()) {
    fields.refuse(Error{.code = ErrorCode::kNotFound,
                        .message = fmt::format("the model `{}` does not exist: this server has {}",
                                               name, model.names.front()),
                        .param = "model"});
  }
  return name;
}

ChatPrompt read_chat_prompt(FieldReader& fields) {
  ChatPrompt prompt;
  const auto messages = fields.find("messages");
  if (!messages) {
    fields.refuse("messages", "is missing");
    return prompt;
  }
  auto parsed = parse_messages(*messages);
  if (!parsed) {
    fields.refuse(std::move(parsed.error()));
    return prompt;
  }
  prompt.messages = std::move(*parsed);
  const bool generate = fields.flag_or_true("add_generation_prompt");
  if (fields.flag_or_false("continue_final_message")) {
    if (generate && fields.has("add_generation_prompt")) {
      fields.refuse("continue_final_message", "and add_generation_prompt cannot both be true");
    }
    prompt.end = ChatPrompt::End::kContinueLastTurn;
  } else if (!generate) {
    prompt.end = ChatPrompt::End::kNothing;
  }
  if (const auto variables = fields.find("chat_template_kwargs")) {
    if (!variables->is_object()) {
      fields.refuse("chat_template_kwargs", "must be an object");
    }
    prompt.template_variables = json_of(*variables);
  }
  if (const auto documents = fields.find("documents")) {
    if (!documents->is_array()) {
      fields.refuse("documents", "must be an array");
    }
    prompt.documents = json_of(*documents);
  }
  prompt.reasoning_effort = read_effort(fields);
  return prompt;
}

Result<ChatRequest> parse_openai(const OpenAiParseArgs& args) {
  const Result<JsonDocument> document = JsonDocument::parse(args.body);
  if (!document) {
    return fail(document.error());
  }
  const JsonView root = document->root();
  if (!root.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "the request body must be a JSON object");
  }
  auto unknown = check_known_fields(root, args.route);
  if (!unknown) {
    return fail(unknown.error());
  }
  FieldReader fields(root);
  ChatRequest request;
  request.unknown_fields = std::move(*unknown);
  request.model = read_model_name(fields, args.model);
  read_identity(fields, args.id, request);
  request.reply = read_reply_options(fields);
  read_sampling(fields, args.model, request);
  read_stop_rules(fields, args.model, request);
  read_output_length(fields, args.route, request);
  request.cut = read_cut(fields, args.model);
  if (args.route == OpenAiRoute::kChat) {
    read_chat(fields, request);
    request.start = fields.flag_or_false("add_special_tokens") ? PromptStart::kSpecialTokens
                                                               : PromptStart::kPlain;
    read_chat_logprobs(fields, args.model.limits, request);
  } else {
    read_completion_prompts(fields, args.model, request);
    read_completion_logprobs(fields, args.model.limits, request);
  }
  check_choice_count(fields, args.model.limits, request);
  if (const Status status = fields.status(); !status) {
    return fail(status.error());
  }
  return request;
}

}  // namespace dak
