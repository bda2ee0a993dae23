#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <system_error>

#include "dakkar/base/json.h"
#include "dakkar/text/chat_template.h"

namespace dak {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{64} << 20;

// The file's text; nothing when there is no such file.
Result<std::optional<std::string>> read_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return std::optional<std::string>();
  }
  const auto size = std::filesystem::file_size(path, ignored);
  if (ignored || static_cast<int64_t>(size) > kMaxFileBytes) {
    return fail(ErrorCode::kCorruptFile, path.string() + ": no regular file of sensible size");
  }
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad() || !in.is_open()) {
    return fail(ErrorCode::kCorruptFile, path.string() + ": cannot be read");
  }
  return std::optional<std::string>(std::move(text));
}

Result<std::optional<JsonDocument>> read_json(const std::filesystem::path& path) {
  auto text = read_file(path);
  if (!text) {
    return fail(text.error());
  }
  if (!*text) {
    return std::optional<JsonDocument>();
  }
  auto document = JsonDocument::parse(
      **text, {.non_finite = JsonNonFinite::kAccept, .error = ErrorCode::kCorruptFile});
  if (!document) {
    return fail_in(path.string(), document.error());
  }
  return std::optional<JsonDocument>(std::move(*document));
}

// A token is written as text, or as an object with the text in `content`.
std::optional<std::string> token_text(const JsonView& object, std::string_view name) {
  auto value = object.find(name);
  if (value && value->is_object()) {
    value = value->find("content");
  }
  if (!value || !value->is_string()) {
    return std::nullopt;
  }
  return std::string(value->as_string().value());
}

void add_tokens(const std::optional<JsonDocument>& document, TemplateTokens& tokens) {
  if (!document || !document->root().is_object()) {
    return;
  }
  const JsonView root = document->root();
  if (!tokens.bos_token) {
    tokens.bos_token = token_text(root, "bos_token");
  }
  if (!tokens.eos_token) {
    tokens.eos_token = token_text(root, "eos_token");
  }
  for (const char* name : {"unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    const auto text = token_text(root, name);
    bool known = false;
    for (const auto& other : tokens.others) {
      known = known || other.first == name;
    }
    if (text && !known) {
      tokens.others.emplace_back(name, *text);
    }
  }
}

struct Sources {
  std::optional<std::string> main;
  std::optional<std::string> with_tools;
};

Result<Sources> sources_of(const JsonView& value, const std::string& file) {
  Sources sources;
  if (value.is_string()) {
    sources.main = std::string(value.as_string().value());
    return sources;
  }
  const auto wrong = [&] {
    return fail(ErrorCode::kCorruptFile,
                file + ": chat_template must be a string or a list of {name, template}");
  };
  const auto items = value.as_array();
  if (!items) {
    return wrong();
  }
  for (const JsonView& item : *items) {
    const auto name = string_or(item, "name", "");
    const auto source = string_or(item, "template", "");
    if (!item.is_object() || !name || !source) {
      return wrong();
    }
    if (*name == "default") {
      sources.main = *source;
    } else if (*name == "tool_use") {
      sources.with_tools = *source;
    }
  }
  if (!sources.main && !items->empty()) {
    return fail(ErrorCode::kCorruptFile, file + ": chat_template has no template named 'default'");
  }
  return sources;
}

Result<Sources> find_sources(const std::filesystem::path& model_dir,
                             const std::optional<JsonDocument>& config) {
  auto own_file = read_file(model_dir / "chat_template.jinja");
  if (!own_file) {
    return fail(own_file.error());
  }
  Sources sources;
  if (*own_file) {
    sources.main = std::move(**own_file);
    auto tool_use = read_file(model_dir / "additional_chat_templates" / "tool_use.jinja");
    if (!tool_use) {
      return fail(tool_use.error());
    }
    sources.with_tools = std::move(*tool_use);
    return sources;
  }
  if (!config || !config->root().is_object()) {
    return sources;
  }
  const auto value = config->root().find("chat_template");
  const std::string file = (model_dir / "tokenizer_config.json").string();
  return value ? sources_of(*value, file) : Result<Sources>(sources);
}

}  // namespace

Result<std::optional<ChatTemplates>> load_chat_template(const std::filesystem::path& model_dir) {
  const auto config = read_json(model_dir / "tokenizer_config.json");
  if (!config) {
    return fail(config.error());
  }
  const auto map = read_json(model_dir / "special_tokens_map.json");
  if (!map) {
    return fail(map.error());
  }
  const auto sources = find_sources(model_dir, *config);
  if (!sources) {
    return fail(sources.error());
  }
  if (!sources->main) {
    return std::optional<ChatTemplates>();
  }
  TemplateTokens tokens;
  add_tokens(*config, tokens);
  add_tokens(*map, tokens);
  auto main = ChatTemplate::parse(*sources->main, tokens);
  if (!main) {
    return fail_in(model_dir.string(), main.error());
  }
  ChatTemplates templates{.main = std::move(*main), .with_tools = std::nullopt};
  if (sources->with_tools) {
    auto with_tools = ChatTemplate::parse(*sources->with_tools, tokens);
    if (!with_tools) {
      return fail_in(model_dir.string(), with_tools.error());
    }
    templates.with_tools = std::move(*with_tools);
  }
  return std::optional<ChatTemplates>(std::move(templates));
}

jinja::ClockTime local_clock() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  localtime_r(&seconds, &local);
  const auto rest = now.time_since_epoch() % std::chrono::seconds(1);
  return {.year = local.tm_year + 1900,
          .month = local.tm_mon + 1,
          .day = local.tm_mday,
          .hour = local.tm_hour,
          .minute = local.tm_min,
          .second = local.tm_sec,
          .microsecond = static_cast<int32_t>(
              std::chrono::duration_cast<std::chrono::microseconds>(rest).count())};
}

Result<jinja::ClockTime> parse_clock(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kInvalidArgument,
                "'" + std::string(text) + "' is no time like 2026-07-04T09:05:03");
  };
  static constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() != kShape.size()) {
    return bad();
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !digit : text[i] != kShape[i]) {
      return bad();
    }
  }
  const auto number = [&](size_t at, size_t digits) {
    int32_t value = 0;
    for (size_t i = at; i < at + digits; ++i) {
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  const jinja::ClockTime clock{.year = number(0, 4),
                               .month = number(5, 2),
                               .day = number(8, 2),
                               .hour = number(11, 2),
                               .minute = number(14, 2),
                               .second = number(17, 2)};
  const std::chrono::year_month_day date{std::chrono::year(clock.year),
                                         std::chrono::month(static_cast<unsigned>(clock.month)),
                                         std::chrono::day(static_cast<unsigned>(clock.day))};
  if (!date.ok() || clock.hour > 23 || clock.minute > 59 || clock.second > 59) {
    return bad();
  }
  return clock;
}

}  // namespace dak
