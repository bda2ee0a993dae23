#include "dakkar/base/progress.h"

#include <array>

#include <gtest/gtest.h>

namespace dak {
namespace {

std::string written_by(ProgressStyle style) {
  std::FILE* file = std::tmpfile();
  ProgressMeter meter("loading", file, style);
  meter.update(500, 1000);
  meter.update(1000, 1000);
  meter.finish();
  meter.finish();
  std::rewind(file);
  std::array<char, 512> text{};
  const size_t size = std::fread(text.data(), 1, text.size(), file);
  std::fclose(file);
  return {text.data(), size};
}

TEST(ProgressTest, ALineGivesShareBytesSpeedAndTimeLeft) {
  const ProgressState state = {.label = "loading weights",
                               .bytes_done = 30'000'000'000,
                               .bytes_total = 120'000'000'000,
                               .seconds = 10.0};
  EXPECT_EQ(progress_line(state),
            "loading weights: 25%, 30.0 GB of 120.0 GB, 3.00 GB/s, 30 s left");
}

TEST(ProgressTest, AFinishedLineGivesTheTimeTaken) {
  const ProgressState state = {
      .label = "x", .bytes_done = 2'000'000, .bytes_total = 2'000'000, .seconds = 0.5};
  EXPECT_EQ(progress_line(state), "x: 100%, 2.0 MB of 2.0 MB, 0.00 GB/s, took 0.5 s");
}

TEST(ProgressTest, TheBarFillsWithTheShare) {
  const ProgressState state = {
      .label = "x", .bytes_done = 250, .bytes_total = 1000, .seconds = 100.0};
  EXPECT_EQ(progress_bar(state, 8),
            "x [##......] 25%, 250 B of 1.0 kB, 0.00 GB/s, 5 min 00 s left");
}

TEST(ProgressTest, NothingToReadIsDoneAtOnce) {
  EXPECT_EQ(progress_line({.label = "x"}), "x: 100%, 0 B of 0 B, took 0.0 s");
}

TEST(ProgressTest, ShortReadsWriteOneLine) {
  const std::string text = written_by(ProgressStyle::kLines);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_NE(text.find("1.0 kB of 1.0 kB"), std::string::npos);
}

TEST(ProgressTest, SilenceWritesNothing) {
  EXPECT_EQ(written_by(ProgressStyle::kSilent), "");
}

}  // namespace
}  // namespace dak
