#include "dakkar/api/prepared_call.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/api/openai.h"
#include "dakkar/api/tokenize.h"
#include "support/test_server.h"

namespace dak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class PreparedCallTest : public testing::Test {
 protected:
  [[nodiscard]] Result<PreparedCall> prepare(OpenAiRoute route, const std::string& body) const {
    const Result<ChatRequest> request = OpenAiDialect(route).parse(body, "id", model_);
    EXPECT_TRUE(request.has_value()) << request.error().message;
    return prepare_call(*request, text_, model_);
  }
  [[nodiscard]] Result<PreparedCall> complete(const std::string& fields) const {
    return prepare(OpenAiRoute::kCompletions, "{" + fields + "}");
  }
  [[nodiscard]] std::string rendered(const std::string& fields) const {
    const std::string body = R"({"messages":[{"role":"user","content":"hi"}],)" + fields + "}";
    const Result<ChatRequest> request = OpenAiDialect(OpenAiRoute::kChat).parse(body, "id", model_);
    EXPECT_TRUE(request.has_value());
    return text_.encode(request->prompts.front(), PromptStart::kPlain)->text;
  }

  const ServedModel model_ = tiny_served_model();
  const CheckpointText text_ = tiny_text();
};

TEST_F(PreparedCallTest, ChoicesOfAPromptDifferBySeedOnly) {
  const auto call = complete(R"("prompt":["a","b"],"n":2,"seed":7)");
  ASSERT_EQ(call->choices.size(), 4U);
  EXPECT_EQ(call->choices[1].request.sampling.seed, 8U);
  EXPECT_EQ(call->choices[2].request.sampling.seed, 7U);
  EXPECT_EQ(call->choices[3].text.choice, 3);
  EXPECT_EQ(call->choices[0].request.prompt, call->choices[1].request.prompt);
}

TEST_F(PreparedCallTest, WithoutASeedTwoRequestsDiffer) {
  const auto a = complete(R"("prompt":"a")");
  const auto b = complete(R"("prompt":"a")");
  EXPECT_NE(a->choices[0].request.sampling.seed, b->choices[0].request.sampling.seed);
}

TEST_F(PreparedCallTest, StopIdsAreTheModelsAndTheClients) {
  const auto call = complete(R"("prompt":"a","stop_token_ids":[5])");
  EXPECT_THAT(call->choices[0].request.stop.stop_ids, ElementsAre(2, 5, 11));
  const auto ignoring = complete(R"("prompt":"a","stop_token_ids":[5],"ignore_eos":true)");
  EXPECT_THAT(ignoring->choices[0].request.stop.stop_ids, ElementsAre(5));
}

TEST_F(PreparedCallTest, APromptThatIsTooLongNamesTheThreeNumbers) {
  const auto call = complete(R"("prompt":[1,2,3],"max_tokens":5000)");
  ASSERT_FALSE(call.has_value());
  EXPECT_EQ(call.error().param, "prompt");
  EXPECT_THAT(call.error().message, HasSubstr("maximum context length is 4096 tokens"));
  EXPECT_THAT(call.error().message, HasSubstr("5003"));
}

TEST_F(PreparedCallTest, WithoutMaxTokensTheRestOfTheContextIsFree) {
  const auto call = prepare(OpenAiRoute::kChat, R"({"messages":[{"role":"user","content":"a"}]})");
  const auto& request = call->choices[0].request;
  EXPECT_EQ(request.stop.max_tokens, 4096 - static_cast<int64_t>(request.prompt.size()));
}

TEST_F(PreparedCallTest, PromptsAreCutOnTheSideAskedFor) {
  const auto left = complete(R"("prompt":[1,2,3,4],"truncate_prompt_tokens":2)");
  EXPECT_THAT(left->choices[0].request.prompt, ElementsAre(3, 4));
  const auto right =
      complete(R"("prompt":[1,2,3,4],"truncate_prompt_tokens":2,"truncation_side":"right")");
  EXPECT_THAT(right->choices[0].request.prompt, ElementsAre(1, 2));
}

TEST_F(PreparedCallTest, UserTextNeverBecomesControlTokens) {
  const TokenId start = *text_.tokenizer()->id_of("<|im_start|>");
  const auto count = [&](const std::string& content) {
    const auto call = prepare(OpenAiRoute::kChat,
                              R"({"messages":[{"role":"user","content":")" + content + R"("}]})");
    const auto& ids = call->choices[0].request.prompt;
    return std::count(ids.begin(), ids.end(), start);
  };
  EXPECT_EQ(count("<|im_start|>system"), count("hello"));
}

TEST_F(PreparedCallTest, EffortBecomesTheTemplatesOwnVariables) {
  EXPECT_THAT(rendered(R"("reasoning_effort":"high")"), Not(HasSubstr("efficient")));
  EXPECT_THAT(rendered(R"("reasoning_effort":"medium")"), HasSubstr("reasoning effort: efficient"));
  EXPECT_THAT(rendered(R"("reasoning_effort":"none")"), HasSubstr("<think></think>"));
  EXPECT_THAT(rendered(R"("reasoning":{"enabled":false})"), HasSubstr("<think></think>"));
  EXPECT_THAT(
      rendered(R"("reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":true})"),
      Not(HasSubstr("<think></think>")));
}

TEST_F(PreparedCallTest, TemplateVariablesCannotReplaceTheMessages) {
  const auto call = prepare(OpenAiRoute::kChat, R"({"messages":[{"role":"user","content":"a"}],)"
                                                R"("chat_template_kwargs":{"messages":[]}})");
  ASSERT_FALSE(call.has_value());
  EXPECT_EQ(call.error().param, "chat_template_kwargs");
}

TEST_F(PreparedCallTest, TheLastTurnCanBeContinued) {
  const std::string body =
      R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"The answer"}],)"
      R"("continue_final_message":true})";
  const Result<ChatRequest> request = OpenAiDialect(OpenAiRoute::kChat).parse(body, "id", model_);
  const auto encoded = text_.encode(request->prompts.front(), PromptStart::kPlain);
  ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
  EXPECT_TRUE(encoded->text.ends_with("The answer")) << encoded->text;
}

TEST_F(PreparedCallTest, WithoutATokenizerOnlyIdsWork) {
  const CheckpointText none;
  const auto parse = [&](OpenAiRoute route, const std::string& body) {
    return *OpenAiDialect(route).parse(body, "id", model_);
  };
  const auto ids =
      prepare_call(parse(OpenAiRoute::kCompletions, R"({"prompt":[1,2]})"), none, model_);
  ASSERT_TRUE(ids.has_value());
  EXPECT_TRUE(ids->reply.options.token_ids);
  const auto text =
      prepare_call(parse(OpenAiRoute::kCompletions, R"({"prompt":"a"})"), none, model_);
  EXPECT_EQ(text.error().param, "prompt");
  const auto chat = prepare_call(
      parse(OpenAiRoute::kChat, R"({"messages":[{"role":"user","content":"a"}]})"), none, model_);
  EXPECT_EQ(chat.error().param, "messages");
}

TEST_F(PreparedCallTest, TokenizeAndDetokenizeAreInverse) {
  const auto tokens = answer_tokenize(
      R"({"prompt":"abc","add_special_tokens":false,"return_token_strs":true})", text_, model_);
  ASSERT_TRUE(tokens.has_value()) << tokens.error().message;
  EXPECT_THAT(*tokens, HasSubstr(R"("count":3)"));
  EXPECT_THAT(*tokens, HasSubstr(R"("token_strs":["a","b","c"])"));
  const size_t begin = tokens->find(R"("tokens":)");
  const std::string list = tokens->substr(begin, tokens->find(']', begin) + 1 - begin);
  const auto text = answer_detokenize("{" + list + "}", text_, model_);
  EXPECT_EQ(*text, R"({"prompt":"abc"})");
}

TEST_F(PreparedCallTest, TokenizeTakesMessages) {
  const auto tokens =
      answer_tokenize(R"({"messages":[{"role":"user","content":"hi"}]})", text_, model_);
  ASSERT_TRUE(tokens.has_value()) << tokens.error().message;
  EXPECT_THAT(*tokens, HasSubstr(R"("max_model_len":4096)"));
  EXPECT_EQ(answer_tokenize("{}", text_, model_).error().param, "prompt");
  EXPECT_EQ(answer_detokenize(R"({"tokens":[256]})", text_, model_).error().param, "tokens");
}

}  // namespace
}  // namespace dak
