#include "dakkar/cli/calibration.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/checkpoint_writer.h"

namespace dak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CalibrationTest : public testing::Test {
 protected:
  Result<Calibration> read(const std::string& name, std::string_view text,
                           const CalibrationLimits& limits) {
    write_file(folder_.path() / name, text);
    return read_calibration((folder_.path() / name).string(), &tokenizer_, 1000, limits);
  }

  TemporaryFolder folder_;
  Tokenizer tokenizer_ =
      Tokenizer::load("tests/data/checkpoints/latent_bf16/tokenizer.json").value();
};

std::vector<int64_t> lengths_of(const Calibration& calibration) {
  std::vector<int64_t> lengths;
  for (const std::vector<TokenId>& ids : calibration.sequences) {
    lengths.push_back(std::ssize(ids));
  }
  return lengths;
}

TEST_F(CalibrationTest, TextIsCutIntoSequencesUntilTheTokensAreUsedUp) {
  const auto read_text =
      read("a.txt", std::string(400, 'x') + " y z", {.tokens = 25, .sequence = 10});
  ASSERT_TRUE(read_text) << read_text.error().message;
  EXPECT_THAT(lengths_of(*read_text), ElementsAre(10, 10, 5));
}

TEST_F(CalibrationTest, EveryLineOfAJsonlFileIsADocument) {
  const auto lines = read("a.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"two\", \"more\": 1}\n",
                          {.tokens = 100, .sequence = 50});
  ASSERT_TRUE(lines) << lines.error().message;
  ASSERT_EQ(lines->sequences.size(), 2U);
  EXPECT_EQ(lines->sequences[1], tokenizer_.encode("two", AddSpecialTokens::kYes).value());
}

TEST_F(CalibrationTest, BadLineIsNamed) {
  const auto lines =
      read("a.jsonl", "{\"text\": \"one\"}\n{\"txt\": \"two\"}\n", {.tokens = 100, .sequence = 50});
  ASSERT_FALSE(lines);
  EXPECT_THAT(lines.error().message, HasSubstr("a.jsonl: line 2"));
}

TEST_F(CalibrationTest, FilesWithoutTextAndFilesThatAreNotThereAreErrors) {
  EXPECT_THAT(read("a.jsonl", "\n", {.tokens = 9, .sequence = 9}).error().message,
              HasSubstr("holds no text"));
  EXPECT_FALSE(read_calibration("missing", &tokenizer_, 1000, {.tokens = 9, .sequence = 9}));
}

TEST_F(CalibrationTest, BuiltInTextIsLongEnoughForTheDefaults) {
  const auto built_in = read_calibration("", &tokenizer_, 1000, {.tokens = 8192, .sequence = 2048});
  ASSERT_TRUE(built_in) << built_in.error().message;
  EXPECT_THAT(lengths_of(*built_in), ElementsAre(2048, 2048, 2048, 2048));
}

TEST_F(CalibrationTest, WithoutATokenizerIdsAreDrawnAndTextIsRefused) {
  const auto drawn = read_calibration("", nullptr, 50, {.tokens = 64, .sequence = 40});
  ASSERT_TRUE(drawn);
  EXPECT_THAT(lengths_of(*drawn), ElementsAre(40, 24));
  EXPECT_THAT(drawn->sequences[0], testing::Each(testing::AllOf(testing::Ge(0), testing::Lt(50))));
  EXPECT_THAT(
      read_calibration("a.txt", nullptr, 50, {.tokens = 64, .sequence = 40}).error().message,
      HasSubstr("no tokenizer.json"));
}

}  // namespace
}  // namespace dak
