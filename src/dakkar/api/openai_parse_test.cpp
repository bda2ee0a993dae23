#include "dakkar/api/openai_parse.h"

#include <random>
#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/api/openai.h"

namespace dak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

ServedModel served() {
  ServedModel model;
  model.names = {"tiny", "alias"};
  model.max_model_len = 1000;
  model.vocab = 256;
  model.defaults.eos_ids = {2};
  model.defaults.temperature = 0.7;
  model.defaults.top_p = 0.9;
  return model;
}

Result<ChatRequest> parse_chat(const std::string& fields) {
  const ServedModel model = served();
  const std::string body = R"({"messages":[{"role":"user","content":"hi"}])" +
                           (fields.empty() ? "" : "," + fields) + "}";
  return parse_openai({.body = body, .id = "id", .model = model, .route = OpenAiRoute::kChat});
}

Result<ChatRequest> parse_completion(const std::string& fields) {
  const ServedModel model = served();
  return parse_openai(
      {.body = "{" + fields + "}", .id = "id", .model = model, .route = OpenAiRoute::kCompletions});
}

/// A field with a value that is right and one that is not, and the field that the error names.
struct FieldCase {
  std::string good;
  std::string bad;
  std::string param;
};

void PrintTo(const FieldCase& c, std::ostream* out) {
  *out << c.param << " " << c.bad;
}

class ChatFieldTest : public testing::TestWithParam<FieldCase> {};

TEST_P(ChatFieldTest, AcceptsTheGoodValue) {
  const Result<ChatRequest> request = parse_chat(GetParam().good);
  EXPECT_TRUE(request.has_value()) << request.error().message;
}

TEST_P(ChatFieldTest, RefusesTheBadValueByName) {
  const Result<ChatRequest> request = parse_chat(GetParam().bad);
  ASSERT_FALSE(request.has_value());
  EXPECT_EQ(request.error().param, GetParam().param);
  EXPECT_THAT(request.error().message, HasSubstr(GetParam().param));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ChatFieldTest,
    testing::Values(
        FieldCase{R"("model":"alias")", R"("model":"other")", "model"},
        FieldCase{R"("model":null)", R"("model":5)", "model"},
        FieldCase{R"("temperature":0)", R"("temperature":2.1)", "temperature"},
        FieldCase{R"("temperature":2)", R"("temperature":"hot")", "temperature"},
        FieldCase{R"("top_p":1)", R"("top_p":0)", "top_p"},
        FieldCase{R"("top_k":-1)", R"("top_k":-2)", "top_k"},
        FieldCase{R"("top_k":40)", R"("top_k":1.5)", "top_k"},
        FieldCase{R"("min_p":0.5)", R"("min_p":1.5)", "min_p"},
        FieldCase{R"("presence_penalty":-2)", R"("presence_penalty":-2.1)", "presence_penalty"},
        FieldCase{R"("frequency_penalty":2)", R"("frequency_penalty":3)", "frequency_penalty"},
        FieldCase{R"("repetition_penalty":1.1)", R"("repetition_penalty":0)", "repetition_penalty"},
        FieldCase{R"("logit_bias":{"5":200})", R"("logit_bias":{"x":1})", "logit_bias"},
        FieldCase{R"("logit_bias":{})", R"("logit_bias":{"256":1})", "logit_bias"},
        FieldCase{R"("seed":-7)", R"("seed":9223372036854775808)", "seed"},
        FieldCase{R"("n":8)", R"("n":9)", "n"}, FieldCase{R"("n":1)", R"("n":0)", "n"},
        FieldCase{R"("n":2,"temperature":0)", R"("n":1.5)", "n"},
        FieldCase{R"("max_tokens":1)", R"("max_tokens":0)", "max_tokens"},
        FieldCase{R"("max_completion_tokens":5)", R"("max_completion_tokens":-1)",
                  "max_completion_tokens"},
        FieldCase{R"("min_tokens":3,"max_tokens":3)", R"("min_tokens":4,"max_tokens":3)",
                  "min_tokens"},
        FieldCase{R"("stop":"x")", R"("stop":"")", "stop"},
        FieldCase{R"("stop":["a","b"])", R"("stop":5)", "stop"},
        FieldCase{R"("stop":null)", R"("stop":[1])", "stop[0]"},
        FieldCase{R"("stop_token_ids":[0,255])", R"("stop_token_ids":[256])", "stop_token_ids"},
        FieldCase{R"("include_stop_str_in_output":true)", R"("include_stop_str_in_output":1)",
                  "include_stop_str_in_output"},
        FieldCase{R"("ignore_eos":true)", R"("ignore_eos":"yes")", "ignore_eos"},
        FieldCase{R"("skip_special_tokens":false)", R"("skip_special_tokens":0)",
                  "skip_special_tokens"},
        FieldCase{R"("spaces_between_special_tokens":true)", R"("stream":"true")", "stream"},
        FieldCase{R"("stream":true,"stream_options":{"include_usage":true})",
                  R"("stream_options":{"include_usage":true})", "stream_options"},
        FieldCase{R"("stream":true,"stream_options":{"continuous_usage_stats":true})",
                  R"("stream":true,"stream_options":{"include_usage":1})",
                  "stream_options.include_usage"},
        FieldCase{R"("logprobs":true,"top_logprobs":20)", R"("logprobs":true,"top_logprobs":21)",
                  "top_logprobs"},
        FieldCase{R"("top_logprobs":0)", R"("top_logprobs":1)", "top_logprobs"},
        FieldCase{R"("logprobs":false)", R"("logprobs":true,"top_logprobs":"x")", "top_logprobs"},
        FieldCase{R"("logprob_token_ids":null)", R"("logprob_token_ids":[1])", "logprob_token_ids"},
        FieldCase{R"("prompt_logprobs":null)", R"("prompt_logprobs":1)", "prompt_logprobs"},
        FieldCase{R"("echo":true)", R"("echo":"all")", "echo"},
        FieldCase{R"("tools":[])", R"("tools":[{"type":"function"}])", "tools[0].function"},
        FieldCase{R"("tool_choice":"auto")", R"("tool_choice":"required")", "tool_choice"},
        FieldCase{R"("tool_choice":"none")",
                  R"("tool_choice":{"type":"function","function":{"name":"f"}})", "tool_choice"},
        FieldCase{R"("parallel_tool_calls":true)", R"("functions":[{"name":"f"}])", "functions"},
        FieldCase{R"("response_format":{"type":"text"})",
                  R"("response_format":{"type":"json_object"})", "response_format"},
        FieldCase{R"("response_format":null)", R"("response_format":"json")", "response_format"},
        FieldCase{R"("structured_outputs":null)", R"("structured_outputs":{"regex":"a"})",
                  "structured_outputs"},
        FieldCase{R"("guided_json":null)", R"("guided_json":{"type":"object"})", "guided_json"}));

INSTANTIATE_TEST_SUITE_P(
    TableContinued, ChatFieldTest,
    testing::Values(
        FieldCase{R"("guided_choice":[])", R"("guided_choice":["a"])", "guided_choice"},
        FieldCase{R"("guided_regex":"")", R"("guided_regex":"a+")", "guided_regex"},
        FieldCase{R"("guided_grammar":null)", R"("guided_grammar":"g")", "guided_grammar"},
        FieldCase{R"("regex":null)", R"("regex":"a")", "regex"},
        FieldCase{R"("ebnf":null)", R"("ebnf":"root ::= x")", "ebnf"},
        FieldCase{R"("reasoning_effort":"medium")", R"("reasoning_effort":"huge")",
                  "reasoning_effort"},
        FieldCase{R"("reasoning":{"effort":"low","enabled":true})",
                  R"("reasoning":{"effort":"all"})", "reasoning.effort"},
        FieldCase{R"("thinking_token_budget":-1)", R"("thinking_token_budget":100)",
                  "thinking_token_budget"},
        FieldCase{R"("nvext":{})", R"("nvext":{"max_thinking_tokens":5})",
                  "nvext.max_thinking_tokens"},
        FieldCase{R"("include_reasoning":true)", R"("reasoning_budget":10)", "reasoning_budget"},
        FieldCase{R"("separate_reasoning":true,"stream_reasoning":true)", R"("stream_interval":4)",
                  "stream_interval"},
        FieldCase{R"("chat_template_kwargs":{"enable_thinking":false})",
                  R"("chat_template_kwargs":[])", "chat_template_kwargs"},
        FieldCase{R"("chat_template":null)", R"("chat_template":"x")", "chat_template"},
        FieldCase{R"("add_generation_prompt":false)", R"("add_generation_prompt":2)",
                  "add_generation_prompt"},
        FieldCase{R"("continue_final_message":true,"add_generation_prompt":false)",
                  R"("continue_final_message":true,"add_generation_prompt":true)",
                  "continue_final_message"},
        FieldCase{R"("add_special_tokens":true)", R"("add_special_tokens":"x")",
                  "add_special_tokens"},
        FieldCase{R"("documents":[])", R"("documents":{})", "documents"},
        FieldCase{R"("truncate_prompt_tokens":-1)", R"("truncate_prompt_tokens":0)",
                  "truncate_prompt_tokens"},
        FieldCase{R"("truncate_prompt_tokens":5,"truncation_side":"right")",
                  R"("truncation_side":"middle")", "truncation_side"},
        FieldCase{R"("allowed_token_ids":null)", R"("allowed_token_ids":[1])", "allowed_token_ids"},
        FieldCase{R"("bad_words":[])", R"("bad_words":["x"])", "bad_words"},
        FieldCase{R"("priority":-5)", R"("priority":"high")", "priority"},
        FieldCase{R"("request_id":"a.b:c-d_e")", R"("request_id":"a b")", "request_id"},
        FieldCase{R"("rid":"a")", R"("rid":"é")", "rid"},
        FieldCase{R"("user":"u","store":false,"metadata":{"a":"b"},"service_tier":"auto")",
                  R"("modalities":["text","audio"])", "modalities"},
        FieldCase{R"("modalities":["text"])", R"("audio":{"voice":"x"})", "audio"},
        FieldCase{R"("cache_salt":"tenant")", R"("cache_salt":"a/b")", "cache_salt"},
        FieldCase{R"("return_token_ids":true)", R"("return_token_ids":1)", "return_token_ids"},
        FieldCase{R"("return_tokens_as_token_ids":true)", R"("return_tokens_as_token_ids":1)",
                  "return_tokens_as_token_ids"},
        FieldCase{R"("repetition_detection":null)",
                  R"("repetition_detection":{"max_pattern_size":5})", "repetition_detection"},
        FieldCase{R"("use_beam_search":false)", R"("use_beam_search":true)", "use_beam_search"},
        FieldCase{R"("best_of":1)", R"("best_of":2)", "best_of"},
        FieldCase{R"("length_penalty":1.0)", R"("length_penalty":0.5)", "length_penalty"},
        FieldCase{R"("early_stopping":false)", R"("early_stopping":true)", "early_stopping"},
        FieldCase{R"("kv_transfer_params":null)", R"("kv_transfer_params":{"a":1})",
                  "kv_transfer_params"},
        FieldCase{R"("vllm_xargs":null)", R"("vllm_xargs":{"a":1})", "vllm_xargs"},
        FieldCase{R"("lora_path":null)", R"("lora_path":"x")", "lora_path"},
        FieldCase{R"("mm_processor_kwargs":null)", R"("mm_processor_kwargs":{"a":1})",
                  "mm_processor_kwargs"}));

struct BadBody {
  std::string body;
  std::string says;
};

void PrintTo(const BadBody& c, std::ostream* out) {
  *out << c.body;
}

class BadBodyTest : public testing::TestWithParam<BadBody> {};

TEST_P(BadBodyTest, IsRefused) {
  const ServedModel model = served();
  const Result<ChatRequest> request = parse_openai(
      {.body = GetParam().body, .id = "id", .model = model, .route = OpenAiRoute::kChat});
  ASSERT_FALSE(request.has_value());
  EXPECT_EQ(request.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(request.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Bodies, BadBodyTest,
    testing::Values(
        BadBody{"", ""}, BadBody{"[]", "object"}, BadBody{"{", ""}, BadBody{"{} x", ""},
        BadBody{R"({"messages":[],"messages":[]})", "occurs twice"},
        BadBody{R"({"messages":[{"role":"user","content":"\ud800"}]})", ""},
        BadBody{R"({"temperature":NaN,"messages":[{"role":"user","content":"a"}]})", ""},
        BadBody{"{}", "messages is missing"}, BadBody{R"({"messages":[]})", "at least one"},
        BadBody{R"({"messages":"hi"})", "messages must be an array"},
        BadBody{R"({"messages":[5]})", "messages[0]"},
        BadBody{R"({"messages":[{"role":"king","content":"x"}]})", "messages[0].role"},
        BadBody{R"({"messages":[{"content":"x"}]})", "messages[0].role"},
        BadBody{R"({"messages":[{"role":"user"}]})", "messages[0].content is missing"},
        BadBody{R"({"messages":[{"role":"user","content":7}]})", "messages[0].content"},
        BadBody{R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})", "text only"},
        BadBody{R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})", "content[0].text"},
        BadBody{R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":)"
                R"([{"function":{"name":"f","arguments":"[1]"}}]}]})",
                "messages[1].tool_calls[0].function.arguments"}));

std::vector<ChatMessage> messages_of(const std::string& messages) {
  const ServedModel model = served();
  const std::string body = R"({"messages":)" + messages + "}";
  const Result<ChatRequest> request =
      parse_openai({.body = body, .id = "id", .model = model, .route = OpenAiRoute::kChat});
  EXPECT_TRUE(request.has_value());
  return std::get<ChatPrompt>(request->prompts.front()).messages;
}

TEST(OpenAiMessagesTest, TextPartsAreJoinedByLineFeeds) {
  const auto messages = messages_of(R"([{"role":"user","content":[{"type":"text","text":"a"},)"
                                    R"({"type":"input_text","text":"b"}]}])");
  EXPECT_EQ(messages[0].content, "a\nb");
}

TEST(OpenAiMessagesTest, SystemAndDeveloperAtTheHeadBecomeOne) {
  const auto messages =
      messages_of(R"([{"role":"system","content":"a"},{"role":"developer","content":"b"},)"
                  R"({"role":"user","content":"c"},{"role":"system","content":"d"}])");
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].content, "a\n\nb");
  EXPECT_EQ(messages[2].role, "system");
}

TEST(OpenAiMessagesTest, EarlierTurnsKeepReasoningAndCalls) {
  const auto messages = messages_of(
      R"([{"role":"user","content":"a"},{"role":"assistant","content":null,"reasoning":"why",)"
      R"("tool_calls":[{"id":"c1","function":{"name":"f","arguments":""}}]},)"
      R"({"role":"tool","tool_call_id":"c1","content":"done"}])");
  EXPECT_EQ(messages[1].reasoning, "why");
  EXPECT_EQ(messages[1].tool_calls[0].arguments, "{}");
  EXPECT_EQ(messages[2].tool_call_id, "c1");
}

TEST(OpenAiMessagesTest, BlankOrOddReasoningIsNone) {
  const auto messages =
      messages_of(R"([{"role":"assistant","content":"a","reasoning_content":" \n"},)"
                  R"({"role":"assistant","content":"b","reasoning_content":5}])");
  EXPECT_EQ(messages[0].reasoning + messages[1].reasoning, "");
}

TEST(OpenAiChatTest, DefaultsComeFromTheCheckpoint) {
  const Result<ChatRequest> request = parse_chat("");
  ASSERT_TRUE(request.has_value());
  EXPECT_FLOAT_EQ(request->sampling.temperature, 0.7F);
  EXPECT_FLOAT_EQ(request->sampling.top_p, 0.9F);
  EXPECT_EQ(request->model, "tiny");
  EXPECT_EQ(request->max_tokens, std::nullopt);
  EXPECT_EQ(request->sampling.top_logprobs, -1);
}

TEST(OpenAiChatTest, TheNewerNameOfMaxTokensWins) {
  EXPECT_EQ(parse_chat(R"("max_tokens":5,"max_completion_tokens":7)")->max_tokens, 7);
}

TEST(OpenAiChatTest, LogitBiasIsClamped) {
  const Result<ChatRequest> request = parse_chat(R"("logit_bias":{"3":500,"4":-500})");
  EXPECT_THAT(request->sampling.logit_bias,
              ElementsAre(std::pair(TokenId{3}, 100.0F), std::pair(TokenId{4}, -100.0F)));
}

TEST(OpenAiChatTest, UnknownFieldsPassAndAreNamed) {
  const Result<ChatRequest> request = parse_chat(R"("frobnicate":1,"prompt":"x")");
  ASSERT_TRUE(request.has_value());
  EXPECT_THAT(request->unknown_fields, ElementsAre("frobnicate", "prompt"));
}

TEST(OpenAiChatTest, AFeatureThatIsNotThereSaysSo) {
  const Result<ChatRequest> request = parse_chat(R"("tool_choice":"required")");
  ASSERT_FALSE(request.has_value());
  EXPECT_EQ(request.error().code, ErrorCode::kUnimplemented);
  EXPECT_THAT(request.error().message, HasSubstr("tool_choice cannot force a call yet"));
}

TEST(OpenAiChatTest, TooManyOrTooLongStopsAreRefused) {
  std::string many = R"("stop":["a")";
  for (int i = 0; i < 16; ++i) {
    many += R"(,"a")";
  }
  EXPECT_EQ(parse_chat(many + "]").error().param, "stop");
  EXPECT_EQ(parse_chat(fmt::format(R"("stop":"{}")", std::string(257, 'a'))).error().param, "stop");
}

TEST(OpenAiCompletionTest, TakesEveryFormOfPrompt) {
  EXPECT_EQ(std::get<TextPrompt>(parse_completion(R"("prompt":"a")")->prompts[0]).text, "a");
  EXPECT_EQ(parse_completion(R"("prompt":["a","b"])")->prompts.size(), 2U);
  const auto ids = parse_completion(R"("prompt":[1,2])");
  EXPECT_THAT(std::get<std::vector<TokenId>>(ids->prompts[0]), ElementsAre(1, 2));
  EXPECT_EQ(parse_completion(R"("prompt":[[1],[2,3]])")->prompts.size(), 2U);
}

TEST(OpenAiCompletionTest, RefusesPromptsThatCannotBe) {
  for (const std::string bad : {"", R"("prompt":[])", R"("prompt":{})", R"("prompt":[-1])",
                                R"("prompt":[256])", R"("prompt":[[]])", R"("prompt":5)"}) {
    const Result<ChatRequest> request = parse_completion(bad);
    ASSERT_FALSE(request.has_value()) << bad;
    EXPECT_THAT(request.error().param, testing::StartsWith("prompt")) << bad;
  }
}

TEST(OpenAiCompletionTest, SixteenTokensUnlessAskedOtherwise) {
  EXPECT_EQ(parse_completion(R"("prompt":"a")")->max_tokens, 16);
  EXPECT_EQ(parse_completion(R"("prompt":"a","max_tokens":0,"echo":true)")->max_tokens, 0);
  EXPECT_EQ(parse_completion(R"("prompt":"a","max_tokens":0)").error().param, "max_tokens");
}

TEST(OpenAiCompletionTest, LogprobsIsANumber) {
  EXPECT_EQ(parse_completion(R"("prompt":"a","logprobs":3)")->sampling.top_logprobs, 3);
  EXPECT_FALSE(parse_completion(R"("prompt":"a","logprobs":null)")->reply.logprobs);
  EXPECT_EQ(parse_completion(R"("prompt":"a","logprobs":21)").error().param, "logprobs");
  EXPECT_EQ(parse_completion(R"("prompt":"a","logprobs":1,"echo":true)").error().param, "logprobs");
}

TEST(OpenAiCompletionTest, SuffixIsRefused) {
  EXPECT_EQ(parse_completion(R"("prompt":"a","suffix":"b")").error().param, "suffix");
  EXPECT_TRUE(parse_completion(R"("prompt":"a","suffix":null)").has_value());
}

TEST(OpenAiCompletionTest, OneRequestHasABoundedNumberOfChoices) {
  std::string prompts = R"("a")";
  for (int i = 0; i < 20; ++i) {
    prompts += R"(,"a")";
  }
  EXPECT_EQ(parse_completion(fmt::format(R"("prompt":[{}],"n":8)", prompts)).error().param, "n");
}

TEST(OpenAiCompletionTest, TheBenchClientsBodyIsAccepted) {
  const Result<ChatRequest> request = parse_completion(
      R"("model":"tiny","prompt":"a","repetition_penalty":1.0,"max_tokens":9,"logprobs":null,)"
      R"("stream":true,"stream_options":{"include_usage":true},"ignore_eos":true)");
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_TRUE(request->unknown_fields.empty());
}

TEST(OpenAiChatTest, DamagedBodiesAreErrorsAndNothingWorse) {
  const std::string whole =
      R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"stop":["x"],)"
      R"("logit_bias":{"3":1},"stream":true,"stream_options":{"include_usage":true},"n":2})";
  const ServedModel model = served();
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string body = whole;
    for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes) {
      body[random() % body.size()] = static_cast<char>(random() % 256);
    }
    const Result<ChatRequest> request =
        parse_openai({.body = body, .id = "id", .model = model, .route = OpenAiRoute::kChat});
    refused += request.has_value() ? 0 : 1;
    EXPECT_TRUE(request.has_value() || !request.error().message.empty());
  }
  EXPECT_GT(refused, 1000);
}

TEST(OpenAiModelsTest, TheTrainedLengthIsSaidWhereLongerRequestsAreLetIn) {
  ServedModel model = served();
  model.trained_len = 1000;
  EXPECT_THAT(models_body(model), Not(HasSubstr("trained_len")));
  model.trained_len = 256;
  EXPECT_THAT(models_body(model), HasSubstr(R"("max_model_len":1000,"trained_len":256)"));
}

}  // namespace
}  // namespace dak
