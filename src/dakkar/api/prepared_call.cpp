#include "dakkar/api/prepared_call.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/core.h>

#include "dakkar/api/random_id.h"
#include "dakkar/base/json.h"

namespace dak {
namespace {

/// The field that a message about a prompt's length names.
std::string_view prompt_field(const ChatRequest& request) {
  return std::holds_alternative<ChatPrompt>(request.prompts.front()) ? "messages" : "prompt";
}

void cut_prompt(const std::optional<PromptCut>& cut, std::vector<TokenId>& ids) {
  if (!cut || static_cast<int64_t>(ids.size()) <= cut->max_tokens) {
    return;
  }
  const auto keep = static_cast<std::ptrdiff_t>(cut->max_tokens);
  if (cut->side == PromptCut::Side::kLeft) {
    ids.erase(ids.begin(), ids.end() - keep);
  } else {
    ids.erase(ids.begin() + keep, ids.end());
  }
}

/// Tokens that a choice may generate after a prompt of `prompt_tokens`.
Result<int64_t> output_room(const ChatRequest& request, const ServedModel& model,
                            int64_t prompt_tokens) {
  const int64_t room = model.max_model_len - prompt_tokens;
  const int64_t least = request.max_tokens == 0 ? 0 : 1;
  const int64_t asked = request.max_tokens.value_or(
      std::clamp(model.defaults.max_new_tokens.value_or(room), least, std::max(room, least)));
  if (asked > room) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("this model's maximum context length is {} tokens, but {} were asked "
                            "for ({} in the {} and {} to generate): shorten the prompt or lower "
                            "max_tokens",
                            model.max_model_len, prompt_tokens + asked, prompt_tokens,
                            prompt_field(request), asked),
                std::string(prompt_field(request)));
  }
  if (request.min_tokens > asked) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("min_tokens is {}, but at most {} tokens can be generated",
                            request.min_tokens, asked),
                "min_tokens");
  }
  return asked;
}

std::vector<TokenId> stop_ids_of(const ChatRequest& request, const ServedModel& model) {
  std::vector<TokenId> ids = request.stop_ids;
  if (!request.ignore_eos) {
    for (const int64_t id : model.defaults.eos_ids) {
      if (id >= 0 && id < model.vocab) {
        ids.push_back(static_cast<TokenId>(id));
      }
    }
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::string echo_of(const ChatRequest& request, size_t prompt, const EncodedPrompt& encoded) {
  const auto* chat = std::get_if<ChatPrompt>(&request.prompts[prompt]);
  if (chat == nullptr) {
    return encoded.text;
  }
  const ChatMessage& last = chat->messages.back();
  return last.role == "assistant" ? last.content.value_or("") : std::string();
}

ChatStreamArgs stream_args(const ChatRequest& request, const CheckpointText& text) {
  return {.tokenizer = text.tokenizer(),
          .choice = 0,
          .skip = request.reply.skip_special ? SkipSpecialTokens::kYes : SkipSpecialTokens::kNo,
          .stop_strings = request.stop_strings,
          .client_stop_ids = request.stop_ids,
          .include_stop = request.reply.include_stop,
          .logprobs = request.reply.logprobs};
}

/// Where the reply to a chat begins: a last turn that is continued says it itself.
OutputStart start_of(const ChatPrompt& chat, const EncodedPrompt& prompt) {
  if (chat.end != ChatPrompt::End::kContinueLastTurn) {
    return output_start(prompt.text);
  }
  const std::string turn = chat.messages.back().content.value_or("");
  const size_t open = turn.rfind(tag_literal(OutputTag::kThinkOpen));
  return open != std::string::npos &&
                 turn.find(tag_literal(OutputTag::kThinkClose), open) == std::string::npos
             ? OutputStart::kReasoning
             : OutputStart::kContent;
}

bool asks_for_content(const ChatPrompt& chat) {
  const Result<JsonDocument> variables = JsonDocument::parse(
      chat.template_variables.empty() ? std::string("{}") : chat.template_variables);
  return variables && bool_or(variables->root(), "force_nonempty_content", false).value_or(false);
}

/// How a chat's reply is read; nothing where its text is all there is to it.
std::optional<OutputReading> reading_of(const ChatRequest& request, const ChatPrompt& chat,
                                        const CheckpointText& text, const EncodedPrompt& prompt) {
  const OutputForm* form = text.output_form();
  const bool splits = form != nullptr && form->thinks && request.reply.split_reasoning;
  if (form == nullptr || (!splits && request.tools.empty())) {
    return std::nullopt;
  }
  using Reading = OutputReading;
  return Reading{.form = *form,
                 .start = start_of(chat, prompt),
                 .tools = request.tools,
                 .reasoning = splits ? Reading::Reasoning::kApart : Reading::Reasoning::kInContent,
                 .empty_content = asks_for_content(chat) ? Reading::EmptyContent::kTakesReasoning
                                                         : Reading::EmptyContent::kStays,
                 .calls = request.one_call ? Reading::Calls::kOne : Reading::Calls::kMany};
}

ReplyInfo reply_info(const ChatRequest& request, const CheckpointText& text,
                     const ServedModel& model) {
  ReplyInfo info;
  info.id = request.id;
  info.model = request.model;
  info.fingerprint = model.fingerprint;
  info.created = std::time(nullptr);
  info.choices = request.n * static_cast<int64_t>(request.prompts.size());
  info.options = request.reply;
  if (text.tokenizer() == nullptr) {
    info.options.token_ids = true;
    info.options.tokens_as_ids = true;
  }
  return info;
}

/// Puts the choices of one prompt behind those that `call` has.
void add_choices(const ChatRequest& request, const EncodedPrompt& prompt, PreparedCall& call,
                 const PreparedCall::Choice& model_choice) {
  for (int64_t k = 0; k < request.n; ++k) {
    PreparedCall::Choice choice = model_choice;
    const auto index = static_cast<int64_t>(call.choices.size());
    choice.text.choice = index;
    choice.request.id = fmt::format("{}-{}", request.id, index);
    choice.request.prompt = prompt.ids;
    choice.request.sampling.seed += static_cast<uint64_t>(k);
    call.choices.push_back(std::move(choice));
    if (call.reply.options.token_ids) {
      call.reply.prompt_ids.push_back(prompt.ids);
    }
  }
}

}  // namespace

Result<PreparedCall> prepare_call(const ChatRequest& request, const CheckpointText& text,
                                  const ServedModel& model) {
  if (!request.stop_strings.empty() && text.tokenizer() == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                "this model has no tokenizer: use stop_token_ids instead of stop", "stop");
  }
  PreparedCall call;
  call.reply = reply_info(request, text, model);
  call.generates = request.max_tokens != 0;
  PreparedCall::Choice model_choice;
  model_choice.text = stream_args(request, text);
  model_choice.request.sampling = request.sampling;
  model_choice.request.sampling.seed = request.seed.value_or(random_bits());
  model_choice.request.priority = request.priority;
  model_choice.request.stop.min_tokens = request.min_tokens;
  model_choice.request.stop.stop_ids = stop_ids_of(request, model);
  model_choice.request.stop.stop_strings = request.stop_strings;
  for (size_t p = 0; p < request.prompts.size(); ++p) {
    Result<EncodedPrompt> prompt = text.encode(request.prompts[p], request.start);
    if (!prompt) {
      return fail(prompt.error());
    }
    cut_prompt(request.cut, prompt->ids);
    const auto tokens = static_cast<int64_t>(prompt->ids.size());
    const Result<int64_t> room = output_room(request, model, tokens);
    if (!room) {
      return fail(room.error());
    }
    model_choice.request.stop.max_tokens = *room;
    if (const auto* chat = std::get_if<ChatPrompt>(&request.prompts[p])) {
      model_choice.text.reading = reading_of(request, *chat, text, *prompt);
    }
    call.prompt_tokens += tokens;
    add_choices(request, *prompt, call, model_choice);
    if (request.reply.echo) {
      call.reply.echoes.insert(call.reply.echoes.end(), static_cast<size_t>(request.n),
                               echo_of(request, p, *prompt));
    }
  }
  return call;
}

}  // namespace dak
