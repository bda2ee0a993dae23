// Bytes of an HTTP connection: what is read does not depend on how it arrives, every answer is well
// framed. The first byte says how long the pieces are.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/check.h"
#include "dakkar/server/request_reader.h"
#include "dakkar/server/route_table.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

using State = dak::RequestReader::State;

constexpr dak::RequestReader::Limits kLimits = {.header_bytes = 1024, .body_bytes = 512};
constexpr size_t kMostRequests = 8;

struct Heard {
  std::vector<dak::HttpRequest> requests;
  std::vector<dak::HttpFrame> frames;
  State last = State::kHeader;
};

dak::ServerConfig locked_config() {
  dak::ServerConfig config;
  config.api_keys = {"key"};
  config.allowed_origins = {"http://a.example"};
  return config;
}

/// The lines of a header, its end included, and that it ends where the body begins.
void check_head(std::string_view head) {
  dak::check(head.starts_with("HTTP/1.1 ") && head.ends_with("\r\n\r\n"), "a reply has a head");
  head.remove_suffix(2);
  for (size_t line = head.find("\r\n") + 2; line < head.size();) {
    const size_t end = head.find("\r\n", line);
    const std::string_view field = head.substr(line, end - line);
    dak::check(field.find(": ") != std::string_view::npos, "a line is a field");
    dak::check(field.find_first_of("\r\n") == std::string_view::npos, "a field is one line");
    line = end + 2;
  }
}

void check_reply(const dak::HttpReply& reply, const std::vector<dak::HttpField>& more,
                 const dak::HttpFrame& frame) {
  const std::string text = dak::encode_reply(reply, more, frame);
  const size_t body = frame.head_only ? 0 : reply.body.size();
  dak::check(text.find("\r\n\r\n") + 4 + body == text.size(), "a reply ends where it says");
  check_head(std::string_view(text).substr(0, text.size() - body));
}

void check_stream(std::string_view data, const std::vector<dak::HttpField>& more,
                  const dak::HttpFrame& frame) {
  check_head(dak::encode_stream_head(more, frame));
  const std::string piece = dak::encode_stream_piece(data, frame);
  dak::check(piece.find(data) != std::string::npos, "a piece holds its data");
  dak::check(frame.chunked == (piece.size() > data.size()), "a chunk has a frame");
  dak::check(frame.chunked != dak::encode_stream_end(frame).empty(), "chunks have an end");
}

void answer(const Heard& heard) {
  const dak::ServerConfig config = locked_config();
  const dak::Access access(config);
  const dak::Access open((dak::ServerConfig()));
  for (size_t i = 0; i < heard.requests.size(); ++i) {
    const dak::HttpRequest& request = heard.requests[i];
    const auto more = access.cors_fields(request);
    check_stream(request.body.empty() ? request.path + "." : request.body, more, heard.frames[i]);
    for (const dak::Access* who : {&access, &open}) {
      if (const auto early = dak::reply_to_header(request, *who)) {
        check_reply(early->reply, more, heard.frames[i]);
      }
    }
    (void)request.asks_to_continue();
  }
}

/// Reads a connection whose bytes come in pieces, as a session does.
Heard hear(std::string_view bytes, size_t piece) {
  Heard heard;
  std::string buffer;
  while (heard.requests.size() < kMostRequests) {
    dak::RequestReader reader(kLimits);
    while (reader.state() == State::kHeader || reader.state() == State::kBody) {
      const State before = reader.state();
      const size_t taken = reader.put(buffer);
      dak::check(taken <= buffer.size(), "no more is taken than was there");
      dak::check(reader.body_bytes() <= kLimits.body_bytes, "a body stays below its limit");
      buffer.erase(0, taken);
      if (taken > 0 || reader.state() != before) {
        continue;
      }
      if (bytes.empty()) {
        heard.last = reader.state();
        return heard;
      }
      buffer.append(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    heard.last = reader.state();
    if (const auto refusal = reader.refusal()) {
      check_reply(*refusal, {}, reader.frame());
      return heard;
    }
    heard.frames.push_back(reader.frame());
    heard.requests.push_back(reader.head());
    heard.requests.back().body = reader.take_body();
    if (!reader.frame().keep_alive) {
      return heard;
    }
  }
  return heard;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Heard whole = hear(bytes, bytes.size() + 1);
  const Heard pieces = hear(bytes, size_t{data[0]} + 1);
  // Where the bytes end early, a fault in them may show in one way of arriving and not in another.
  dak::check((whole.last == State::kDone) == (pieces.last == State::kDone),
             "pieces do not change how a connection ends");
  dak::check(whole.requests.size() == pieces.requests.size(), "pieces do not change its requests");
  for (size_t i = 0; i < whole.requests.size(); ++i) {
    dak::check(whole.requests[i].path == pieces.requests[i].path, "a path stays the same");
    dak::check(whole.requests[i].fields == pieces.requests[i].fields, "fields stay the same");
    dak::check(whole.requests[i].body == pieces.requests[i].body, "a body stays the same");
  }
  answer(whole);
  return 0;
}
