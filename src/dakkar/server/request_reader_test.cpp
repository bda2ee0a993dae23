#include "dakkar/server/request_reader.h"

#include <string>

#include <gtest/gtest.h>

namespace dak {
namespace {

using State = RequestReader::State;

constexpr RequestReader::Limits kLimits = {.header_bytes = 100, .body_bytes = 10};

/// The status that these bytes of a request are refused with; 0 when they are not.
int status_of(const std::string& bytes) {
  RequestReader reader(kLimits);
  size_t taken = 0;
  while (reader.state() == State::kHeader || reader.state() == State::kBody) {
    const size_t more = reader.put(std::string_view(bytes).substr(taken));
    taken += more;
    if (more == 0) {
      break;
    }
  }
  const auto refusal = reader.refusal();
  return refusal ? refusal->status : 0;
}

TEST(RequestReaderTest, StopsBehindTheHeaderAndBehindTheRequest) {
  const std::string head = "POST /a%20b?c HTTP/1.1\r\nX-Key: v\r\ncontent-length: 2\r\n\r\n";
  const std::string bytes = head + "{}GET / HTTP/1.1\r\n\r\n";
  RequestReader reader(kLimits);
  EXPECT_EQ(reader.put(bytes), head.size());
  EXPECT_EQ(reader.state(), State::kBody);
  EXPECT_EQ(reader.head().path, "/a b");
  EXPECT_EQ(reader.head().field("x-key"), "v");
  EXPECT_EQ(reader.put(std::string_view(bytes).substr(head.size())), 2U);
  EXPECT_EQ(reader.state(), State::kDone);
  EXPECT_EQ(reader.take_body(), "{}");
  EXPECT_TRUE(reader.frame().keep_alive);
}

TEST(RequestReaderTest, TheFirstLineCountsAsHeader) {
  const std::string path(70, 'a');
  EXPECT_EQ(status_of("GET /" + path + " HTTP/1.1\r\n\r\n"), 0);
  EXPECT_EQ(status_of("GET /" + path + " HTTP/1.1\r\nx: 1234567890\r\n\r\n"), 431);
  EXPECT_EQ(status_of("GET /" + path + path), 431);
}

TEST(RequestReaderTest, AChunkedBodyMayComeByteByByte) {
  for (const std::string body : {"0\r\n\r\n", "1;a=b\r\n+\r\n0\r\nx: y\r\n\r\n"}) {
    RequestReader reader(kLimits);
    std::string held = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    held.erase(0, reader.put(held));
    for (const char byte : body) {
      held += byte;
      held.erase(0, reader.put(held));
    }
    EXPECT_EQ(reader.state(), State::kDone) << body;
    EXPECT_EQ(held, "");
  }
}

TEST(RequestReaderTest, BodiesOverTheLimitAndBadFramesAreRefused) {
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\ncontent-length: 11\r\n\r\n"), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nb\r\nbody"), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nx\r\nbody"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"),
            400);
}

}  // namespace
}  // namespace dak
