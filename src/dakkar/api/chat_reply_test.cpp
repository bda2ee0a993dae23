#include <regex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/api/openai.h"
#include "dakkar/api/prepared_call.h"
#include "support/test_server.h"

namespace dak {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kTool =
    R"("tools":[{"type":"function","function":{"name":"get_w","strict":false,"parameters":{
      "properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}}])";
constexpr std::string_view kOutput =
    "Need it.</think>Checking.\n<tool_call>\n<function=get_w>\n<parameter=city>\nOslo\n"
    "</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>\n";

/// Replies of a model that writes a given text, whatever it is asked.
class ChatReplyTest : public testing::Test {
 protected:
  [[nodiscard]] PreparedCall prepare(const std::string& fields) const {
    const std::string body =
        R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":900)" + fields + "}";
    const Result<ChatRequest> request = dialect_.parse(body, "r", tiny_served_model());
    EXPECT_TRUE(request.has_value()) << (request ? "" : request.error().message);
    Result<PreparedCall> call = prepare_call(*request, text_, tiny_served_model());
    EXPECT_TRUE(call.has_value()) << (call ? "" : call.error().message);
    return std::move(*call);
  }

  /// The bytes of a reply, `group` tokens to a step; random ids are spelled X.
  [[nodiscard]] std::string reply(const std::string& fields, std::string_view output,
                                  size_t group = 1) const {
    PreparedCall call = prepare(fields);
    ChatStream stream(call.choices.front().text);
    const auto writer = dialect_.open_reply(call.reply);
    const std::vector<TokenId> ids = *text_.tokenizer()->encode(output, AddSpecialTokens::kNo);
    std::string bytes;
    ChatUsage usage;
    for (size_t at = 0; at < ids.size(); at += group) {
      GenerationEvent event;
      for (size_t i = at; i < std::min(at + group, ids.size()); ++i) {
        event.tokens.push_back({.id = ids[i], .logprob = -1.0F, .edge = 0.0F, .top = {}});
      }
      if (at + group >= ids.size()) {
        event.finish = FinishReason::kStop;
      }
      const ChatDelta delta = stream.push(event);
      usage.completion_tokens += static_cast<int64_t>(event.tokens.size());
      usage.reasoning_tokens += delta.reasoning_tokens;
      bytes += writer->add(delta, usage);
      if (delta.finish) {
        break;
      }
    }
    bytes += writer->finish(usage);
    return std::regex_replace(bytes, std::regex("call_[0-9a-f]{24}"), "call_X");
  }

  /// Everything that `pattern` captures in the events of a stream, joined.
  static std::string joined(const std::string& events, const std::string& pattern) {
    std::string out;
    const std::regex expression(pattern);
    for (std::sregex_iterator it(events.begin(), events.end(), expression), end; it != end; ++it) {
      out += (*it)[1];
    }
    return out;
  }

  const CheckpointText text_ = tiny_text();
  const OpenAiDialect dialect_{OpenAiRoute::kChat};
};

TEST_F(ChatReplyTest, AWholeReplyHoldsReasoningContentAndCalls) {
  const std::string body = reply("," + std::string(kTool), kOutput);
  EXPECT_THAT(body,
              HasSubstr(R"("message":{"role":"assistant","content":"Checking.",)"
                        R"("reasoning_content":"Need it.","reasoning":"Need it.",)"
                        R"("tool_calls":[{"id":"call_X","type":"function","function":)"
                        R"({"name":"get_w","arguments":"{\"city\": \"Oslo\", \"days\": 3}"}}]})"));
  EXPECT_THAT(body, HasSubstr(R"("finish_reason":"tool_calls")"));
  EXPECT_THAT(body,
              HasSubstr("\"reasoning_tokens\":" +
                        std::to_string(
                            text_.tokenizer()->encode("Need it.", AddSpecialTokens::kNo)->size()) +
                        "}"));
}

TEST_F(ChatReplyTest, AStreamGivesTheSameWhateverTheSteps) {
  for (const size_t group : {1U, 3U, 7U, 1000U}) {
    const std::string events = reply(R"(,"stream":true,)" + std::string(kTool), kOutput, group);
    EXPECT_EQ(joined(events, R"re("reasoning_content":"([^"]*)")re"), "Need it.") << group;
    EXPECT_EQ(joined(events, R"re("delta":\{"content":"([^"]*)")re"), "Checking.") << group;
    EXPECT_EQ(joined(events, R"re("arguments":"((?:[^"\\]|\\.)*)")re"),
              R"({\"city\": \"Oslo\", \"days\": 3})")
        << group;
    EXPECT_EQ(joined(events, R"re("id":"(call_X)")re"), "call_X") << group;
    EXPECT_THAT(events, Not(HasSubstr(R"("delta":{},"logprobs":null,"finish_reason":null)")));
    EXPECT_THAT(events, HasSubstr(R"("finish_reason":"tool_calls")"));
  }
}

TEST_F(ChatReplyTest, ACallWithoutContentHasNullContent) {
  const std::string body = reply("," + std::string(kTool),
                                 "</think><tool_call>\n<function=get_w>\n</function>\n"
                                 "</tool_call>");
  EXPECT_THAT(body, HasSubstr(R"("content":null,"tool_calls")"));
  EXPECT_THAT(body, HasSubstr(R"("arguments":"{}")"));
}

TEST_F(ChatReplyTest, WithoutToolsOrWithChoiceNoneACallIsText) {
  for (const std::string& fields :
       {std::string(), "," + std::string(kTool) + R"(,"tool_choice":"none")"}) {
    const std::string body = reply(fields, "a</think>b<function=get_w>");
    EXPECT_THAT(body, HasSubstr(R"("content":"b<function=get_w>","reasoning_content":"a")"));
    EXPECT_THAT(body, HasSubstr(R"("finish_reason":"stop")"));
  }
}

TEST_F(ChatReplyTest, ThinkingThatIsOffLeavesContentOnly) {
  const std::string off = R"(,"chat_template_kwargs":{"enable_thinking":false})";
  const std::string body = reply(off, "plain");
  EXPECT_THAT(body, HasSubstr(R"("message":{"role":"assistant","content":"plain"})"));
}

TEST_F(ChatReplyTest, ReasoningMayStayInTheContent) {
  EXPECT_THAT(reply(R"(,"separate_reasoning":false)", "a</think>b"),
              HasSubstr(R"("message":{"role":"assistant","content":"ab"})"));
}

TEST_F(ChatReplyTest, ReasoningStandsForContentThatNeverCameWhenAsked) {
  const std::string asked = R"(,"chat_template_kwargs":{"force_nonempty_content":true})";
  EXPECT_THAT(reply(asked, "only this</think>\n"),
              HasSubstr(R"("message":{"role":"assistant","content":"only this"})"));
  EXPECT_THAT(reply("", "only this</think>"),
              HasSubstr(R"("content":"","reasoning_content":"only this")"));
}

TEST_F(ChatReplyTest, OneCallEndsTheReplyWhereOnlyOneIsWanted) {
  const std::string two = std::string(kOutput) + std::string(kOutput.substr(8));
  const std::string one = "," + std::string(kTool) + R"(,"parallel_tool_calls":false)";
  const std::string body = reply(one, two);
  EXPECT_EQ(joined(body, R"re("id":"(call_X)")re"), "call_X");
  EXPECT_THAT(body, HasSubstr(R"("finish_reason":"tool_calls")"));
  EXPECT_EQ(joined(reply("," + std::string(kTool), two), R"re("id":"(call_X)")re"), "call_Xcall_X");
}

TEST_F(ChatReplyTest, ToolsReachTheTemplateWithoutIdleMembers) {
  const PreparedCall with = prepare("," + std::string(kTool));
  const std::string prompt =
      text_.tokenizer()->decode(with.choices.front().request.prompt, SkipSpecialTokens::kNo);
  EXPECT_THAT(prompt, HasSubstr("get_w"));
  EXPECT_THAT(prompt, Not(HasSubstr("strict")));
}

}  // namespace
}  // namespace dak
