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

namespace dak {
namespace {

using jinja::ExprKind;
using jinja::StmtKind;
using Counts = std::map<std::string, int64_t>;

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

// What each template uses, from its tree.
class ConstructCounter {
 public:
  static Counts count(const jinja::Ast& ast, const std::string& source) {
    ConstructCounter counter;
    for (const jinja::Expr& node : ast.expressions) {
      counter.expression(node);
    }
    for (const jinja::Stmt& node : ast.statements) {
      counter.statement(node);
    }
    counter.text(source);
    return counter.counts_;
  }

 private:
  void hit(const std::string& name) { ++counts_[name]; }

  void call(const jinja::Expr& node) {
    const jinja::Expr& callee = *node.children[0];
    if (callee.kind == ExprKind::kName) {
      hit("function " + callee.name);
    } else if (callee.kind == ExprKind::kAttribute) {
      hit("method " + callee.name);
      const jinja::Expr& owner = *callee.children[0];
      if (owner.kind == ExprKind::kName && owner.name == "loop") {
        hit("loop." + callee.name);
      }
    }
  }

  void literal(const jinja::Value& value) {
    if (value.is(jinja::Kind::kBool)) {
      hit("true and false");
    } else if (value.is(jinja::Kind::kNone)) {
      hit("none");
    }
  }

  void expression(const jinja::Expr& node) {
    switch (node.kind) {
      case ExprKind::kFilter:
        hit("filter " + node.name);
        for (const auto& keyword : node.keywords) {
          hit("filter " + node.name + "(" + keyword.name + "=)");
        }
        if (node.name == "default" && node.children.size() == 3) {
          hit("default(value, true)");
        }
        return;
      case ExprKind::kTest:
        hit("test " + node.name);
        return;
      case ExprKind::kNot:
        hit(node.children[0]->kind == ExprKind::kTest ? "is not" : "not");
        return;
      case ExprKind::kCall:
        call(node);
        return;
      case ExprKind::kAttribute:
        if (node.children[0]->kind == ExprKind::kName && node.children[0]->name == "loop") {
          hit("loop." + node.name);
        }
        return;
      case ExprKind::kSubscript: {
        const jinja::Expr& object = *node.children[0];
        const bool negative = node.children[1]->kind == ExprKind::kNegate;
        hit(negative ? "negative index" : "subscript");
        if (negative && object.kind == ExprKind::kCall && object.children[0]->name == "split") {
          hit(".split()[-1]");
        }
        return;
      }
      case ExprKind::kSlice:
        hit(node.children[3] != nullptr ? "slice with step" : "slice");
        return;
      case ExprKind::kConcat:
        hit("~");
        return;
      case ExprKind::kConditional:
        hit(node.children[2] != nullptr ? "inline if" : "inline if without else");
        return;
      case ExprKind::kBinary:
        binary(node);
        return;
      case ExprKind::kCompare:
        for (const jinja::CompareOp op : node.compares) {
          hit(op == jinja::CompareOp::kIn      ? "in"
              : op == jinja::CompareOp::kNotIn ? "not in"
                                               : "comparison");
        }
        return;
      case ExprKind::kConst:
        literal(node.constant);
        return;
      case ExprKind::kName:
        hit("variable " + node.name);
        return;
      case ExprKind::kTuple:
      case ExprKind::kList:
      case ExprKind::kDict:
      case ExprKind::kNegate:
      case ExprKind::kPlus:
      case ExprKind::kAnd:
      case ExprKind::kOr:
        return;
    }
  }

  void binary(const jinja::Expr& node) {
    const jinja::Expr& left = *node.children[0];
    if (node.op == jinja::BinaryOp::kAdd) {
      hit(left.kind == ExprKind::kList ? "list + list" : "+");
    }
    if (node.op == jinja::BinaryOp::kMul && left.constant.is_string()) {
      hit("string * int");
    }
  }

  void statement(const jinja::Stmt& node) {
    switch (node.kind) {
      case StmtKind::kFor:
        hit("for");
        hit(node.filter != nullptr ? "for with if" : "for without if");
        hit(node.otherwise.empty() ? "for without else" : "for with else");
        hit(node.recursive ? "for recursive" : "for plain");
        return;
      case StmtKind::kIf:
        hit("if");
        for (size_t i = 1; i < node.branches.size(); ++i) {
          hit(node.branches[i].condition != nullptr ? "elif" : "else");
        }
        return;
      case StmtKind::kSet:
        hit(node.targets[0].kind == jinja::TargetKind::kNamespaceAttribute ? "set on a namespace"
                                                                           : "set");
        return;
      case StmtKind::kMacro:
        hit("macro");
        for (const jinja::Parameter& parameter : node.parameters) {
          hit(parameter.fallback != nullptr ? "macro default" : "macro argument");
        }
        return;
      case StmtKind::kSetBlock:
        hit("block set");
        return;
      case StmtKind::kCallBlock:
        hit("call block");
        return;
      case StmtKind::kFilterBlock:
        hit("filter block");
        return;
      case StmtKind::kWith:
        hit("with");
        return;
      case StmtKind::kBreak:
        hit("break");
        return;
      case StmtKind::kContinue:
        hit("continue");
        return;
      case StmtKind::kGeneration:
        hit("generation");
        return;
      case StmtKind::kOutput:
        return;
    }
  }

  void text(const std::string& source) {
    const std::map<std::string, std::string> marks{{"comment", "{#"},
                                                   {"raw", "{%- raw"},
                                                   {"- sign", "-%}"},
                                                   {"+ sign", "+%}"},
                                                   {"string escapes", "\\n"},
                                                   {"trim_blocks", "%}\n"},
                                                   {"lstrip_blocks", "\n    {%"},
                                                   {"trailing newline", "\n"}};
    for (const auto& [name, mark] : marks) {
      if (source.find(mark) != std::string::npos) {
        hit(name);
      }
    }
  }

  Counts counts_;
};

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
  Counts total;
  for (const auto& [name, by_fixture] : goldens_["rendered"].GetObject()) {
    const std::string source = read(kFolder / (std::string(name.GetString()) + ".jinja"));
    const auto parsed = jinja::Template::parse(source);
    ASSERT_TRUE(parsed) << name.GetString();
    const auto times = static_cast<int64_t>(by_fixture.MemberCount());
    for (const auto& [construct, count] : ConstructCounter::count(parsed->ast(), source)) {
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

TEST_F(TemplateConformanceTest, SpansCoverThePromptAndTypedControlTokensAreTheUsers) {
  const ChatTemplate chat = load("tiny_chat");
  for (const rapidjson::Value& fixture : fixtures_.GetArray()) {
    const auto prompt = chat.render(input_of(fixture, goldens_["clock"].GetString()));
    if (!prompt) {
      continue;
    }
    int64_t end = 0;
    for (const PromptSpan& span : prompt->spans) {
      EXPECT_EQ(span.begin, end);
      EXPECT_LT(span.begin, span.end);
      end = span.end;
    }
    EXPECT_EQ(end, static_cast<int64_t>(prompt->text.size()));
  }
}

}  // namespace
}  // namespace dak
