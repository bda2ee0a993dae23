#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_server.h"

namespace dak {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kHi = R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":4})";

std::string streaming(int64_t tokens, std::string_view more = "") {
  return fmt::format(R"({{"prompt":"abcdefgh","stream":true,"ignore_eos":true,"max_tokens":{}{}}})",
                     tokens, more);
}

/// Waits until `condition` holds, at most five seconds.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST(HttpServerTest, ProbesSayThatItIsReady) {
  const TestServer server;
  EXPECT_EQ(server.get("/livez").status, 200);
  EXPECT_EQ(server.get("/readyz").status, 200);
  EXPECT_EQ(server.get("/ping").status, 200);
  const HttpAnswer health = server.get("/health");
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, "");
}

TEST(HttpServerTest, WhileLoadingOnlyLivezIsWell) {
  TestServer server({.config = {}, .engine = {}, .start = TestServer::Start::kLoading});
  server.state().set_loading("loading weights", 100, 400);
  EXPECT_EQ(server.get("/livez").status, 200);
  EXPECT_EQ(server.get("/health").status, 503);
  const HttpAnswer ready = server.get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr(R"("status":"loading")"));
  EXPECT_THAT(ready.body, HasSubstr(R"("bytes_done":100,"bytes_total":400)"));
  const HttpAnswer refused = server.post("/v1/chat/completions", kHi);
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("ServiceUnavailableError"));
  server.become_ready();
  EXPECT_EQ(server.post("/v1/chat/completions", kHi).status, 200);
}

TEST(HttpServerTest, AnEngineThatStandsStillTurnsHealthWithinASecond) {
  TestServer server;
  ASSERT_EQ(server.get("/health").status, 200);
  server.engine().stand_still(11.0);
  const SteadyTime begin = steady_now();
  EXPECT_EQ(server.get("/health").status, 503);
  const HttpAnswer ready = server.get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("\"status\":\"stalled\""));
  EXPECT_THAT(ready.body, HasSubstr("step 7 of 2048 tokens"));
  EXPECT_LT(seconds_between(begin, steady_now()), 1.0);
  EXPECT_EQ(server.get("/livez").status, 200);
}

TEST(HttpServerTest, AStallIsADegradedServerNotADeadOne) {
  TestServer server;
  server.engine().stand_still(11.0);
  const HttpAnswer degraded = server.get("/healthz");
  EXPECT_EQ(degraded.status, 200);
  EXPECT_THAT(degraded.body, HasSubstr("\"status\":\"degraded\""));
  EXPECT_EQ(server.metric("dakkar:engine_stalled"), 1.0);
  EXPECT_EQ(server.metric("dakkar:engine_alive"), 1.0);
  server.engine().die();
  EXPECT_EQ(server.get("/healthz").status, 503);
  EXPECT_THAT(server.get("/readyz").body, HasSubstr("engine_dead"));
  EXPECT_EQ(server.post("/v1/chat/completions", kHi).status, 503);
}

TEST(HttpServerTest, AFailedSelfCheckEndsReadinessWithItsReason) {
  TestServer server;
  EXPECT_THAT(server.get("/readyz").body, HasSubstr(R"("self_check":{"outcome":"pending"})"));
  server.state().set_self_check({.outcome = SelfCheck::Outcome::kPassed,
                                 .detail = "",
                                 .logits_error = 0.003,
                                 .state_error = 0.001,
                                 .seconds = 0.2});
  const HttpAnswer passed = server.get("/readyz");
  EXPECT_EQ(passed.status, 200);
  EXPECT_THAT(passed.body, HasSubstr(R"("outcome":"passed","logits_error":0.003)"));
  EXPECT_EQ(server.metric("dakkar:self_check", "passed"), 1.0);
  server.state().set_self_check(
      {.outcome = SelfCheck::Outcome::kFailed, .detail = "logits of NaN"});
  const HttpAnswer failed = server.get("/readyz");
  EXPECT_EQ(failed.status, 503);
  EXPECT_THAT(failed.body, HasSubstr("the self-check failed: logits of NaN"));
  EXPECT_EQ(server.metric("dakkar:self_check", "failed"), 1.0);
  EXPECT_EQ(server.post("/v1/chat/completions", kHi).status, 503);
}

TEST(HttpServerTest, ARequestOfAnEngineThatDiesEndsWithAnError) {
  TestServer server({.config = {}, .engine = {.step_ms = 5}});
  HttpClient client(server.port());
  client.request("POST /v1/completions", streaming(4000));
  ASSERT_EQ(client.read_head().status, 200);
  ASSERT_TRUE(client.next_event().has_value());
  server.engine().die();
  std::string last;
  std::string error;
  while (const auto event = client.next_event()) {
    error = event->find("error") != std::string::npos ? *event : error;
    last = *event;
  }
  EXPECT_THAT(error, HasSubstr("InternalServerError"));
  EXPECT_EQ(last, "data: [DONE]");
}

TEST(HttpServerTest, UnknownRoutesAndWrongMethodsGetJsonErrors) {
  const TestServer server;
  const HttpAnswer lost = server.get("/v1/nothing");
  EXPECT_EQ(lost.status, 404);
  EXPECT_THAT(lost.body, HasSubstr("NotFoundError"));
  EXPECT_THAT(server.post("/v1/embeddings", "{}").body, HasSubstr("no embeddings endpoint"));
  const HttpAnswer wrong = server.get("/v1/chat/completions");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.field("allow"), "POST");
}

TEST(HttpServerTest, TheQueryStringDoesNotMatterForRouting) {
  const TestServer server;
  EXPECT_EQ(server.post("/v1/chat/completions?beta=true", kHi).status, 200);
  EXPECT_EQ(server.get("/v1/models/alias?x=1").status, 200);
  EXPECT_EQ(server.get("/v1/models/other").status, 404);
}

TEST(HttpServerTest, KeysAreTakenFromEitherHeader) {
  ServerConfig config;
  config.api_keys = {"one", "two"};
  const TestServer server({.config = config, .engine = {}});
  EXPECT_EQ(server.get("/v1/models").status, 401);
  EXPECT_EQ(server.get("/v1/models", "authorization: Bearer two\r\n").status, 200);
  EXPECT_EQ(server.get("/v1/models", "x-api-key: one\r\n").status, 200);
  const HttpAnswer wrong = server.get("/v1/models", "x-api-key: three\r\n");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_THAT(wrong.body, HasSubstr("AuthenticationError"));
  EXPECT_EQ(server.get("/health").status, 200);
  EXPECT_EQ(server.get("/metrics").status, 200);
}

TEST(HttpServerTest, OriginsOnTheListMayRead) {
  ServerConfig config;
  config.allowed_origins = {"https://a.example"};
  const TestServer server({.config = config, .engine = {}});
  const HttpAnswer good = server.get("/health", "origin: https://a.example\r\n");
  EXPECT_EQ(good.field("access-control-allow-origin"), "https://a.example");
  const HttpAnswer other = server.get("/health", "origin: https://b.example\r\n");
  EXPECT_EQ(other.field("access-control-allow-origin"), "");
}

TEST(HttpServerTest, RequestIdsAreEchoedAndNameTheReply) {
  const TestServer server;
  const HttpAnswer answer = server.post("/v1/chat/completions", kHi, "x-request-id: abc-1\r\n");
  EXPECT_EQ(answer.field("x-request-id"), "abc-1");
  EXPECT_THAT(answer.body, HasSubstr(R"("id":"chatcmpl-abc-1")"));
}

TEST(HttpServerTest, StreamsOneEventPerStepAndDoneOnce) {
  const TestServer server;
  HttpClient client(server.port());
  client.request("POST /v1/completions", streaming(4));
  const HttpAnswer head = client.read_head();
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.field("content-type"), StartsWith("text/event-stream"));
  std::vector<std::string> events;
  while (const auto event = client.next_event()) {
    events.push_back(*event);
  }
  ASSERT_EQ(events.size(), 5U);
  EXPECT_THAT(events[0], HasSubstr(R"("text":"a")"));
  EXPECT_THAT(events[3], HasSubstr(R"("finish_reason":"length")"));
  EXPECT_EQ(events[4], "data: [DONE]");
}

TEST(HttpServerTest, AQuietStreamIsKeptAliveByComments) {
  ServerConfig config;
  config.keep_alive_seconds = 0.05;
  const TestServer server({.config = config, .engine = {.step_ms = 300}});
  HttpClient client(server.port());
  client.request("POST /v1/completions", streaming(1));
  ASSERT_EQ(client.read_head().status, 200);
  EXPECT_EQ(client.next_event(), ": keep-alive");
}

TEST(HttpServerTest, LeavingAStreamCancelsItsRequest) {
  TestServer server({.config = {}, .engine = {.step_ms = 2}});
  HttpClient client(server.port());
  client.request("POST /v1/completions", streaming(4000));
  ASSERT_TRUE(client.read_head().status == 200 && client.next_event().has_value());
  client.close();
  EXPECT_TRUE(eventually([&] { return server.engine().cancelled() == 1; }));
  EXPECT_EQ(server.engine().running(), 0);
}

TEST(HttpServerTest, LeavingBeforeAWholeReplyCancelsItsRequest) {
  TestServer server({.config = {}, .engine = {.step_ms = 2}});
  HttpClient client(server.port());
  client.request("POST /v1/completions",
                 R"({"prompt":"abc","max_tokens":4000,"ignore_eos":true,"n":2})");
  ASSERT_TRUE(eventually([&] { return server.engine().running() == 2; }));
  const SteadyTime begin = steady_now();
  client.close();
  EXPECT_TRUE(eventually([&] { return server.engine().cancelled() == 2; }));
  EXPECT_LT(seconds_between(begin, steady_now()), 1.0);
}

TEST(HttpServerTest, AClientThatOnlyStopsSendingStillGetsItsReply) {
  TestServer server({.config = {}, .engine = {.step_ms = 2}});
  HttpClient client(server.port());
  client.request("POST /v1/completions", R"({"prompt":"ab","max_tokens":50,"ignore_eos":true})");
  client.close_sending();
  const HttpAnswer answer = client.read_answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"("completion_tokens":50)"));
}

TEST(HttpServerTest, HalfCloseAbortsWhenAskedTo) {
  ServerConfig config;
  config.half_close = HalfClose::kAbort;
  TestServer server({.config = config, .engine = {.step_ms = 2}});
  HttpClient client(server.port());
  client.request("POST /v1/completions", streaming(4000));
  ASSERT_EQ(client.read_head().status, 200);
  client.close_sending();
  EXPECT_TRUE(eventually([&] { return server.engine().cancelled() == 1; }));
}

TEST(HttpServerTest, AFullQueueGets429WithRetryAfter) {
  TestServer server({.config = {}, .engine = {.step_ms = 2, .max_queued = 1}});
  HttpClient first(server.port());
  first.request("POST /v1/completions", streaming(4000));
  ASSERT_EQ(first.read_head().status, 200);
  const HttpAnswer second = server.post("/v1/completions", streaming(1));
  EXPECT_EQ(second.status, 429);
  EXPECT_NE(second.field("retry-after"), "");
  EXPECT_THAT(second.body, HasSubstr("RateLimitError"));
  EXPECT_EQ(server.metric("vllm:admission_rejections_total"), 1.0);
}

TEST(HttpServerTest, ASlowReaderHoldsUpNobodyElse) {
  TestServer server({.config = {}, .engine = {.step_ms = 1}});
  HttpClient slow(server.port());
  slow.shrink_receive_buffer(256 << 10);
  slow.request("POST /v1/completions", streaming(4000, R"(,"logprobs":20)"));
  ASSERT_EQ(slow.read_head().status, 200);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const SteadyTime begin = steady_now();
  EXPECT_EQ(server.post("/v1/chat/completions", kHi).status, 200);
  EXPECT_LT(seconds_between(begin, steady_now()), 2.0);
  int64_t events = 0;
  while (slow.next_event()) {
    ++events;
  }
  EXPECT_EQ(events, 4001);
}

TEST(HttpServerTest, AnErrorInsideAStreamEndsItWithDone) {
  const TestServer server({.config = {}, .engine = {.fail_after_tokens = 2}});
  HttpClient client(server.port());
  client.request("POST /v1/completions", streaming(10));
  ASSERT_EQ(client.read_head().status, 200);
  std::vector<std::string> events;
  while (const auto event = client.next_event()) {
    events.push_back(*event);
  }
  ASSERT_EQ(events.size(), 4U);
  EXPECT_THAT(events[2], HasSubstr(R"(data: {"error":{"message":"this request failed)"));
  EXPECT_EQ(events[3], "data: [DONE]");
}

TEST(HttpServerTest, AnErrorOfAWholeReplyIs500) {
  const TestServer server({.config = {}, .engine = {.fail_after_tokens = 2}});
  const HttpAnswer answer = server.post("/v1/completions", R"({"prompt":"abc","max_tokens":9})");
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, HasSubstr("InternalServerError"));
}

TEST(HttpServerTest, DrainingRefusesNewRequestsAndLetsOldOnesEnd) {
  TestServer server({.config = {}, .engine = {.step_ms = 2}});
  HttpClient running(server.port());
  running.request("POST /v1/completions", streaming(100));
  ASSERT_EQ(running.read_head().status, 200);
  server.state().begin_drain();
  EXPECT_EQ(server.post("/v1/chat/completions", kHi).status, 503);
  EXPECT_EQ(server.get("/health").status, 503);
  EXPECT_EQ(server.get("/livez").status, 200);
  std::string last;
  while (const auto event = running.next_event()) {
    last = *event;
  }
  EXPECT_EQ(last, "data: [DONE]");
}

TEST(HttpServerTest, StoppingEndsRunningStreamsProperly) {
  TestServer server({.config = {}, .engine = {.step_ms = 2}});
  HttpClient running(server.port());
  running.request("POST /v1/completions", streaming(4000));
  ASSERT_EQ(running.read_head().status, 200);
  HttpClient idle(server.port());
  server.engine().drain(0.0);
  server.http().stop(5.0);
  std::string text;
  while (const auto event = running.next_event()) {
    text += *event;
  }
  EXPECT_THAT(text, HasSubstr(R"("stop_reason":"aborted")"));
  EXPECT_THAT(text, HasSubstr("[DONE]"));
  EXPECT_TRUE(idle.at_end());
}

TEST(HttpServerTest, MetricsCountWhatClientsSaw) {
  const TestServer server;
  (void)server.post("/v1/completions", R"({"prompt":"abc","max_tokens":5,"ignore_eos":true})");
  (void)server.post("/v1/completions", R"({"prompt":"abc","max_tokens":3,"strange_field":1})");
  (void)server.post("/v1/completions", R"({"prompt":"abc","max_tokens":-1})");
  EXPECT_EQ(server.metric("vllm:request_success_total", R"(finished_reason="length")"), 2.0);
  EXPECT_EQ(server.metric("vllm:generation_tokens_total"), 8.0);
  EXPECT_EQ(server.metric("vllm:time_to_first_token_seconds_count"), 2.0);
  EXPECT_EQ(server.metric("vllm:inter_token_latency_seconds_count"), 6.0);
  EXPECT_EQ(server.metric("http_requests_total", R"(status="400")"), 1.0);
  EXPECT_EQ(server.metric("dakkar:unknown_field_total", R"(field="strange_field")"), 1.0);
  EXPECT_THAT(server.get("/metrics").body, HasSubstr(R"(model_name="tiny")"));
}

}  // namespace
}  // namespace dak
