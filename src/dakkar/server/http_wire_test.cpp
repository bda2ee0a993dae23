#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_server.h"

namespace dak {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHi = R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":4})";

TEST(HttpWireTest, ABodyOverTheLimitGets413) {
  ServerConfig config;
  config.max_body_bytes = 1000;
  const TestServer server({.config = config, .engine = {}});
  const HttpAnswer answer = server.post("/v1/completions", std::string(2000, ' '));
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("RequestTooLarge"));
}

TEST(HttpWireTest, AChunkedBodyOverTheLimitGets413) {
  ServerConfig config;
  config.max_body_bytes = 1000;
  const TestServer server({.config = config, .engine = {}});
  HttpClient client(server.port());
  client.send("POST /v1/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n");
  client.send("7d0\r\n" + std::string(2000, ' ') + "\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_answer().status, 413);
}

TEST(HttpWireTest, BodiesOfAllConnectionsTogetherAreBounded) {
  ServerConfig config;
  config.max_bodies_bytes = 100'000;
  const TestServer server({.config = config, .engine = {}});
  const HttpAnswer answer = server.post("/v1/completions", std::string(200'000, ' '));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(server.post("/v1/chat/completions", kHi).status, 200);
}

TEST(HttpWireTest, ChunkedRequestBodiesAreRead) {
  const TestServer server;
  HttpClient client(server.port());
  client.send("POST /v1/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
  client.send("c\r\n{\"prompt\":\"a\r\n");
  client.send("12\r\nbc\",\"max_tokens\":2\r\n");
  client.send("1\r\n}\r\n0\r\n\r\n");
  const HttpAnswer answer = client.read_answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"("text":"ab")"));
}

TEST(HttpWireTest, ExpectContinueIsAnswered) {
  const TestServer server;
  HttpClient client(server.port());
  client.send(
      "POST /v1/completions HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 31\r\n\r\n");
  client.send(R"({"prompt":"abc","max_tokens":1})");
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST(HttpWireTest, AnEndlessHeaderGets431) {
  const TestServer server;
  HttpClient client(server.port());
  client.send("GET /health HTTP/1.1\r\nx: " + std::string(300'000, 'a'));
  EXPECT_EQ(client.read_answer().status, 431);
}

TEST(HttpWireTest, WhatIsNoHttpGets400) {
  const TestServer server;
  HttpClient client(server.port());
  client.send("hello there\r\n\r\n");
  EXPECT_EQ(client.read_answer().status, 400);
  EXPECT_TRUE(client.at_end());
}

TEST(HttpWireTest, AHeaderThatDripsIsCutOff) {
  ServerConfig config;
  config.header_seconds = 0.2;
  const TestServer server({.config = config, .engine = {}});
  HttpClient client(server.port());
  client.send("GET /hea");
  const SteadyTime begin = steady_now();
  EXPECT_TRUE(client.at_end());
  EXPECT_LT(seconds_between(begin, steady_now()), 5.0);
}

TEST(HttpWireTest, OneConnectionServesManyRequests) {
  TestServer server;
  HttpClient client(server.port());
  for (int i = 0; i < 5; ++i) {
    client.request("POST /v1/chat/completions", kHi);
    ASSERT_EQ(client.read_answer().status, 200);
  }
  EXPECT_EQ(server.http().connections(), 1);
}

TEST(HttpWireTest, PipelinedRequestsAreAnsweredInOrder) {
  const TestServer server;
  HttpClient client(server.port());
  client.request("POST /v1/completions", R"({"prompt":"xy","max_tokens":3,"ignore_eos":true})");
  client.request("GET /version", "");
  client.request("GET /livez", "");
  EXPECT_THAT(client.read_answer().body, HasSubstr(R"("text":"xyx")"));
  EXPECT_THAT(client.read_answer().body, HasSubstr("version"));
  EXPECT_THAT(client.read_answer().body, HasSubstr("alive"));
}

TEST(HttpWireTest, Http10StreamsUntilTheConnectionCloses) {
  const TestServer server;
  HttpClient client(server.port());
  const std::string body = R"({"prompt":"abc","stream":true,"ignore_eos":true,"max_tokens":3})";
  client.send(fmt::format("POST /v1/completions HTTP/1.0\r\ncontent-length: {}\r\n\r\n{}",
                          body.size(), body));
  const HttpAnswer head = client.read_head();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("transfer-encoding"), "");
  EXPECT_TRUE(client.at_end());
}

TEST(HttpWireTest, ConnectionsBeyondTheLimitAreTurnedAway) {
  ServerConfig config;
  config.max_connections = 1;
  const TestServer server({.config = config, .engine = {}});
  HttpClient first(server.port());
  first.request("GET /livez", "");
  ASSERT_EQ(first.read_answer().status, 200);
  HttpClient second(server.port());
  EXPECT_EQ(second.read_answer().status, 503);
}

TEST(HttpWireTest, ARefusedUploadIsAnsweredBeforeItIsRead) {
  ServerConfig config;
  config.api_keys = {"key"};
  const TestServer server({.config = config, .engine = {}});
  HttpClient client(server.port());
  client.send("POST /v1/completions HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n{");
  EXPECT_EQ(client.read_answer().status, 401);
}

TEST(HttpWireTest, HeadAnswersWithoutABody) {
  const TestServer server;
  HttpClient client(server.port());
  client.request("HEAD /api/hello", "");
  const HttpAnswer head = client.read_head();
  EXPECT_EQ(head.status, 200);
  client.request("GET /version", "");
  EXPECT_EQ(client.read_answer().status, 200);
}

}  // namespace
}  // namespace dak
