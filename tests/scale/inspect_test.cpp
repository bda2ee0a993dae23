#include <algorithm>
#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/checkpoint_writer.h"
#include "scale/program.h"
#include "scale/sparse_checkpoint.h"

namespace dak {
namespace {

using testing::HasSubstr;

/// The largest member of the family, written once for all tests.
class InspectUltraTest : public testing::Test {
 protected:
  static const std::string& folder() {
    static const TemporaryFolder kFolder;
    static const int64_t kTensors = write_sparse_checkpoint(kFolder.path(), sparse_ultra());
    EXPECT_EQ(kTensors, 198'887);
    static const std::string kPath = kFolder.path().string();
    return kPath;
  }

  static ProgramRun inspect(const std::string& flags) {
    return run_program(std::string(DAKKAR_BINARY) + " inspect " + folder() + " " + flags);
  }
};

/// What the best run may take: on processors that others use as well, caches are theirs too.
double allowed_seconds(const ProgramRun& best) {
  const bool shared = best.wall_seconds > 1.5 * best.cpu_seconds;
  return shared ? 2.0 * DAKKAR_INSPECT_SECONDS : DAKKAR_INSPECT_SECONDS;
}

TEST_F(InspectUltraTest, TakesNoLongerThanASecond) {
  ProgramRun best = inspect("");
  for (int again = 0; again < 2; ++again) {
    ProgramRun run = inspect("");
    if (run.cpu_seconds < best.cpu_seconds) {
      best = std::move(run);
    }
  }
  fmt::print("inspect: 198,887 tensors in {:.2f} s of processor time, {:.2f} s by the clock\n",
             best.cpu_seconds, best.wall_seconds);
  EXPECT_EQ(best.status, 0) << best.output;
  EXPECT_LE(best.cpu_seconds, allowed_seconds(best));
}

TEST_F(InspectUltraTest, PlansTheRanksOfEightGpus) {
  const ProgramRun run = inspect("--tp 8 --memory-gib 139");
  EXPECT_THAT(run.output, HasSubstr("memory of a rank, 8 ranks (tp 8, dp 1, ep 1)"));
  EXPECT_THAT(run.output, HasSubstr("47.5 GB"));
  EXPECT_THAT(run.output, HasSubstr("fits, of 262144 tokens"));
}

TEST_F(InspectUltraTest, SaysWhatIsMissingWhereTwoGpusDoNotSuffice) {
  const ProgramRun run = inspect("--tp 2 --memory-gib 139");
  EXPECT_EQ(run.status, 0);
  EXPECT_THAT(run.output, HasSubstr("does not fit"));
  EXPECT_THAT(run.output, HasSubstr("more ranks (--tp)"));
}

TEST_F(InspectUltraTest, DealsWholeExpertsOverAllRanks) {
  EXPECT_THAT(inspect("--tp 2 --dp 4 --ep 8 --memory-gib 139").output,
              HasSubstr("8 ranks (tp 2, dp 4, ep 8)"));
  const ProgramRun uneven = inspect("--tp 2 --dp 4 --ep 3");
  EXPECT_EQ(uneven.status, 1);
  EXPECT_THAT(uneven.output,
              HasSubstr("experts are dealt over all 8 ranks or not at all, not over 3"));
}

}  // namespace
}  // namespace dak
