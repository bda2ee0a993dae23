#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/test_server.h"

namespace dak {
namespace {

/// A file of one exchange: the request's line, its body, a line of dashes, the expected reply.
struct Transcript {
  std::string name;
  std::string path;
  std::string body;
  std::string expected;
};

void PrintTo(const Transcript& transcript, std::ostream* out) {
  *out << transcript.name;
}

constexpr std::string_view kFolder = "tests/conformance/api";
constexpr std::string_view kRule = "\n--------\n";

Transcript read_transcript(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const size_t line = text.find('\n');
  const size_t rule = text.find(kRule);
  if (rule == std::string::npos) {
    return {.name = file.stem().string(),
            .path = "no rule in " + file.string(),
            .body = {},
            .expected = {}};
  }
  return {.name = file.stem().string(),
          .path = text.substr(0, line),
          .body = text.substr(line + 1, rule - line - 1),
          .expected = text.substr(rule + kRule.size())};
}

std::vector<Transcript> all_transcripts() {
  std::vector<Transcript> all;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder, ignored)) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
      all.push_back(read_transcript(entry.path()));
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Transcript& a, const Transcript& b) { return a.name < b.name; });
  return all;
}

/// The status and the body; the time of the reply is the only thing that may differ.
std::string as_written(const HttpAnswer& answer) {
  const std::string text = std::to_string(answer.status) + "\n" + answer.body;
  return std::regex_replace(text, std::regex(R"("created":\d+)"), R"("created":0)");
}

class TranscriptTest : public testing::TestWithParam<Transcript> {};

TEST_P(TranscriptTest, TheReplyIsByteForByteAsWritten) {
  const TestServer server;
  const Transcript& transcript = GetParam();
  const HttpAnswer answer =
      server.post(transcript.path, transcript.body, "x-request-id: fixed\r\n");
  std::string expected = transcript.expected;
  const bool stream = expected.ends_with("[DONE]\n\n");
  if (!stream && expected.ends_with('\n')) {
    expected.pop_back();
  }
  EXPECT_EQ(as_written(answer), expected);
}

INSTANTIATE_TEST_SUITE_P(Api, TranscriptTest, testing::ValuesIn(all_transcripts()),
                         [](const auto& test) { return test.param.name; });

TEST(TranscriptFilesTest, ThereAreSome) {
  EXPECT_GE(all_transcripts().size(), 8U);
}

}  // namespace
}  // namespace dak
