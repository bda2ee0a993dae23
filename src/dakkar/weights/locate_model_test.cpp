#include "dakkar/weights/locate_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/checkpoint_writer.h"

namespace dak {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class LocateModelTest : public testing::Test {
 protected:
  fs::path add_snapshot(const std::string& revision) {
    const fs::path snapshot = repository_ / "snapshots" / revision;
    fs::create_directories(snapshot);
    write_file(snapshot / "config.json", "{}");
    return snapshot;
  }
  void set_main(const std::string& revision) {
    fs::create_directories(repository_ / "refs");
    write_file(repository_ / "refs" / "main", revision);
  }
  std::string problem(const std::string& argument) {
    const auto found = locate_model(argument, hub_.path());
    return found ? "found " + found->string() : found.error().message;
  }

  TemporaryFolder hub_;
  const fs::path repository_ = hub_.path() / "models--nvidia--Some-Model_1.5";
  const std::string id_ = "nvidia/Some-Model_1.5";
};

TEST_F(LocateModelTest, AFolderIsItself) {
  const fs::path snapshot = add_snapshot("a");
  EXPECT_EQ(locate_model(snapshot.string(), std::nullopt), snapshot);
}

TEST_F(LocateModelTest, AHubIdIsTheSnapshotThatMainNames) {
  const fs::path named = add_snapshot("aaa");
  add_snapshot("bbb");
  set_main("aaa\n");
  EXPECT_EQ(locate_model(id_, hub_.path()), named);
}

TEST_F(LocateModelTest, WithoutAUsableMainTheNewestSnapshotIsTaken) {
  const fs::path old = add_snapshot("aaa");
  const fs::path newest = add_snapshot("bbb");
  fs::last_write_time(old, fs::last_write_time(newest) - std::chrono::hours(1));
  EXPECT_EQ(locate_model(id_, hub_.path()), newest);
  set_main("gone");
  EXPECT_EQ(locate_model(id_, hub_.path()), newest);
  set_main("../../..");
  EXPECT_EQ(locate_model(id_, hub_.path()), newest);
}

TEST_F(LocateModelTest, ErrorsSayWhatWasLookedFor) {
  EXPECT_THAT(problem(id_), AllOf(HasSubstr(id_), HasSubstr(repository_.string())));
  EXPECT_THAT(problem(hub_.path().string()), HasSubstr("has no config.json"));
  EXPECT_THAT(problem("/no/such/folder"), HasSubstr("no folder \"/no/such/folder\""));
  EXPECT_THAT(problem("../no-such"), HasSubstr("no folder"));
  EXPECT_THAT(problem(""), HasSubstr("no folder"));
  write_file(hub_.path() / "file", "");
  EXPECT_THAT(problem((hub_.path() / "file").string()), HasSubstr("is a file"));
  fs::remove(add_snapshot("a") / "config.json");
  EXPECT_THAT(problem(id_), HasSubstr("download is not complete"));
  EXPECT_THAT(locate_model(id_, std::nullopt).error().message, HasSubstr("HF_HOME"));
}

TEST_F(LocateModelTest, AModelIsCalledByItsHubIdOrItsFolder) {
  EXPECT_EQ(model_name(add_snapshot("0123abc")), id_);
  EXPECT_EQ(model_name("/models/tiny"), "tiny");
  EXPECT_EQ(model_name("/models/tiny/"), "tiny");
  EXPECT_EQ(model_name("/models/../other/./tiny"), "tiny");
}

TEST_F(LocateModelTest, TheDemoIsBesideTheProgramOrInItsTreeOrShared) {
  const fs::path bin = hub_.path() / "bin" / "x";
  fs::create_directories(bin);
  EXPECT_THAT(locate_demo(bin).error().message, HasSubstr("name a model folder"));
  for (const fs::path& place :
       {bin / "../share/dakkar/models/demo", bin / "../../models/demo", bin / "models/demo"}) {
    const fs::path folder = place.lexically_normal();
    fs::create_directories(folder);
    write_file(folder / "config.json", "{}");
    EXPECT_EQ(locate_demo(bin), folder);
  }
}

}  // namespace
}  // namespace dak
