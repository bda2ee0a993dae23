#include "dakkar/api/chat_stream.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_server.h"

namespace dak {
namespace {

using testing::ElementsAre;

/// A stream over the tiny tokenizer, fed with the tokens of a text.
class ChatStreamTest : public testing::Test {
 protected:
  [[nodiscard]] ChatStream stream(std::vector<std::string> stops = {}) const {
    return ChatStream({.tokenizer = text_.tokenizer(), .stop_strings = std::move(stops)});
  }
  [[nodiscard]] std::vector<TokenId> ids(const std::string& text) const {
    return *text_.tokenizer()->encode(text, AddSpecialTokens::kNo);
  }
  static GenerationEvent event(const std::vector<TokenId>& tokens) {
    GenerationEvent event;
    for (const TokenId id : tokens) {
      event.tokens.push_back({.id = id, .logprob = -1.0F, .edge = 0.0F, .top = {}});
    }
    return event;
  }
  /// All text of a stream whose tokens come `group` at a time and end at `stop`.
  [[nodiscard]] std::string joined(ChatStream stream, const std::string& text, size_t group,
                                   const std::string& stop) const {
    const std::vector<TokenId> all = ids(text);
    std::string out;
    for (size_t at = 0; at < all.size(); at += group) {
      const size_t end = std::min(at + group, all.size());
      GenerationEvent next =
          event({all.begin() + static_cast<int64_t>(at), all.begin() + static_cast<int64_t>(end)});
      if (end == all.size()) {
        next.finish = FinishReason::kStop;
        next.stop_string = stop;
      }
      out += stream.push(next).content;
    }
    return out;
  }

  const CheckpointText text_ = tiny_text();
};

TEST_F(ChatStreamTest, GivesWholeCodePoints) {
  ChatStream chat = stream();
  std::string out;
  for (const TokenId id : ids("a\xE2\x82\xAC!")) {
    const std::string piece = chat.push(event({id})).content;
    EXPECT_TRUE(piece.empty() || (piece.front() & 0xC0) != 0x80);
    out += piece;
  }
  EXPECT_EQ(out, "a\xE2\x82\xAC!");
}

TEST_F(ChatStreamTest, AnUnfinishedCodePointEndsAsAReplacement) {
  ChatStream chat = stream();
  const std::vector<TokenId> euro = ids("\xE2\x82\xAC");
  ASSERT_GT(euro.size(), 1U);
  GenerationEvent last = event({euro.front()});
  last.finish = FinishReason::kLength;
  EXPECT_EQ(chat.push(last).content, "\xEF\xBF\xBD");
}

TEST_F(ChatStreamTest, HoldsBackWhatMayBecomeAStopString) {
  ChatStream chat = stream({"END"});
  EXPECT_EQ(chat.push(event(ids("xE"))).content, "x");
  EXPECT_EQ(chat.push(event(ids("N"))).content, "");
  EXPECT_EQ(chat.push(event(ids("T"))).content, "ENT");
}

TEST_F(ChatStreamTest, TheStopStringIsCutHoweverTokensAreGrouped) {
  for (size_t group = 1; group <= 9; ++group) {
    EXPECT_EQ(joined(stream({"END", "NOT"}), "go to END", group, "END"), "go to ");
  }
}

TEST_F(ChatStreamTest, TheStopStringStaysWhenAskedTo) {
  ChatStream chat({.tokenizer = text_.tokenizer(), .stop_strings = {"b"}, .include_stop = true});
  GenerationEvent last = event(ids("abc"));
  last.finish = FinishReason::kStop;
  last.stop_string = "b";
  const ChatDelta delta = chat.push(last);
  EXPECT_EQ(delta.content, "ab");
  EXPECT_EQ(std::get<std::string>(delta.stop_reason), "b");
}

TEST_F(ChatStreamTest, TheStopTokenCountsButDoesNotShow) {
  ChatStream chat({.tokenizer = text_.tokenizer(), .client_stop_ids = {ids("z").front()}});
  GenerationEvent last = event(ids("az"));
  last.finish = FinishReason::kStop;
  last.stop_id = ids("z").front();
  const ChatDelta delta = chat.push(last);
  EXPECT_EQ(delta.content, "a");
  EXPECT_EQ(chat.tokens(), 2);
  EXPECT_EQ(std::get<TokenId>(delta.stop_reason), ids("z").front());
}

TEST_F(ChatStreamTest, AnEndOfSequenceIsNoStopReason) {
  ChatStream chat = stream();
  GenerationEvent last = event({2});
  last.finish = FinishReason::kStop;
  last.stop_id = 2;
  EXPECT_TRUE(std::holds_alternative<std::monostate>(chat.push(last).stop_reason));
}

TEST_F(ChatStreamTest, LogprobsCoverTokensWithoutText) {
  ChatStream chat({.tokenizer = text_.tokenizer(), .logprobs = true});
  const std::vector<TokenId> euro = ids("\xE2\x82\xAC");
  const ChatDelta delta = chat.push(event({euro.front()}));
  EXPECT_EQ(delta.content, "");
  ASSERT_EQ(delta.logprobs.size(), 1U);
  EXPECT_EQ(delta.logprobs[0].bytes, "\xE2");
}

TEST_F(ChatStreamTest, WithoutATokenizerThereAreIdsOnly) {
  ChatStream chat({.tokenizer = nullptr});
  const ChatDelta delta = chat.push(event({5, 6}));
  EXPECT_TRUE(delta.first);
  EXPECT_EQ(delta.content, "");
  EXPECT_THAT(delta.ids, ElementsAre(5, 6));
}

}  // namespace
}  // namespace dak
