// Compares with what the Python package `tokenizers` did, as tools/record_tokenizer_goldens.py
// recorded it. Test data of the 131,072-entry tokenizer is made, not committed.

#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dakkar/base/json.h"
#include "dakkar/base/log.h"
#include "dakkar/text/detokenizer.h"
#include "dakkar/text/tokenizer.h"
#include "dakkar/text/tokenizer/utf8.h"
#include "tokenizer_strings.h"

namespace dak::test {
namespace {

constexpr uint64_t kTexts = 20000;
constexpr uint64_t kBroken = 2000;
constexpr uint64_t kIdLists = 2000;
constexpr uint64_t kTextSeed = 1;
constexpr uint64_t kBrokenSeed = 2;
constexpr uint64_t kIdSeed = 3;
constexpr int kMismatchesShown = 5;

/// Counts mismatches and shows the first few.
class Mismatches final {
 public:
  void add(std::string_view what, uint64_t index, std::string_view text) {
    if (++count_ <= kMismatchesShown) {
      ADD_FAILURE() << what << " " << index << ": " << json_quote(text);
    }
  }
  ~Mismatches() { EXPECT_EQ(count_, 0) << "mismatches in all"; }

 private:
  int count_ = 0;
};

class GoldenTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string stem = GetParam();
    if (!std::filesystem::exists(stem + ".golden")) {
      GTEST_SKIP() << stem << ".golden is not there; with PyPI's mistral-common and tokenizers: "
                   << "python3 tools/convert_tekken.py " << stem << ".json && "
                   << "python3 tools/record_tokenizer_goldens.py --large " << stem << ".json";
    }
    Result<Tokenizer> loaded = Tokenizer::load(stem + ".json");
    ASSERT_TRUE(loaded) << loaded.error().message;
    tokenizer_.emplace(std::move(*loaded));
    const std::string bytes = read_file(stem + ".golden");
    marks_.resize(bytes.size() / sizeof(uint32_t));
    std::memcpy(marks_.data(), bytes.data(), marks_.size() * sizeof(uint32_t));
    ASSERT_EQ(marks_.size(), kTexts + kBroken + 2 * kIdLists);
  }

  std::optional<Tokenizer> tokenizer_;
  std::vector<uint32_t> marks_;
};

TEST_P(GoldenTest, TextsBecomeTheIdsOfPython) {
  const Strings strings;
  Mismatches mismatches;
  for (uint64_t i = 0; i < kTexts; ++i) {
    const Chance chance(kTextSeed, i);
    const std::string text = i % 4 == 3 ? strings.random_unicode(chance) : strings.mixed(chance);
    const auto ids =
        tokenizer_->encode(text, i % 2 == 1 ? AddSpecialTokens::kYes : AddSpecialTokens::kNo);
    if (!(ids && fingerprint(*ids) == marks_[i])) {
      mismatches.add("text", i, text);
    }
  }
}

TEST_P(GoldenTest, BrokenUtf8BecomesTheIdsOfPython) {
  const Strings strings;
  Mismatches mismatches;
  for (uint64_t i = 0; i < kBroken; ++i) {
    const std::string text = strings.broken(Chance(kBrokenSeed, i));
    const auto ids = tokenizer_->encode(text, AddSpecialTokens::kNo);
    if (!(ids && fingerprint(*ids) == marks_[kTexts + i])) {
      mismatches.add("broken text", i, text);
    }
  }
}

TEST_P(GoldenTest, IdsBecomeTheTextOfPython) {
  Mismatches mismatches;
  for (uint64_t i = 0; i < kIdLists; ++i) {
    const auto ids = id_list(Chance(kIdSeed, i), static_cast<uint64_t>(tokenizer_->vocab_size()));
    const std::string text = tokenizer_->decode(ids, SkipSpecialTokens::kNo);
    const std::string skipped = tokenizer_->decode(ids, SkipSpecialTokens::kYes);
    const size_t at = kTexts + kBroken + 2 * i;
    if (!(fingerprint(text) == marks_[at])) {
      mismatches.add("id list", i, text);
    }
    if (!(fingerprint(skipped) == marks_[at + 1])) {
      mismatches.add("id list, skipped", i, skipped);
    }
  }
}

TEST_P(GoldenTest, StreamedTextIsWholeUtf8AndEqualsTheBatch) {
  Mismatches mismatches;
  for (uint64_t i = 0; i < kIdLists; ++i) {
    const auto ids = id_list(Chance(kIdSeed, i), static_cast<uint64_t>(tokenizer_->vocab_size()));
    const auto skip = i % 2 == 1 ? SkipSpecialTokens::kYes : SkipSpecialTokens::kNo;
    Detokenizer detokenizer(*tokenizer_, skip);
    std::string text;
    bool whole = true;
    for (const TokenId id : ids) {
      const std::string part = detokenizer.push(id);
      whole = whole && tok::is_utf8(part);
      text += part;
    }
    text += detokenizer.flush();
    if (!(whole && text == tokenizer_->decode(ids, skip))) {
      mismatches.add("id list", i, text);
    }
  }
}

TEST_P(GoldenTest, UserTextNeverBecomesAnAddedToken) {
  const Strings strings;
  Mismatches mismatches;
  for (uint64_t i = 0; i < kBroken; ++i) {
    const std::string text = strings.mixed(Chance(kTextSeed, i));
    const TextSpan user[] = {{text, SpanOrigin::kUser}};
    const TextSpan ours[] = {{text, SpanOrigin::kTemplate}};
    const auto guarded = tokenizer_->encode_spans(user, AddSpecialTokens::kNo);
    const auto plain = tokenizer_->encode_spans(ours, AddSpecialTokens::kNo);
    // The added tokens of these files stand below 18 or are no part of the vocabulary's merges;
    // id 0 is what unknown characters become.
    bool clean = guarded.has_value();
    for (size_t k = 0; clean && k < guarded->size(); ++k) {
      clean = (*guarded)[k] == 0 || !tokenizer_->is_special((*guarded)[k]);
    }
    if (!(clean)) {
      mismatches.add("user text", i, text);
    }
    if (!(plain &&
          fingerprint(*plain) == fingerprint(*tokenizer_->encode(text, AddSpecialTokens::kNo)))) {
      mismatches.add("template text", i, text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenTest,
                         testing::Values("tests/data/tokenizer/tiny256",
                                         "tests/data/tokenizer/small",
                                         "tests/data/tokenizer/cousin", "build/goldens/tekken"),
                         [](const auto& file) {
                           return std::filesystem::path(file.param).filename().string();
                         });

std::vector<TokenId> ids_of(const JsonView& list) {
  std::vector<TokenId> ids;
  for (const JsonView& id : elements(list)) {
    ids.push_back(static_cast<TokenId>(id.as_integer().value()));
  }
  return ids;
}

TEST(TokenizerCasesTest, SpeltOutCasesAreThoseOfPython) {
  const std::string text = read_file("tests/data/tokenizer/cases.json");
  const JsonDocument document = JsonDocument::parse(text).value();
  std::map<std::string, Tokenizer> tokenizers;
  for (const char* name : {"tiny256", "small", "cousin"}) {
    const std::string path = std::string("tests/data/tokenizer/") + name + ".json";
    tokenizers.emplace(name, Tokenizer::load(path).value());
  }
  for (const JsonView& row : elements(document.root())) {
    const Tokenizer& tokenizer = tokenizers.at(required_string(row, "tokenizer").value());
    const std::string input = required_string(row, "text").value();
    SCOPED_TRACE(json_quote(input));
    const auto ids = tokenizer.encode(input, AddSpecialTokens::kNo);
    EXPECT_EQ(ids.value(), ids_of(*row.find("ids")));
    EXPECT_EQ(tokenizer.encode(input, AddSpecialTokens::kYes).value(),
              ids_of(*row.find("with_special")));
    EXPECT_EQ(tokenizer.decode(*ids, SkipSpecialTokens::kNo),
              required_string(row, "decoded").value());
    EXPECT_EQ(tokenizer.decode(*ids, SkipSpecialTokens::kYes),
              required_string(row, "skipped").value());
  }
}

TEST(TokenizerComponentsTest, EachComponentDoesWhatPythonDoes) {
  set_log_level(LogLevel::kError);  // each file warns of added ids that the library renumbers
  const std::string models_text = read_file("tests/data/tokenizer/models.json");
  const JsonDocument models = JsonDocument::parse(models_text).value();
  const std::string text = read_file("tests/data/tokenizer/components.json");
  const JsonDocument document = JsonDocument::parse(text).value();
  for (const JsonView& row : elements(document.root())) {
    SCOPED_TRACE(required_string(row, "name").value());
    const std::string json =
        required_string(row, "head").value() + ",\"model\":" +
        required_string(models.root(), required_string(row, "model").value()).value() + "}";
    const Result<Tokenizer> tokenizer = Tokenizer::parse(json);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    for (const JsonView& example : elements(row.find("cases"))) {
      const auto parts = elements(example);
      const std::string input(parts[0].as_string().value());
      SCOPED_TRACE(json_quote(input));
      const auto ids = tokenizer->encode(input, AddSpecialTokens::kYes);
      ASSERT_TRUE(ids) << ids.error().message;
      EXPECT_EQ(*ids, ids_of(parts[1]));
      const std::string decoded = tokenizer->decode(ids_of(parts[1]), SkipSpecialTokens::kNo);
      if (!parts[2].is_null()) {
        EXPECT_EQ(decoded, parts[2].as_string().value());
      }
    }
  }
}

}  // namespace
}  // namespace dak::test
