#include "dakkar/text/output/output_parser.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dakkar/text/output/tool_value.h"

namespace dak {
namespace {

constexpr std::string_view kSchema = R"({
  "type": "object",
  "$defs": {"count": {"type": "integer"}},
  "properties": {
    "t": {"type": "string"}, "n": {"$ref": "#/$defs/count"}, "x": {"type": "number"},
    "o": {"type": "object"}, "l": {"anyOf": [{"type": "array"}, {"type": "null"}]},
    "b": {"type": ["boolean", "null"]}, "a": {"type": "integer"}, "e": {"enum": ["on", null]}
  }})";

ToolSet tools() {
  const Result<JsonDocument> schema = JsonDocument::parse(kSchema);
  std::vector<ToolSignature> list;
  list.push_back(read_signature("w", schema->root()));
  list.push_back(ToolSignature{.name = "v", .parameters = {}});
  return ToolSet(std::move(list));
}

/// What an output came to, in one line per run of a kind.
struct Parsed {
  std::string reasoning;
  std::string content;
  std::vector<std::string> calls;  ///< name and arguments

  friend bool operator==(const Parsed&, const Parsed&) = default;
};

void collect(const std::vector<OutputEvent>& events, Parsed& parsed) {
  for (const OutputEvent& event : events) {
    switch (event.kind) {
      case OutputKind::kReasoning:
        parsed.reasoning += event.text;
        break;
      case OutputKind::kContent:
        parsed.content += event.text;
        break;
      case OutputKind::kCallStart:
        parsed.calls.push_back(event.text);
        break;
      case OutputKind::kCallArguments:
        parsed.calls.back() += event.text;
        break;
      case OutputKind::kCallEnd:
        parsed.calls.back() += ";";
        break;
    }
  }
}

/// A piece of output: bytes, or a tag.
using Piece = std::pair<std::string, std::optional<OutputTag>>;

/// `text` in bytes, its tags as tokens.
std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    Piece next{std::string(text.substr(0, 1)), std::nullopt};
    for (const OutputTag tag : {OutputTag::kThinkOpen, OutputTag::kThinkClose, OutputTag::kCallOpen,
                                OutputTag::kCallClose}) {
      if (text.starts_with(tag_literal(tag))) {
        next = {std::string(tag_literal(tag)), tag};
      }
    }
    text.remove_prefix(next.first.size());
    pieces.push_back(std::move(next));
  }
  return pieces;
}

/// Pushes runs of text up to each place in `cuts`; tags always come alone.
Parsed parse_cut(const std::vector<Piece>& pieces, const OutputParserArgs& args,
                 const std::vector<size_t>& cuts) {
  OutputParser parser(args);
  Parsed parsed;
  std::string run;
  const auto flush = [&] {
    parser.push(std::exchange(run, {}));
    collect(parser.take(), parsed);
  };
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (std::find(cuts.begin(), cuts.end(), i) != cuts.end()) {
      flush();
    }
    if (pieces[i].second) {
      flush();
      parser.push(*pieces[i].second);
    } else {
      run += pieces[i].first;
    }
  }
  flush();
  parser.finish();
  collect(parser.take(), parsed);
  return parsed;
}

/// What the output comes to, the same in one piece, byte by byte and in every two pieces.
Parsed parse(std::string_view text, const OutputParserArgs& args) {
  const std::vector<Piece> pieces = pieces_of(text);
  const Parsed whole = parse_cut(pieces, args, {});
  std::vector<size_t> all;
  for (size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(parse_cut(pieces, args, {i}), whole) << "cut at " << i << " of " << text;
    all.push_back(i);
  }
  EXPECT_EQ(parse_cut(pieces, args, all), whole) << "byte by byte: " << text;
  return whole;
}

Parsed parse_call(std::string_view text) {
  const ToolSet set = tools();
  return parse(text, {.start = OutputStart::kContent, .glue = {}, .tools = &set});
}

std::string only_call(std::string_view text) {
  const Parsed parsed = parse_call(text);
  EXPECT_EQ(parsed.content, "") << text;
  EXPECT_EQ(parsed.calls.size(), 1U) << text;
  return parsed.calls.empty() ? std::string() : parsed.calls.front();
}

std::string with_value(std::string_view key, std::string_view value) {
  return "<tool_call>\n<function=w>\n<parameter=" + std::string(key) + ">\n" + std::string(value) +
         "\n</parameter>\n</function>\n</tool_call>";
}

TEST(OutputParserTest, ValuesKeepTheirWhiteSpaceButForOneLineFeedOnEachSide) {
  EXPECT_EQ(only_call(with_value("t", "  a\n")), R"(w{"t": "  a\n"};)");
  EXPECT_EQ(only_call(with_value("t", "")), R"(w{"t": ""};)");
  EXPECT_EQ(only_call("<tool_call><function=w><parameter=t>x</parameter></function></tool_call>"),
            R"(w{"t": "x"};)");
}

TEST(OutputParserTest, AClosingTagInsideAValueIsData) {
  EXPECT_EQ(only_call(with_value("t", "x </parameter> y")), R"(w{"t": "x </parameter> y"};)");
  EXPECT_EQ(only_call(with_value("t", "a\n</function>\nb <tool_call> c")),
            R"(w{"t": "a\n</function>\nb <tool_call> c"};)");
  EXPECT_EQ(only_call(with_value("t", "<parameter=t>\n<parameter=zz> \"q\"")),
            R"(w{"t": "<parameter=t>\n<parameter=zz> \"q\""};)");
}

TEST(OutputParserTest, ValuesTakeTheTypeThatTheSchemaAllows) {
  EXPECT_EQ(only_call(with_value("n", "007")), R"(w{"n": 7};)");
  EXPECT_EQ(only_call(with_value("n", "5.0")), R"(w{"n": 5};)");
  EXPECT_EQ(only_call(with_value("n", "-12")), R"(w{"n": -12};)");
  EXPECT_EQ(only_call(with_value("n", "5.5")), R"(w{"n": "5.5"};)");
  EXPECT_EQ(only_call(with_value("t", "007")), R"(w{"t": "007"};)");
  EXPECT_EQ(only_call(with_value("x", "1.10")), R"(w{"x": 1.10};)");
  EXPECT_EQ(only_call(with_value("x", ".5")), R"(w{"x": 0.5};)");
  EXPECT_EQ(only_call(with_value("x", "NaN")), R"(w{"x": "NaN"};)");
  EXPECT_EQ(only_call(with_value("b", "False")), R"(w{"b": false};)");
  EXPECT_EQ(only_call(with_value("b", "None")), R"(w{"b": null};)");
  EXPECT_EQ(only_call(with_value("b", "maybe")), R"(w{"b": "maybe"};)");
  EXPECT_EQ(only_call(with_value("e", "null")), R"(w{"e": null};)");
  EXPECT_EQ(only_call(with_value("unknown", "1")), R"(w{"unknown": "1"};)");
}

TEST(OutputParserTest, ContainersComeAsJsonOrAsPython) {
  EXPECT_EQ(only_call(with_value("o", "{'k': None, 'l': (1, True)}")),
            R"(w{"o": {"k": null, "l": [1, true]}};)");
  EXPECT_EQ(only_call(with_value("o", R"({"k":[1.50]})")), R"(w{"o": {"k":[1.50]}};)");
  EXPECT_EQ(only_call(with_value("o", R"("{\"k\": 1}")")), R"(w{"o": {"k": 1}};)");
  EXPECT_EQ(only_call(with_value("l", "['a\\n', \"b'\"]")), R"(w{"l": ["a\n", "b'"]};)");
  EXPECT_EQ(only_call(with_value("l", "[1, 2")), R"(w{"l": "[1, 2"};)");
}

TEST(OutputParserTest, MissingTagsAreForgiven) {
  EXPECT_EQ(only_call("<tool_call>\n<function=w>\n<parameter=a>\n1\n<parameter=n>\n2\n"
                      "</parameter>\n</function>\n</tool_call>"),
            R"(w{"a": 1, "n": 2};)");
  EXPECT_EQ(only_call("<function=w>\n<parameter=t>\nq\n</parameter>\n</function>\n</tool_call>"),
            R"(w{"t": "q"};)");
  EXPECT_EQ(only_call("<tool_call>\n<function=w>\n<parameter=t>\nabc"), R"(w{"t": "abc"};)");
  EXPECT_EQ(only_call("<tool_call>\n<function=w>\n<parameter=t>\nq\n</function>\n</tool_call>"),
            R"(w{"t": "q"};)");
  EXPECT_EQ(only_call("<tool_call>\n<function=w>\n<parameter=t>\nq</parameter1></function>"),
            R"(w{"t": "q"};)");
  EXPECT_EQ(only_call("<tool_call>\n<function=w"), "w{};");
}

TEST(OutputParserTest, ARepeatedKeyKeepsItsFirstValue) {
  EXPECT_EQ(only_call("<tool_call><function=w><parameter=t>\na\n</parameter><parameter=t>\nb\n"
                      "</parameter></function></tool_call>"),
            R"(w{"t": "a"};)");
}

TEST(OutputParserTest, CallsFollowContentAndOneAnother) {
  const Parsed parsed = parse_call(
      "ok\n<tool_call>\n<function=w>\n</function>\n</tool_call>\n<tool_call>\n<function=v>\n"
      "</function>\n</tool_call>\n");
  EXPECT_EQ(parsed.content, "ok");
  EXPECT_EQ(parsed.calls, (std::vector<std::string>{"w{};", "v{};"}));
}

TEST(OutputParserTest, ProseAboutTagsIsContent) {
  EXPECT_EQ(parse_call("the tag `<tool_call>` opens a call").content,
            "the tag `<tool_call>` opens a call");
  EXPECT_EQ(parse_call("a <function=w> in a line").content, "a <function=w> in a line");
  EXPECT_EQ(parse_call("<function=undeclared>\n").content, "<function=undeclared>\n");
  EXPECT_EQ(parse_call("<tool_call>\n{\"name\": 3}\n</tool_call>").content,
            "<tool_call>\n{\"name\": 3}\n</tool_call>");
}

TEST(OutputParserTest, ACallMayBeJson) {
  EXPECT_EQ(
      only_call("<tool_call>\n{\"name\": \"w\", \"arguments\": {\"t\": \"q\", \"l\": [1, {}]}}\n"
                "</tool_call>"),
      R"(w{"t": "q", "l": [1, {}]};)");
}

TEST(OutputParserTest, AnUnknownFunctionIsPassedOn) {
  EXPECT_EQ(
      only_call("<tool_call>\n<function=nobody>\n<parameter=n>\n1\n</parameter>\n</function>\n"
                "</tool_call>"),
      R"(nobody{"n": "1"};)");
}

TEST(OutputParserTest, WithoutToolsTagsOfCallsAreText) {
  const std::string text = "<tool_call>\n<function=w>\n</function>\n</tool_call>";
  EXPECT_EQ(parse(text, {.start = OutputStart::kContent, .glue = {}, .tools = nullptr}).content,
            text);
}

TEST(OutputParserTest, ReasoningEndsAtItsTagAndLosesOnlyTheGlue) {
  const OutputParserArgs nano{.start = OutputStart::kReasoning,
                              .glue = {.before_close = "\n", .after_close = "\n"},
                              .tools = nullptr};
  const Parsed parsed = parse("a\n\nb\n\n</think>\n\nc ", nano);
  EXPECT_EQ(parsed.reasoning, "a\n\nb\n");
  EXPECT_EQ(parsed.content, "\nc ");
  const OutputParserArgs ultra{.start = OutputStart::kReasoning, .glue = {}, .tools = nullptr};
  EXPECT_EQ(parse("a\n</think>c", ultra).reasoning, "a\n");
  EXPECT_EQ(parse("<think>a", ultra).reasoning, "a");
  EXPECT_EQ(parse("cut off\n", nano).reasoning, "cut off\n");
}

TEST(OutputParserTest, ThinkingThatOpensAgainBeforeContentIsReasoning) {
  const OutputParserArgs off{.start = OutputStart::kContent, .glue = {}, .tools = nullptr};
  const Parsed opened = parse("\n<think>a</think>b", off);
  EXPECT_EQ(opened.reasoning, "a");
  EXPECT_EQ(opened.content, "b");
  const Parsed late = parse("x <think> y</think> z", off);
  EXPECT_EQ(late.reasoning, "");
  EXPECT_EQ(late.content, "x <think> y z");
}

TEST(OutputParserTest, ACallInsideReasoningClosesIt) {
  const ToolSet set = tools();
  const OutputParserArgs args{.start = OutputStart::kReasoning, .glue = {}, .tools = &set};
  const Parsed parsed = parse("hm <tool_call>\n<function=v>\n</function>\n</tool_call>", args);
  EXPECT_EQ(parsed.reasoning, "hm ");
  EXPECT_EQ(parsed.calls, std::vector<std::string>{"v{};"});
  const Parsed prose = parse("I could <tool_call> it</think>no", args);
  EXPECT_EQ(prose.reasoning, "I could <tool_call> it");
  EXPECT_EQ(prose.content, "no");
}

TEST(OutputParserTest, TagsInTextCountOnlyWhenAsked) {
  OutputParserArgs args{.start = OutputStart::kReasoning, .glue = {}, .tools = nullptr};
  for (const TagSource source : {TagSource::kTokens, TagSource::kText}) {
    args.tags = source;
    OutputParser parser(args);
    parser.push("a</th");
    parser.push("ink>b");
    parser.finish();
    Parsed parsed;
    collect(parser.take(), parsed);
    EXPECT_EQ(parsed.content, source == TagSource::kText ? "b" : "");
  }
}

TEST(OutputParserTest, TextIsNotHeldBackBeyondATag) {
  const ToolSet set = tools();
  OutputParser parser({.start = OutputStart::kContent, .glue = {}, .tools = &set});
  parser.push("<tool_call");
  parser.push("> is prose");
  EXPECT_EQ(parser.take().front().text, "<tool_call> is prose");
  parser.push(OutputTag::kCallOpen);
  parser.push("`");
  EXPECT_EQ(parser.take().front().text, "<tool_call>`");
  parser.push(OutputTag::kCallOpen);
  parser.push("<function=w><parameter=t>\nlong text");
  Parsed parsed;
  collect(parser.take(), parsed);
  EXPECT_EQ(parsed.calls, std::vector<std::string>{R"(w{"t": "long text)"});
}

TEST(OutputParserTest, ThePromptsEndSaysWhereAnOutputBegins) {
  EXPECT_EQ(output_start("x<|im_start|>assistant\n<think>\n"), OutputStart::kReasoning);
  EXPECT_EQ(output_start("x<|im_start|>assistant\n<think></think>"), OutputStart::kContent);
  EXPECT_EQ(output_start(""), OutputStart::kContent);
}

TEST(PythonLiteralTest, WhatIsNoLiteralGivesNothing) {
  for (const char* text :
       {"", "{", "[1 2]", "{1: 2}", "{'a' 1}", "'x", "open('f')", "[1,,2]", "1.2.3"}) {
    EXPECT_EQ(python_literal_to_json(text), std::nullopt) << text;
  }
  EXPECT_EQ(python_literal_to_json(std::string(100000, '[')), std::nullopt);
  EXPECT_EQ(python_literal_to_json("{'a': '\\u00e9\\x41', }"), "{\"a\": \"\u00e9A\"}");
}

}  // namespace
}  // namespace dak
