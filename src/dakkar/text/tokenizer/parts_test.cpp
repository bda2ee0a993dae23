#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/text/tokenizer/added_tokens.h"
#include "dakkar/text/tokenizer/bpe.h"
#include "dakkar/text/tokenizer/byte_alphabet.h"
#include "dakkar/text/tokenizer/decoder.h"
#include "dakkar/text/tokenizer/pattern.h"
#include "dakkar/text/tokenizer/pipeline.h"
#include "dakkar/text/tokenizer/string_table.h"
#include "dakkar/text/tokenizer/unicode.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string lossy(std::string_view bytes) {
  std::string text;
  append_lossy(bytes, text);
  return text;
}

TEST(Utf8Test, EachMaximalInvalidPartIsOneReplacement) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(lossy("a\xFFz"), "a" + r + "z");
  EXPECT_EQ(lossy("\xE2\x82z"), r + "z");               // a cut euro sign
  EXPECT_EQ(lossy("\xE0\x80\x80"), r + r + r);          // overlong: no valid start
  EXPECT_EQ(lossy("\xED\xA0\x80"), r + r + r);          // a surrogate
  EXPECT_EQ(lossy("\xF0\x9F\x91"), r);                  // cut at the end
  EXPECT_EQ(lossy("\xF4\x90\x80\x80"), r + r + r + r);  // above U+10FFFF
  EXPECT_EQ(lossy("caf\xC3\xA9"), "caf\xC3\xA9");
}

TEST(Utf8Test, AnyCutOfAByteStringGivesTheSameText) {
  const std::string bytes = "a\xF0\x9F\x91\x8D\xFF\xE2\x82\xC3\xA9\xE2\x82\xAC\xF0\x9F";
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    Utf8Assembler assembler;
    std::string text;
    assembler.push(bytes.substr(0, cut), text);
    assembler.push(bytes.substr(cut), text);
    assembler.finish(text);
    EXPECT_EQ(text, lossy(bytes)) << cut;
  }
}

TEST(ByteAlphabetTest, LettersAndBytesAreOneToOne) {
  EXPECT_EQ(letter_of_byte(' '), U'\u0120');
  EXPECT_EQ(letter_of_byte('\n'), U'\u010A');
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(byte_of_letter(letter_of_byte(static_cast<uint8_t>(byte))), byte);
  }
  EXPECT_FALSE(byte_of_letter(U' '));
  EXPECT_FALSE(bytes_of_letters("two words"));
}

TEST(StringTableTest, FindsWhatWasSetAmongManyKeys) {
  StringTable table;
  for (TokenId i = 0; i < 5000; ++i) {
    table.set("key" + std::to_string(i), i);
  }
  table.set("key7", 70000);
  EXPECT_EQ(table.size(), 5000);
  EXPECT_EQ(table.find("key7"), 70000);
  EXPECT_EQ(table.find("key4999"), 4999);
  EXPECT_EQ(table.find("key5000"), -1);
  EXPECT_EQ(StringTable().find(""), -1);
}

std::vector<std::string> pieces(std::string_view regex, std::string_view text) {
  const Result<Pattern> pattern = Pattern::create_regex(regex);
  std::vector<Match> matches;
  std::vector<std::string> out;
  if (pattern && pattern->find_all(text, matches)) {
    for (const Match& match : matches) {
      out.emplace_back(text.substr(static_cast<size_t>(match.begin),
                                   static_cast<size_t>(match.end - match.begin)));
    }
  }
  return out;
}

std::string refusal(std::string_view regex) {
  const Result<Pattern> pattern = Pattern::create_regex(regex);
  return pattern ? "no error" : pattern.error().message;
}

TEST(PatternTest, RubysMeaningsAreKept) {
  EXPECT_THAT(pieces(R"(\p{N}{1,2}+)", "12345a"), ElementsAre("12345", "a"));
  EXPECT_THAT(pieces(R"(\h+)", "xff "), ElementsAre("x", "ff", " "));
  EXPECT_THAT(pieces(R"((?m:a.b))", "a\nb"), ElementsAre("a\nb"));
  EXPECT_THAT(pieces(R"(^b)", "a\nb"), ElementsAre("a\n", "b"));
  EXPECT_THAT(pieces("[a[bc]d]+", "xabcdx"), ElementsAre("x", "abcd", "x"));
  EXPECT_THAT(pieces("\\s", "\xE1\xA0\x8E"), ElementsAre("\xE1\xA0\x8E"));  // U+180E is no space
  EXPECT_THAT(pieces("\xC3\xA9{2}+x", "\xC3\xA9\xC3\xA9x"), ElementsAre("\xC3\xA9\xC3\xA9x"));
}

TEST(PatternTest, ConstructsWithoutCounterpartAreNamed) {
  EXPECT_THAT(refusal("[a&&b]"), HasSubstr("intersection"));
  EXPECT_THAT(refusal("[[:alpha:]]"), HasSubstr("class inside"));
  EXPECT_THAT(refusal(std::string(100'000, '[')), HasSubstr("class inside"));
  EXPECT_THAT(refusal(R"(\y)"), HasSubstr(R"(\y)"));
  EXPECT_THAT(refusal("(?~a)"), HasSubstr("group"));
  EXPECT_THAT(refusal("a(?i)b"), HasSubstr("option"));
  EXPECT_THAT(refusal(R"(\p{Letter})"), HasSubstr("Letter"));
  EXPECT_THAT(refusal("(a"), testing::Ne("no error"));
  EXPECT_THAT(refusal("a)"), testing::Ne("no error"));
  EXPECT_THAT(refusal("[a"), testing::Ne("no error"));
  EXPECT_THAT(refusal("a\\"), testing::Ne("no error"));
}

TEST(PatternTest, AnExplodingRegexIsAnErrorNotAHang) {
  const Pattern pattern = Pattern::create_regex("(x+x+)+y").value();
  std::vector<Match> matches;
  const Status found = pattern.find_all(std::string(200, 'x') + "zy", matches);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("(x+x+)+y"));
}

TEST(PatternTest, ABacktrackingMegabyteIsMatched) {
  const std::string text(1'000'000, ' ');
  std::vector<Match> matches;
  EXPECT_TRUE(Pattern::create_regex(R"(\s*[\r\n]+|\s+(?!\S)|\s+)")->find_all(text, matches));
  ASSERT_EQ(matches.size(), 1U);
  EXPECT_EQ(matches[0].end, 1'000'000);
}

/// A model over the letters a and b in which every doubling is a merge.
struct Doublings {
  Vocabulary vocabulary;
  std::vector<MergePair> merges;

  explicit Doublings(int levels) {
    std::string token = "a";
    int64_t id = 0;
    for (int i = 0; i <= levels; ++i) {
      EXPECT_TRUE(vocabulary.add(token, id++));
      if (i < levels) {
        merges.emplace_back(token, token);
      }
      token += token;
    }
  }
};

TEST(BpeTest, StepsGrowNoFasterThanTheTextButForALogarithm) {
  const Doublings doublings(12);
  const Bpe bpe = Bpe::create(doublings.vocabulary, doublings.merges, {}).value();
  const auto steps = [&](size_t size) {
    BpeScratch scratch;
    std::vector<TokenId> ids;
    EXPECT_TRUE(bpe.encode(std::string(size, 'a'), scratch, ids));
    return static_cast<double>(scratch.steps);
  };
  const double one = steps(100'000);
  EXPECT_LT(one, 500'000);
  EXPECT_LT(steps(200'000), 2.1 * one);
  EXPECT_LT(steps(400'000), 4.2 * one);
}

/// One merge by the definition: the pair of least rank, leftmost. False when there is none.
bool merge_once(const Vocabulary& vocabulary, const std::vector<MergePair>& merges,
                std::vector<TokenId>& ids) {
  for (const auto& [left, right] : merges) {
    const std::vector<TokenId> pair = {vocabulary.find(left), vocabulary.find(right)};
    const auto at = std::search(ids.begin(), ids.end(), pair.begin(), pair.end());
    if (at != ids.end()) {
      *at = vocabulary.find(left + right);
      ids.erase(at + 1);
      return true;
    }
  }
  return false;
}

TEST(BpeTest, ShortAndLongPiecesMergeAsTheDefinitionSays) {
  Vocabulary vocabulary;
  int64_t id = 0;
  for (const char* token : {"a", "b", "ab", "ba", "aba", "abab", "bb", "abb"}) {
    ASSERT_TRUE(vocabulary.add(token, id++));
  }
  const std::vector<MergePair> merges = {{"b", "a"},   {"a", "b"}, {"a", "ba"},
                                         {"ab", "ab"}, {"b", "b"}, {"ab", "b"}};
  const Bpe bpe = Bpe::create(vocabulary, merges, {}).value();
  std::minstd_rand chance(7);
  for (int round = 0; round < 400; ++round) {
    std::string text;
    std::vector<TokenId> expected;
    for (int i = 0; i < 24 + round % 24; ++i) {
      expected.push_back(static_cast<TokenId>(chance() >> 8 & 1U));
      text += expected.back() == 0 ? 'a' : 'b';
    }
    while (merge_once(vocabulary, merges, expected)) {
    }
    BpeScratch scratch;
    std::vector<TokenId> ids;
    ASSERT_TRUE(bpe.encode(text, scratch, ids));
    EXPECT_EQ(ids, expected) << text;
  }
}

TEST(UserRangesTest, TouchMeansSharingAByte) {
  UserRanges ranges;
  ranges.add(2, 4);
  ranges.add(4, 6);
  ranges.add(10, 11);
  EXPECT_FALSE(ranges.touch(0, 2));
  EXPECT_TRUE(ranges.touch(0, 3));
  EXPECT_TRUE(ranges.touch(5, 9));
  EXPECT_FALSE(ranges.touch(6, 10));
  EXPECT_TRUE(ranges.touch(0, 100));
  EXPECT_FALSE(ranges.touch(11, 12));
}

TEST(UnicodeTest, LongRunsOfMarksAreOrderedInAMoment) {
  std::string text = "a";
  for (int i = 0; i < 100'000; ++i) {
    append_utf8(i % 2 == 0 ? U'\u0301' : U'\u0327', text);
  }
  std::string out;
  append_normal_form(text, NormalForm::kNfd, out);
  ASSERT_EQ(out.size(), text.size());
  EXPECT_EQ(out.substr(1, 4), "\xCC\xA7\xCC\xA7");
}

TEST(DecoderTest, AByteRunIsHeldUntilItsEndIsKnown) {
  Decoder decoder;
  decoder.steps.emplace_back(ByteFallbackDecode{});
  decoder.steps.emplace_back(FuseDecode{});
  DecoderRun run(decoder);
  std::string text;
  run.push("<0xC3>", text);
  EXPECT_EQ(text, "");
  run.push("<0xA9>", text);
  run.push("x", text);
  EXPECT_EQ(text, "\xC3\xA9x");
  EXPECT_EQ(decoder.token_bytes("<0xC3>"), "\xC3");
}

}  // namespace
}  // namespace dak::tok
