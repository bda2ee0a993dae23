#include "dakkar/weights/safetensors_writer.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/checkpoint_writer.h"
#include "dakkar/weights/safetensors.h"

namespace dak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<PlannedTensor> plan() {
  return {{.name = "bytes", .dtype = DType::kU8, .shape = {2, 3}},
          {.name = "scale", .dtype = DType::kF32},
          {.name = "halves", .dtype = DType::kBF16, .shape = {4}}};
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_back(const SafetensorsSet& set, std::string_view name) {
  for (const auto& tensor : set.tensors()) {
    if (tensor.entry.name == name) {
      const auto bytes = set.bytes(tensor);
      return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
  }
  return "";
}

void write_all(SafetensorsWriter& writer) {
  ASSERT_TRUE(writer.write("halves", bytes_of("halves!!")));
  ASSERT_TRUE(writer.write("bytes", bytes_of("abcdef")));
  ASSERT_TRUE(writer.write("scale", bytes_of("1234")));
}

TEST(SafetensorsWriterTest, OneFileReadsBackWhatWasWrittenInAnyOrder) {
  const TemporaryFolder folder;
  auto writer = SafetensorsWriter::open(folder.path(), plan(), 1000);
  ASSERT_TRUE(writer) << writer.error().message;
  write_all(*writer);
  ASSERT_TRUE(writer->finish());
  EXPECT_THAT(names_in(folder.path()), ElementsAre("model.safetensors"));
  const auto set = SafetensorsSet::open(folder.path());
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(read_back(*set, "bytes"), "abcdef");
  EXPECT_EQ(read_back(*set, "scale"), "1234");
  EXPECT_EQ(read_back(*set, "halves"), "halves!!");
}

TEST(SafetensorsWriterTest, FilesAreCutAtTheirLimitAndIndexed) {
  const TemporaryFolder folder;
  auto writer = SafetensorsWriter::open(folder.path(), plan(), 10);
  ASSERT_TRUE(writer) << writer.error().message;
  write_all(*writer);
  ASSERT_TRUE(writer->finish());
  EXPECT_THAT(names_in(folder.path()),
              ElementsAre("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                          "model.safetensors.index.json"));
  const auto set = SafetensorsSet::open(folder.path());
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->tensors().size(), 3U);
  EXPECT_EQ(read_back(*set, "scale"), "1234");
  EXPECT_EQ(read_back(*set, "halves"), "halves!!");
}

TEST(SafetensorsWriterTest, UnfinishedWriterLeavesNothing) {
  const TemporaryFolder folder;
  {
    auto writer = SafetensorsWriter::open(folder.path(), plan(), 10);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->write("bytes", bytes_of("abcdef")));
    EXPECT_THAT(names_in(folder.path()), testing::Each(HasSubstr(".partial")));
  }
  EXPECT_THAT(names_in(folder.path()), ElementsAre());
}

TEST(SafetensorsWriterTest, DiskWithoutRoomIsToldBeforeAnythingIsWritten) {
  const TemporaryFolder folder;
  const auto writer = SafetensorsWriter::open(
      folder.path(), {{.name = "huge", .dtype = DType::kU8, .shape = {int64_t{1} << 60}}}, 1000);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(writer.error().message, HasSubstr("has room for"));
  EXPECT_THAT(names_in(folder.path()), ElementsAre());
}

TEST(SafetensorsWriterTest, FolderThatIsNotThereIsAnError) {
  const TemporaryFolder folder;
  const auto writer = SafetensorsWriter::open(folder.path() / "missing", plan(), 1000);
  ASSERT_FALSE(writer);
  EXPECT_THAT(writer.error().message, HasSubstr("cannot create"));
}

}  // namespace
}  // namespace dak
