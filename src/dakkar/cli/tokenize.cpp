#include <iostream>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "dakkar/api/checkpoint_text.h"
#include "dakkar/api/field_reader.h"
#include "dakkar/api/json_text.h"
#include "dakkar/api/openai_parse.h"
#include "dakkar/api/openai_reply.h"
#include "dakkar/base/json.h"
#include "dakkar/cli/commands.h"
#include "dakkar/cli/token_list.h"
#include "dakkar/weights/locate_model.h"

namespace dak {
namespace {

void print_ids(const std::vector<TokenId>& ids) {
  std::string line;
  for (const TokenId id : ids) {
    line += line.empty() ? "" : " ";
    line += fmt::format("{}", id);
  }
  fmt::print("{}\n", line);
}

/// What was given as an argument, else what stands on standard input.
Result<std::string> text_of(const TokenizeOptions& options) {
  return options.text.empty() ? read_whole_file("-") : options.text;
}

Status decode(const TokenizeOptions& options, const Tokenizer& tokenizer) {
  const Result<std::string> text = text_of(options);
  if (!text) {
    return fail(text.error());
  }
  const Result<std::vector<TokenId>> ids = parse_token_list(*text, tokenizer.id_limit());
  if (!ids) {
    return fail(ids.error());
  }
  fmt::print("{}\n", tokenizer.decode(*ids, SkipSpecialTokens::kNo));
  return {};
}

Status encode(const TokenizeOptions& options, const Tokenizer& tokenizer) {
  const Result<std::string> text = text_of(options);
  if (!text) {
    return fail(text.error());
  }
  const Result<std::vector<TokenId>> ids =
      tokenizer.encode(*text, options.no_special ? AddSpecialTokens::kNo : AddSpecialTokens::kYes);
  if (!ids) {
    return fail(ids.error());
  }
  print_ids(*ids);
  return {};
}

/// A request body, or its list of messages alone.
Status encode_messages(const TokenizeOptions& options, const CheckpointText& text) {
  Result<std::string> file = read_whole_file(options.messages_file);
  if (!file) {
    return fail(file.error());
  }
  const size_t first = file->find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (*file)[first] == '[') {
    *file = "{\"messages\":" + *file + "}";
  }
  const Result<JsonDocument> document = JsonDocument::parse(*file);
  if (!document) {
    return fail_in(options.messages_file, document.error());
  }
  const JsonView root = document->root();
  FieldReader fields(root);
  const ChatPrompt chat = read_chat_prompt(fields);
  if (const Status status = fields.status(); !status) {
    return fail_in(options.messages_file, status.error());
  }
  const Result<EncodedPrompt> prompt = text.encode(chat, PromptStart::kPlain);
  if (!prompt) {
    return fail_in(options.messages_file, prompt.error());
  }
  print_ids(prompt->ids);
  return {};
}

/// {"text": ..., "add_special_tokens": bool} to {"ids": [...], "text": ..., "skip": ...}.
Result<std::string> answer_line(const std::string& line, const Tokenizer& tokenizer) {
  const Result<JsonDocument> document = JsonDocument::parse(line);
  if (!document) {
    return fail(document.error());
  }
  const JsonView root = document->root();
  const Result<std::string> text = required_string(root, "text");
  const Result<bool> special = bool_or(root, "add_special_tokens", true);
  if (!text || !special) {
    return fail(text ? special.error() : text.error());
  }
  const Result<std::vector<TokenId>> ids =
      tokenizer.encode(*text, *special ? AddSpecialTokens::kYes : AddSpecialTokens::kNo);
  if (!ids) {
    return fail(ids.error());
  }
  JsonText json;
  json.open_object();
  write_ids("ids", *ids, json);
  json.key("text").string(tokenizer.decode(*ids, SkipSpecialTokens::kNo));
  json.key("skip").string(tokenizer.decode(*ids, SkipSpecialTokens::kYes)).close_object();
  return json.take();
}

Status answer_lines(const TokenizeOptions& options, const Tokenizer& tokenizer) {
  const Result<std::string> file = read_whole_file(options.jsonl_file);
  if (!file) {
    return fail(file.error());
  }
  int64_t number = 0;
  for (size_t at = 0; at < file->size();) {
    const size_t end = std::min(file->find('\n', at), file->size());
    const std::string line = file->substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    const Result<std::string> answer = answer_line(line, tokenizer);
    if (!answer) {
      return fail_in(fmt::format("{} line {}", options.jsonl_file, number), answer.error());
    }
    fmt::print("{}\n", *answer);
  }
  return {};
}

}  // namespace

Result<int> run_tokenize(const TokenizeOptions& options) {
  const Result<std::filesystem::path> folder = locate_model(options.model);
  if (!folder) {
    return fail(folder.error());
  }
  const Result<CheckpointText> text =
      CheckpointText::load(*folder, {.template_time = options.template_time});
  if (!text) {
    return fail(text.error());
  }
  if (text->tokenizer() == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("{} has no tokenizer.json", folder->string()));
  }
  Status status;
  if (!options.jsonl_file.empty()) {
    status = answer_lines(options, *text->tokenizer());
  } else if (!options.messages_file.empty()) {
    status = encode_messages(options, *text);
  } else if (options.decode) {
    status = decode(options, *text->tokenizer());
  } else {
    status = encode(options, *text->tokenizer());
  }
  if (!status) {
    return fail(status.error());
  }
  return 0;
}

}  // namespace dak
