#include "dakkar/weights/safetensors.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/checkpoint_writer.h"

namespace dak {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string problem_of(const std::string& file) {
  const auto entries = parse_header(as_bytes(file));
  return entries ? "accepted" : entries.error().message;
}

/// The problem with a file of one tensor "t" described by `entry`, over `bytes` bytes of data. The
/// header is padded to a multiple of eight.
std::string problem_with(const std::string& entry, size_t bytes) {
  std::string header = "{\"t\":" + entry + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return problem_of(safetensors_bytes(header, std::string(bytes, '\0')));
}

TEST(SafetensorsHeaderTest, ReadsEntriesInTheOrderOfTheirData) {
  std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
      R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::string file = safetensors_bytes(header, std::string(16, '\0'));
  const auto entries = parse_header(as_bytes(file));
  ASSERT_TRUE(entries.has_value()) << entries.error().message;
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[1].dtype, DType::kBF16);
  EXPECT_EQ((*entries)[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ((*entries)[1].end, static_cast<int64_t>(file.size()));
}

TEST(SafetensorsHeaderTest, RefusesImpossibleHeaderLengths) {
  EXPECT_THAT(problem_of("1234"), HasSubstr("too short"));
  EXPECT_THAT(problem_of(std::string(8, '\0')), HasSubstr("header is empty"));
  EXPECT_THAT(problem_of(std::string(8, '\xff') + "{}"), HasSubstr("more than the limit"));
  EXPECT_THAT(problem_of(safetensors_bytes("{}", "").substr(0, 9)), HasSubstr("ends before that"));
}

TEST(SafetensorsHeaderTest, RefusesBrokenJsonAndDuplicateNames) {
  EXPECT_THAT(problem_of(safetensors_bytes("[] ", "")), HasSubstr("must be an object"));
  EXPECT_THAT(problem_of(safetensors_bytes("{\"a\":", "")), HasSubstr("not valid JSON"));
  EXPECT_THAT(problem_of(safetensors_bytes(R"({"t":{},"t":{}})", "")), HasSubstr("occurs twice"));
  EXPECT_THAT(problem_of(safetensors_bytes(std::string(100'000, '{'), "")),
              HasSubstr("not valid JSON"));
  EXPECT_THAT(problem_with("[1]", 0), HasSubstr("tensor \"t\""));
}

TEST(SafetensorsHeaderTest, RefusesAFileThatIsCutShort) {
  EXPECT_THAT(problem_with(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16]})", 12),
              AllOf(HasSubstr("tensor \"t\""), HasSubstr("truncated")));
}

TEST(SafetensorsHeaderTest, RefusesBytesThatBelongToNoTensor) {
  EXPECT_THAT(problem_with(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})", 6),
              HasSubstr("2 bytes follow the last tensor"));
  EXPECT_THAT(problem_with(R"({"dtype":"U8","shape":[4],"data_offsets":[2,6]})", 6),
              HasSubstr("2 bytes of no tensor before it"));
}

TEST(SafetensorsHeaderTest, RefusesOverlaps) {
  const std::string header = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                             R"("b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})";
  EXPECT_THAT(problem_of(safetensors_bytes(header, std::string(7, '\0'))),
              HasSubstr("tensor \"b\": overlaps"));
}

TEST(SafetensorsHeaderTest, RefusesOffsetsThatMakeNoSense) {
  EXPECT_THAT(problem_with(R"({"dtype":"U8","shape":[4],"data_offsets":[4,0]})", 4),
              HasSubstr("impossible data_offsets"));
  EXPECT_THAT(problem_with(R"({"dtype":"U8","shape":[4],"data_offsets":[-4,0]})", 4),
              HasSubstr("impossible data_offsets"));
  EXPECT_THAT(problem_with(R"({"dtype":"U8","shape":[4],"data_offsets":[0]})", 4),
              HasSubstr("two data_offsets"));
  EXPECT_THAT(
      problem_with(R"({"dtype":"U8","shape":[4],"data_offsets":[0,18446744073709551615]})", 4),
      HasSubstr("too large"));
  EXPECT_THAT(problem_with(R"({"dtype":"U8","shape":[4]})", 4),
              HasSubstr("data_offsets is missing"));
}

TEST(SafetensorsHeaderTest, RefusesShapesThatDisagreeWithTheData) {
  EXPECT_THAT(problem_with(R"({"dtype":"F32","shape":[4],"data_offsets":[0,8]})", 8),
              HasSubstr("not what its shape and dtype F32 need"));
  EXPECT_THAT(problem_with(R"({"dtype":"U8","shape":[-4],"data_offsets":[0,4]})", 4),
              HasSubstr("negative size"));
  EXPECT_THAT(problem_with(R"({"dtype":"U8","shape":[1,1,1,1,4],"data_offsets":[0,4]})", 4),
              HasSubstr("5 dimensions"));
}

TEST(SafetensorsHeaderTest, RefusesShapesWhoseProductOverflows) {
  EXPECT_THAT(
      problem_with(
          R"({"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]})", 0),
      HasSubstr("not what its shape"));
  EXPECT_THAT(
      problem_with(R"({"dtype":"U8","shape":[9223372036854775807,4],"data_offsets":[0,4]})", 4),
      HasSubstr("not what its shape"));
}

TEST(SafetensorsHeaderTest, AcceptsEmptyTensors) {
  EXPECT_EQ(
      problem_with(R"({"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]})", 0),
      "accepted");
}

TEST(SafetensorsHeaderTest, RefusesUnknownDtypes) {
  EXPECT_THAT(problem_with(R"({"dtype":"F64","shape":[1],"data_offsets":[0,8]})", 8),
              HasSubstr("dtype \"F64\", which is not supported"));
  EXPECT_THAT(problem_with(R"({"dtype":3,"shape":[1],"data_offsets":[0,8]})", 8),
              HasSubstr("dtype must be a string"));
}

TEST(SafetensorsHeaderTest, RefusesUnalignedData) {
  const std::string header = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})";
  std::string padded = header;
  padded.resize((padded.size() + 7) / 8 * 8, ' ');
  EXPECT_THAT(problem_of(safetensors_bytes(padded, std::string(6, '\0'))),
              AllOf(HasSubstr("tensor \"b\""), HasSubstr("aligned")));
}

TEST(SafetensorsHeaderTest, AnyDamagedByteGivesAnErrorOrEntriesWithinTheFile) {
  const std::string good = safetensors_file(
      {{"a", {"F32", {2, 2}, std::string(16, '\1')}}, {"b", {"U8", {3}, std::string(3, '\2')}}});
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (int edits = 1 + round % 3; edits > 0; --edits) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    bad.resize(bad.size() - (round % 5 == 0 ? random() % bad.size() : 0));
    const auto entries = parse_header(as_bytes(bad));
    for (const TensorEntry& entry : entries.value_or(std::vector<TensorEntry>())) {
      ASSERT_LE(0, entry.begin);
      ASSERT_LE(entry.begin, entry.end);
      ASSERT_LE(entry.end, static_cast<int64_t>(bad.size()));
    }
  }
}

class SafetensorsSetTest : public testing::Test {
 protected:
  void add(const std::string& name, const std::string& text) {
    write_file(folder_.path() / name, text);
  }
  void add_index(const std::string& weight_map) {
    add("model.safetensors.index.json", "{\"weight_map\":" + weight_map + "}");
  }
  std::string problem() {
    const auto set = SafetensorsSet::open(folder_.path());
    return set ? "accepted" : set.error().message;
  }

  TemporaryFolder folder_;
  const std::string a_ = safetensors_file({{"a", {"U8", {2}, "\1\2"}}});
  const std::string b_ = safetensors_file({{"b", {"U8", {2}, "\3\4"}}});
};

TEST_F(SafetensorsSetTest, MapsShardsThroughLinksAsTheHubCacheHasThem) {
  std::filesystem::create_directory(folder_.path() / "blobs");
  std::filesystem::create_directory(folder_.path() / "snapshot");
  add("blobs/1", a_);
  add("blobs/2", b_);
  const auto snapshot = folder_.path() / "snapshot";
  std::filesystem::create_symlink("../blobs/1", snapshot / "x-1.safetensors");
  std::filesystem::create_symlink("../blobs/2", snapshot / "x-2.safetensors");
  add("snapshot/model.safetensors.index.json",
      R"({"weight_map":{"a":"x-1.safetensors","b":"x-2.safetensors"}})");
  const auto set = SafetensorsSet::open(snapshot);
  ASSERT_TRUE(set.has_value()) << set.error().message;
  ASSERT_EQ(set->tensors().size(), 2U);
  EXPECT_EQ(set->bytes(set->tensors()[1])[0], std::byte{3});
  EXPECT_EQ(set->file_name_of(set->tensors()[1]), "x-2.safetensors");
}

TEST_F(SafetensorsSetTest, ASingleFileNeedsNoIndex) {
  add("weights.safetensors", a_);
  EXPECT_EQ(problem(), "accepted");
  add("other.safetensors", b_);
  EXPECT_THAT(problem(), HasSubstr("several other .safetensors files"));
  add("model.safetensors", a_);
  EXPECT_EQ(problem(), "accepted");
}

TEST_F(SafetensorsSetTest, IndexPathsMayNotLeaveTheFolder) {
  for (const std::string path : {"../x.safetensors", "/etc/x.safetensors", "sub/x.safetensors",
                                 "..", "", "/dev/zero", "config.json"}) {
    add_index("{\"a\":\"" + path + "\"}");
    EXPECT_THAT(problem(), HasSubstr("is not the name of a .safetensors file in this folder"));
  }
}

TEST_F(SafetensorsSetTest, TheIndexMustAgreeWithTheShards) {
  add("1.safetensors", a_);
  add("2.safetensors", b_);
  add_index(R"({"a":"1.safetensors","b":"1.safetensors"})");
  EXPECT_THAT(problem(), HasSubstr("tensor \"b\" is not in 1.safetensors"));
  add_index(R"({"a":"1.safetensors","b":"3.safetensors"})");
  EXPECT_THAT(problem(), HasSubstr("3.safetensors: No such file"));
  add("2.safetensors", a_);
  add_index(R"({"a":"1.safetensors","b":"2.safetensors"})");
  EXPECT_THAT(problem(), HasSubstr("tensor \"a\" is both in 1.safetensors and in 2.safetensors"));
}

TEST_F(SafetensorsSetTest, ErrorsNameTheFile) {
  add("model.safetensors", a_.substr(0, a_.size() - 1));
  EXPECT_THAT(problem(), AllOf(HasSubstr("model.safetensors"), HasSubstr("tensor \"a\"")));
  add("model.safetensors", "");
  EXPECT_THAT(problem(), HasSubstr("model.safetensors is empty"));
}

TEST_F(SafetensorsSetTest, FoldersAndPipesAreNotRead) {
  std::filesystem::create_directory(folder_.path() / "model.safetensors");
  EXPECT_THAT(problem(), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace dak
