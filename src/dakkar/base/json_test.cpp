#include "dakkar/base/json.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dak {
namespace {

using testing::HasSubstr;

std::string problem_of(std::string_view text, const JsonLimits& limits = {}) {
  const auto document = JsonDocument::parse(text, limits);
  return document ? "accepted" : document.error().message;
}

JsonDocument parsed(std::string_view text) {
  return JsonDocument::parse(text).value();
}

TEST(JsonTest, ReadsMembersOfEveryKind) {
  const JsonDocument document = parsed(R"({"a": true, "b": 1.5, "c": 7, "d": "x", "e": [1, 2]})");
  const JsonView root = document.root();
  EXPECT_EQ(bool_or(root, "a", false), true);
  EXPECT_EQ(number_or(root, "b", 0.0), 1.5);
  EXPECT_EQ(integer_or(root, "c", 0), 7);
  EXPECT_EQ(string_or(root, "d", ""), "x");
  EXPECT_EQ(required(root, "e")->as_array()->size(), 2U);
}

TEST(JsonTest, NullAndAbsentBothGiveTheFallback) {
  const JsonDocument document = parsed(R"({"a": null})");
  EXPECT_EQ(integer_or(document.root(), "a", 3), 3);
  EXPECT_EQ(integer_or(document.root(), "b", 4), 4);
  EXPECT_TRUE(document.root().has("a"));
  EXPECT_FALSE(document.root().has("b"));
}

TEST(JsonTest, ErrorsNameThePathOfTheField) {
  const JsonDocument document = parsed(R"({"messages": [{"content": 5}]})");
  const auto messages = document.root().find("messages")->as_array().value();
  const auto wrong = required_string(messages[0], "content");
  EXPECT_EQ(wrong.error().message, "messages[0].content must be a string, not a number");
  EXPECT_EQ(wrong.error().param, "messages[0].content");
  EXPECT_EQ(required_string(messages[0], "role").error().message, "messages[0].role is missing");
}

TEST(JsonTest, WholeFloatsAreIntegersAndOthersAreNot) {
  const JsonDocument document = parsed(R"({"a": 3.0, "b": 3.5, "c": 1e300, "d": 1e18})");
  EXPECT_EQ(integer_or(document.root(), "a", 0), 3);
  EXPECT_FALSE(integer_or(document.root(), "b", 0).has_value());
  EXPECT_FALSE(integer_or(document.root(), "c", 0).has_value());
  EXPECT_FALSE(integer_or(document.root(), "d", 0).has_value());
}

TEST(JsonTest, NumbersAreReadToTheLastBit) {
  const JsonDocument document = parsed("[0.1234567890123456789, 2.2250738585072014e-308]");
  const auto numbers = document.root().as_array().value();
  EXPECT_EQ(numbers[0].as_number(), 0.1234567890123456789);
  EXPECT_EQ(numbers[1].as_number(), 2.2250738585072014e-308);
}

TEST(JsonTest, NumbersWithManyZerosAreRead) {
  const std::string zeros(400, '0');
  const JsonDocument document = parsed("[0." + zeros + ", 0." + zeros + "1, -1" +
                                       zeros.substr(100) + "e-300, 0." + zeros + "1e401]");
  const auto numbers = document.root().as_array().value();
  EXPECT_EQ(numbers[0].as_number(), 0.0);
  EXPECT_EQ(numbers[1].as_number(), 0.0);
  EXPECT_EQ(numbers[2].as_number(), -1.0);
  EXPECT_EQ(numbers[3].as_number(), 1.0);
}

TEST(JsonTest, ExponentsAtTheEndsAreZeroOrRefused) {
  const JsonDocument document = parsed("[0.00000000000000000001e-2147483639, 1e-99999999999, -0]");
  const auto numbers = document.root().as_array().value();
  EXPECT_EQ(numbers[0].as_number(), 0.0);
  EXPECT_EQ(numbers[1].as_number(), 0.0);
  EXPECT_EQ(numbers[2].as_integer(), 0);
  EXPECT_THAT(problem_of("1.9e308"), HasSubstr("a number is too large"));
  EXPECT_EQ(problem_of("1.7e308"), "accepted");
}

TEST(JsonTest, IntegersOf64BitsAreExact) {
  const JsonDocument document =
      parsed("[9223372036854775807, -9223372036854775808, 18446744073709551615, 1e0]");
  const auto numbers = document.root().as_array().value();
  EXPECT_EQ(numbers[0].as_integer(), INT64_MAX);
  EXPECT_EQ(numbers[1].as_integer(), INT64_MIN);
  EXPECT_EQ(numbers[2].raw().GetUint64(), UINT64_MAX);
  EXPECT_FALSE(numbers[2].as_integer().has_value());
  EXPECT_TRUE(numbers[3].raw().IsDouble());
}

TEST(JsonTest, NonFiniteTokensNeedPermission) {
  const std::string text = R"({"a": [0.0, Infinity], "b": -Infinity, "c": NaN})";
  EXPECT_THAT(problem_of(text), HasSubstr("not valid JSON at byte"));
  const auto document = JsonDocument::parse(text, {.non_finite = JsonNonFinite::kAccept});
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(number_or(document->root(), "b", 0.0), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(number_or(document->root(), "c", 0.0).value()));
}

TEST(JsonTest, DuplicateKeysAreRefusedAtAnyDepthButNotAcrossObjects) {
  EXPECT_THAT(problem_of(R"({"a": [{"k": 1, "k": 2}]})"), HasSubstr("the key \"k\" occurs twice"));
  EXPECT_THAT(problem_of(R"({"k": 1, "\u006b": 2})"), HasSubstr("occurs twice"));
  EXPECT_EQ(problem_of(R"([{"k": {"k": 1}}, {"k": 2}])"), "accepted");
}

TEST(JsonTest, DeepNestingIsRefusedWithoutUsingTheStack) {
  const std::string deep(4'000'000, '[');
  EXPECT_THAT(problem_of(deep), HasSubstr("nested more than 128 deep"));
  EXPECT_EQ(problem_of("[[[]]]", {.max_depth = 3}), "accepted");
  EXPECT_THAT(problem_of("[[{\"a\":[]}]]", {.max_depth = 3}), HasSubstr("nested"));
}

TEST(JsonTest, BrokenTextIsRefusedWithItsOffset) {
  EXPECT_THAT(problem_of(""), HasSubstr("byte 0"));
  EXPECT_THAT(problem_of("{} x"), HasSubstr("byte 3"));
  EXPECT_THAT(problem_of(std::string_view("{}\0{}", 5)), HasSubstr("byte 2"));
  EXPECT_THAT(problem_of("{\"a\": 01}"), HasSubstr("byte"));
  EXPECT_THAT(problem_of("\"\xff\""), HasSubstr("UTF-8"));
  EXPECT_THAT(problem_of("\"\xed\xa0\x80\""), HasSubstr("UTF-8"));
  EXPECT_THAT(problem_of(R"("\ud800")"), HasSubstr("not valid JSON"));
  EXPECT_THAT(problem_of(R"("\udc00")"), HasSubstr("half of a surrogate pair"));
  EXPECT_THAT(problem_of("1e999"), HasSubstr("not valid JSON"));
}

TEST(JsonTest, SurrogatePairsAndZeroBytesArrive) {
  const JsonDocument document = parsed(R"(["\ud83d\ude00", "a\u0000b"])");
  const auto strings = document.root().as_array().value();
  EXPECT_EQ(strings[0].as_string(), "\xF0\x9F\x98\x80");
  EXPECT_EQ(strings[1].as_string(), std::string_view("a\0b", 3));
}

TEST(JsonTest, AVeryLongNumberIsReadQuickly) {
  const std::string digits(200'000, '7');
  const JsonDocument document = parsed("0." + digits);
  EXPECT_NEAR(document.root().as_number().value(), 0.7777777777777778, 1e-15);
}

TEST(JsonTest, QuotingGivesTextThatParsesBack) {
  const std::string text = "a\"\\\n\t\x01 \xC3\xA9";
  const JsonDocument document = parsed(json_quote(text));
  EXPECT_EQ(document.root().as_string(), text);
  EXPECT_EQ(json_quote("\xff"), "\"\xEF\xBF\xBD\"");
}

TEST(Utf8Test, OverlongFormsSurrogatesAndHugeCodePointsAreInvalid) {
  EXPECT_TRUE(is_valid_utf8("\xF4\x8F\xBF\xBF"));
  for (const std::string_view bad : {"\xC0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xED\xBF\xBF",
                                     "\xF4\x90\x80\x80", "\x80", "\xE2\x82"}) {
    EXPECT_FALSE(is_valid_utf8(bad));
  }
}

}  // namespace
}  // namespace dak
