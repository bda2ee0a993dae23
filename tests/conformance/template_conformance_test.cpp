// Renders every template of tests/data/templates with every fixture and compares with what
// transformers rendered (tools/record_template_goldens.py), byte for byte.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "dakkar/text/chat_template.h"
#include "dakkar/text/jinja/from_json.h"
#include "template_constructs.h"

namespace dak {
namespace {

const std::filesystem::path kFolder = "tests/data/templates";

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

rapidjson::Document read_json(const std::filesystem::path& path) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseFullPrecisionFlag>(read(path).c_str());
  EXPECT_FALSE(document.HasParseError()) << path;
  return document;
}

void fill(TemplateInput& input, jinja::Value& value, const rapidjson::Value& json,
          const char* name) {
  if (json.HasMember(name)) {
    value = jinja::value_from_json(input.heap, json[name], jinja::Origin::kUser).value();
  }
}

TemplateInput input_of(const rapidjson::Value& fixture, const std::string& clock) {
  TemplateInput input;
  input.clock = parse_clock(clock).value();
  fill(input, input.messages, fixture, "messages");
  fill(input, input.tools, fixture, "tools");
  fill(input, input.documents, fixture, "documents");
  if (fixture.HasMember("add_generation_prompt")) {
    input.generation_prompt = GenerationPrompt::kAdd;
  }
  if (fixture.HasMember("continue_final_message")) {
    const rapidjson::Value& field = fixture["continue_final_message"];
    input.continued_field = field.IsString() ? field.GetString() : "content";
  }
  if (fixture.HasMember("kwargs")) {
    for (const auto& entry : fixture["kwargs"].GetObject()) {
      const auto value = jinja::value_from_json(input.heap, entry.value, jinja::Origin::kUser);
      input.variables.emplace_back(entry.name.GetString(), value.value());
    }
  }
  return input;
}

// The constructs of spec/serving.md 13; those of its Python semantics are templates of their own.
const std::vector<std::string> kWanted{"trim_blocks",
                                       "lstrip_blocks",
                                       "trailing newline",
                                       "- sign",
                                       "+ sign",
                                       "comment",
                                       "raw",
                                       "string escapes",
                                       "for",
                                       "for with if",
                                       "for with else",
                                       "for recursive",
                                       "if",
                                       "elif",
                                       "else",
                                       "set",
                                       "block set",
                                       "set on a namespace",
                                       "macro",
                                       "macro argument",
                                       "macro default",
                                       "call block",
                                       "filter block",
                                       "with",
                                       "break",
                                       "continue",
                                       "generation",
                                       "filter tojson",
                                       "filter tojson(indent=)",
                                       "filter tojson(ensure_ascii=)",
                                       "filter tojson(sort_keys=)",
                                       "filter tojson(separators=)",
                                       "filter length",
                                       "filter trim",
                                       "filter string",
                                       "filter items",
                                       "filter join",
                                       "filter default",
                                       "default(value, true)",
                                       "filter list",
                                       "filter safe",
                                       "filter selectattr",
                                       "filter map",
                                       "filter dictsort",
                                       "filter upper",
                                       "filter lower",
                                       "filter replace",
                                       "filter reject",
                                       "filter from_json",
                                       "filter indent",
                                       "filter capitalize",
                                       "filter first",
                                       "filter last",
                                       "filter int",
                                       "filter rejectattr",
                                       "filter unique",
                                       "filter sort",
                                       "test defined",
                                       "test string",
                                       "test none",
                                       "test mapping",
                                       "test iterable",
                                       "test sequence",
                                       "test false",
                                       "test true",
                                       "test boolean",
                                       "test undefined",
                                       "test number",
                                       "test integer",
                                       "test in",
                                       "test eq",
                                       "test equalto",
                                       "test odd",
                                       "test even",
                                       "is not",
                                       "function namespace",
                                       "function raise_exception",
                                       "function strftime_now",
                                       "function range",
                                       "method split",
                                       "method items",
                                       "method get",
                                       "method lstrip",
                                       "method rstrip",
                                       "method strip",
                                       "method endswith",
                                       "method startswith",
                                       "method replace",
                                       "method append",
                                       "method pop",
                                       "method upper",
                                       "method lower",
                                       "method title",
                                       "method join",
                                       "loop.last",
                                       "loop.index0",
                                       "loop.first",
                                       "loop.previtem",
                                       "loop.nextitem",
                                       "loop.index",
                                       "loop.length",
                                       "loop.revindex",
                                       "loop.depth",
                                       "~",
                                       "+",
                                       "inline if",
                                       "inline if without else",
                                       "slice",
                                       "slice with step",
                                       "negative index",
                                       ".split()[-1]",
                                       "in",
                                       "not in",
                                       "not",
                                       "none",
                                       "true and false",
                                       "string * int",
                                       "list + list",
                                       "variable messages",
                                       "variable tools",
                                       "variable documents",
                                       "variable add_generation_prompt",
                                       "variable bos_token",
                                       "variable eos_token",
                                       "variable enable_thinking",
                                       "template key_order",
                                       "template scopes",
                                       "template python_text",
                                       "template reasoning_fields",
                                       "template raise_underscore",
                                       "template raise_range",
                                       "template raise_attribute",
                                       "template raise_add"};

class TemplateConformanceTest : public testing::Test {
 protected:
  rapidjson::Document goldens_ = read_json(kFolder / "goldens.json");
  rapidjson::Document fixtures_ = read_json(kFolder / "fixtures.json");

  ChatTemplate load(const std::string& name) const {
    TemplateTokens tokens;
    tokens.bos_token = goldens_["bos_token"].GetString();
    tokens.eos_token = goldens_["eos_token"].GetString();
    auto parsed = ChatTemplate::parse(read(kFolder / (name + ".jinja")), tokens);
    EXPECT_TRUE(parsed) << name << ": " << (parsed ? "" : parsed.error().message);
    return std::move(*parsed);
  }

  static void compare(const Result<RenderedPrompt>& ours, const rapidjson::Value& golden,
                      const std::string& where) {
    if (golden.HasMember("out")) {
      ASSERT_TRUE(ours) << where << ": " << ours.error().message;
      EXPECT_EQ(ours->text, golden["out"].GetString()) << where;
      return;
    }
    ASSERT_FALSE(ours) << where << " must raise";
    if (golden["raises"].IsString()) {
      EXPECT_EQ(ours.error().message, golden["raises"].GetString()) << where;
    }
  }
};

TEST_F(TemplateConformanceTest, EveryConversationRendersAsTransformersRendersIt) {
  int64_t conversations = 0;
  for (const auto& [name, by_fixture] : goldens_["rendered"].GetObject()) {
    const ChatTemplate chat = load(name.GetString());
    for (const rapidjson::Value& fixture : fixtures_.GetArray()) {
      const std::string where =
          std::string(name.GetString()) + " with " + fixture["name"].GetString();
      const TemplateInput input = input_of(fixture, goldens_["clock"].GetString());
      compare(chat.render(input), by_fixture[fixture["name"]], where);
      ++conversations;
    }
  }
  EXPECT_GE(conversations, 600);
  std::printf("%ld conversations compared\n", static_cast<long>(conversations));
}

TEST_F(TemplateConformanceTest, EveryConstructOfTheSpecificationIsHit) {
  ConstructCounts total;
  for (const auto& [name, by_fixture] : goldens_["rendered"].GetObject()) {
    const std::string source = read(kFolder / (std::string(name.GetString()) + ".jinja"));
    const auto parsed = jinja::Template::parse(source);
    ASSERT_TRUE(parsed) << name.GetString();
    const auto times = static_cast<int64_t>(by_fixture.MemberCount());
    for (const auto& [construct, count] : count_constructs(parsed->ast(), source)) {
      total[construct] += count * times;
    }
    total["template " + std::string(name.GetString())] += times;
  }
  std::printf("%-32s %s\n", "construct", "uses x conversations");
  for (const std::string& construct : kWanted) {
    std::printf("%-32s %ld\n", construct.c_str(), static_cast<long>(total[construct]));
    EXPECT_GT(total[construct], 0) << construct << " is in no template";
  }
}

TEST_F(TemplateConformanceTest, SpansCoverEveryPromptWithoutGaps) {
  for (const auto& [name, by_fixture] : goldens_["rendered"].GetObject()) {
    const ChatTemplate chat = load(name.GetString());
    for (const rapidjson::Value& fixture : fixtures_.GetArray()) {
      const auto prompt = chat.render(input_of(fixture, goldens_["clock"].GetString()));
      int64_t end = 0;
      for (const PromptSpan& span : prompt ? prompt->spans : std::vector<PromptSpan>()) {
        EXPECT_EQ(span.begin, end) << name.GetString();
        EXPECT_LT(span.begin, span.end) << name.GetString();
        end = span.end;
      }
      EXPECT_EQ(end, prompt ? static_cast<int64_t>(prompt->text.size()) : 0) << name.GetString();
    }
  }
}

}  // namespace
}  // namespace dak
