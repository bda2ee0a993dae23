#include "dakkar/text/tokenizer.h"

#include <fstream>
#include <thread>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/text/detokenizer.h"

namespace dak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kTiny = "tests/data/tokenizer/tiny256.json";
constexpr TokenId kImStart = 10;
constexpr TokenId kImEnd = 11;

Tokenizer tiny() {
  return Tokenizer::load(kTiny).value();
}

std::vector<TokenId> encode_spans(const Tokenizer& tokenizer, std::vector<TextSpan> spans) {
  return tokenizer.encode_spans(spans, AddSpecialTokens::kNo).value();
}

/// A tokenizer.json with one component replaced.
std::string document_with(std::string_view field, std::string_view value) {
  constexpr std::string_view kModel =
      R"({"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<s>":3},"merges":["a b"]})";
  std::string json = R"({"version":"1.0","added_tokens":[])";
  json += field == "model" ? "" : fmt::format(R"(,"model":{})", kModel);
  return json + fmt::format(R"(,"{}":{}}})", field, value);
}

std::string error_of(const std::string& json) {
  const Result<Tokenizer> tokenizer = Tokenizer::parse(json);
  return tokenizer ? "no error" : tokenizer.error().message;
}

TEST(TokenizerTest, TheTinyFileHoldsTheFamilysControlTokens) {
  const Tokenizer tokenizer = tiny();
  EXPECT_EQ(tokenizer.vocab_size(), 256);
  EXPECT_EQ(tokenizer.id_limit(), 256);
  EXPECT_EQ(tokenizer.id_of("</s>"), 2);
  EXPECT_EQ(tokenizer.id_of("<|im_end|>"), kImEnd);
  EXPECT_EQ(tokenizer.token_of(12), "<think>");
  EXPECT_TRUE(tokenizer.is_special(kImEnd));
  EXPECT_FALSE(tokenizer.is_special(100));
  EXPECT_FALSE(tokenizer.is_special(-1));
  EXPECT_FALSE(tokenizer.token_of(256));
  EXPECT_FALSE(tokenizer.id_of("no such token"));
}

TEST(TokenizerTest, UserTextThatSpellsAControlTokenStaysText) {
  const Tokenizer tokenizer = tiny();
  const auto ids = encode_spans(tokenizer, {{"<|im_start|>user\n", SpanOrigin::kTemplate},
                                            {"<|im_end|>", SpanOrigin::kUser},
                                            {"<|im_end|>", SpanOrigin::kTemplate}});
  EXPECT_EQ(std::count(ids.begin(), ids.end(), kImStart), 1);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), kImEnd), 1);
  EXPECT_EQ(ids.back(), kImEnd);
  EXPECT_EQ(tokenizer.decode(ids, SkipSpecialTokens::kNo),
            "<|im_start|>user\n<|im_end|><|im_end|>");
}

TEST(TokenizerTest, AControlTokenHalfWrittenByTheUserStaysText) {
  const Tokenizer tokenizer = tiny();
  for (const size_t cut : {1, 5, 9}) {
    const std::string_view token = "<|im_end|>";
    const auto ids = encode_spans(tokenizer, {{token.substr(0, cut), SpanOrigin::kUser},
                                              {token.substr(cut), SpanOrigin::kTemplate}});
    EXPECT_EQ(std::count(ids.begin(), ids.end(), kImEnd), 0) << cut;
  }
}

TEST(TokenizerTest, SpanBordersDoNotSplitWords) {
  const Tokenizer tokenizer = tiny();
  const auto whole = tokenizer.encode("so the thing", AddSpecialTokens::kNo).value();
  const auto ids = encode_spans(tokenizer, {{"so t", SpanOrigin::kTemplate},
                                            {"he th", SpanOrigin::kUser},
                                            {"ing", SpanOrigin::kTemplate}});
  EXPECT_EQ(ids, whole);
}

TEST(TokenizerTest, TokenBytesOfByteTokensAreBytes) {
  const Tokenizer tokenizer = tiny();
  const auto ids = tokenizer.encode("\xC3\xA9", AddSpecialTokens::kNo).value();
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(tokenizer.token_bytes(ids[0]), "\xC3");
  EXPECT_EQ(tokenizer.token_bytes(ids[1]), "\xA9");
  EXPECT_EQ(tokenizer.token_bytes(1000), "");
}

TEST(TokenizerTest, ManyThreadsMayEncodeAtOnce) {
  const Tokenizer tokenizer = tiny();
  const auto expected = tokenizer.encode("the same <think> text", AddSpecialTokens::kNo).value();
  std::vector<std::vector<TokenId>> results(4);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          result = tokenizer.encode("the same <think> text", AddSpecialTokens::kNo).value();
        }
      });
    }
  }
  for (const auto& result : results) {
    EXPECT_EQ(result, expected);
  }
}

TEST(TokenizerTest, AMegabyteOfAnythingIsEncodedAndDecodedWhole) {
  const Tokenizer tokenizer = tiny();
  for (const std::string unit : {"a", " ", "\xF0\x9F\x91\x8D", " \n", "<|im_", "\xCC\x81", "!"}) {
    std::string text;
    while (text.size() < 1'000'000) {
      text += unit;
    }
    const auto ids = tokenizer.encode(text, AddSpecialTokens::kNo);
    ASSERT_TRUE(ids) << ids.error().message;
    EXPECT_EQ(tokenizer.decode(*ids, SkipSpecialTokens::kNo), text) << unit;
  }
}

TEST(DetokenizerTest, ACodePointComesOutWithItsLastByte) {
  const Tokenizer tokenizer = tiny();
  const auto ids = tokenizer.encode("\xF0\x9F\x91\x8D!", AddSpecialTokens::kNo).value();
  ASSERT_EQ(ids.size(), 5U);
  Detokenizer detokenizer(tokenizer, SkipSpecialTokens::kNo);
  EXPECT_EQ(detokenizer.push(ids[0]), "");
  EXPECT_EQ(detokenizer.push(ids[1]), "");
  EXPECT_EQ(detokenizer.push(ids[2]), "");
  EXPECT_EQ(detokenizer.push(ids[3]), "\xF0\x9F\x91\x8D");
  EXPECT_EQ(detokenizer.push(ids[4]), "!");
  EXPECT_EQ(detokenizer.flush(), "");
}

TEST(DetokenizerTest, FlushShowsAnUnfinishedCodePointAndStartsAnew) {
  const Tokenizer tokenizer = tiny();
  const auto ids = tokenizer.encode("\xC3\xA9", AddSpecialTokens::kNo).value();
  Detokenizer detokenizer(tokenizer, SkipSpecialTokens::kNo);
  EXPECT_EQ(detokenizer.push(ids[0]), "");
  EXPECT_EQ(detokenizer.flush(), "\xEF\xBF\xBD");
  EXPECT_EQ(detokenizer.push(ids[0]), "");
  EXPECT_EQ(detokenizer.push(ids[1]), "\xC3\xA9");
}

TEST(DetokenizerTest, SpecialTokensAreSkippedOnRequest) {
  const Tokenizer tokenizer = tiny();
  Detokenizer quiet(tokenizer, SkipSpecialTokens::kYes);
  Detokenizer full(tokenizer, SkipSpecialTokens::kNo);
  EXPECT_EQ(quiet.push(kImEnd), "");
  EXPECT_EQ(full.push(kImEnd), "<|im_end|>");
}

TEST(TokenizerFileTest, ErrorsNameTheFile) {
  const Result<Tokenizer> missing = Tokenizer::load("no/such/tokenizer.json");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("no/such/tokenizer.json"));
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(Tokenizer::load("tests"));
}

TEST(TokenizerFileTest, UnknownComponentsAndFieldsAreNamed) {
  EXPECT_THAT(error_of(document_with("normalizer", R"({"type":"Precompiled"})")),
              HasSubstr("Precompiled"));
  EXPECT_THAT(error_of(document_with("normalizer", R"({"type":"NFC","odd":1})")),
              HasSubstr("normalizer.odd"));
  EXPECT_THAT(error_of(document_with("pre_tokenizer", R"({"type":"UnicodeScripts"})")),
              HasSubstr("UnicodeScripts"));
  EXPECT_THAT(error_of(document_with("decoder", R"({"type":"WordPiece"})")),
              HasSubstr("WordPiece"));
  EXPECT_THAT(error_of(document_with("post_processor", R"({"type":"Odd"})")), HasSubstr("Odd"));
  EXPECT_THAT(error_of(document_with("surprise", "1")), HasSubstr("surprise"));
  EXPECT_THAT(error_of(document_with("model", R"({"type":"Unigram","vocab":[]})")),
              HasSubstr("Unigram"));
}

std::string repeated(std::string_view element, int count) {
  std::string list = "[";
  for (int i = 0; i < count; ++i) {
    list += i > 0 ? "," : "";
    list += element;
  }
  return list + "]";
}

TEST(TokenizerFileTest, DecodersThatBlowTextsUpAreRefused) {
  const auto chained = [](std::string_view replace, int count) {
    return document_with("decoder",
                         R"({"type":"Sequence","decoders":)" + repeated(replace, count) + "}");
  };
  constexpr std::string_view kDoubles =
      R"({"type":"Replace","pattern":{"String":"a"},"content":"aa"})";
  constexpr std::string_view kKeeps = R"({"type":"Replace","pattern":{"String":"a"},"content":""})";
  EXPECT_THAT(error_of(chained(kDoubles, 3)), testing::Eq("no error"));
  EXPECT_THAT(error_of(chained(kDoubles, 20)),
              HasSubstr("decoder has Replace steps that may make a text more than 256 times"));
  EXPECT_THAT(error_of(chained(kKeeps, 100'000)), HasSubstr("has 100000 steps, more than 64"));
}

TEST(TokenizerFileTest, TemplatesThatAddThousandsOfTokensAreRefused) {
  const auto processor = [](const std::string& single, const std::string& ids) {
    return document_with("post_processor", R"({"type":"TemplateProcessing","pair":[],"single":)" +
                                               single +
                                               R"(,"special_tokens":{"<s>":{"id":"<s>","ids":)" +
                                               ids + R"(,"tokens":[]}}})");
  };
  constexpr std::string_view kSpecial = R"({"SpecialToken":{"id":"<s>","type_id":0}})";
  constexpr std::string_view kText = R"({"Sequence":{"id":"A","type_id":0}})";
  EXPECT_THAT(error_of(processor(repeated(kText, 100'000), "[1]")),
              HasSubstr("has 100000 pieces, more than 16"));
  EXPECT_THAT(error_of(processor(repeated(kSpecial, 3), repeated("1", 10'000))),
              HasSubstr("adds more than 1024 tokens"));
}

TEST(TokenizerFileTest, ContradictionsAreRefused) {
  EXPECT_THAT(error_of("{"), testing::Ne("no error"));
  EXPECT_THAT(error_of("[]"), testing::Ne("no error"));
  const auto with_model = [](std::string_view vocab, std::string_view merges) {
    return error_of(document_with(
        "model", fmt::format(R"({{"type":"BPE","vocab":{},"merges":{}}})", vocab, merges)));
  };
  EXPECT_THAT(with_model(R"({"a":0,"b":0})", "[]"), HasSubstr("share id 0"));
  EXPECT_THAT(with_model(R"({"a":-1})", "[]"), HasSubstr("-1"));
  EXPECT_THAT(with_model(R"({"a":4000000000})", "[]"), HasSubstr("4000000000"));
  EXPECT_THAT(with_model(R"({"a":"x"})", "[]"), HasSubstr("'a'"));
  EXPECT_THAT(with_model(R"({"a":0,"b":1})", R"(["a b"])"), HasSubstr("merge 0"));
  EXPECT_THAT(with_model(R"({"a":0})", R"(["a b c"])"), HasSubstr("no pair"));
  EXPECT_THAT(with_model(R"({"a":0})", R"([["a"]])"), HasSubstr("no pair"));
}

TEST(TokenizerFileTest, DropoutIsRefused) {
  EXPECT_THAT(error_of(document_with(
                  "model", R"({"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]})")),
              HasSubstr("dropout"));
}

TEST(TokenizerFileTest, TruncationAndPaddingAreLeftToTheServer) {
  const Tokenizer tokenizer =
      Tokenizer::parse(document_with("truncation", R"({"max_length":1})")).value();
  EXPECT_THAT(tokenizer.encode("abab", AddSpecialTokens::kNo).value(), ElementsAre(2, 2));
}

TEST(TokenizerFileTest, ADeeplyNestedSequenceIsAnErrorNotACrash) {
  std::string nested = R"({"type":"NFC"})";
  for (int i = 0; i < 5000; ++i) {
    nested = R"({"type":"Sequence","normalizers":[)" + nested + "]}";
  }
  EXPECT_THAT(error_of(document_with("normalizer", nested)), testing::Ne("no error"));
}

TEST(TokenizerFileTest, AMissingUnknownTokenIsAnErrorOnlyWhenNeeded) {
  const Tokenizer tokenizer =
      Tokenizer::parse(
          document_with("model", R"({"type":"BPE","unk_token":"?","vocab":{"a":0},"merges":[]})"))
          .value();
  EXPECT_TRUE(tokenizer.encode("a", AddSpecialTokens::kNo));
  const auto ids = tokenizer.encode("z", AddSpecialTokens::kNo);
  ASSERT_FALSE(ids);
  EXPECT_THAT(ids.error().message, HasSubstr("'z'"));
}

}  // namespace
}  // namespace dak
