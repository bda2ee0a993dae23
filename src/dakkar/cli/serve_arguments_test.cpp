#include "dakkar/cli/serve_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/checkpoint_writer.h"

namespace dak {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using Takes = KnownFlag::Takes;

const std::vector<KnownFlag> kKnown = {{Takes::kValue, {"tp", "tensor-parallel-size"}},
                                       {Takes::kValue, {"max-model-len"}},
                                       {Takes::kValue, {"max-num-seqs"}},
                                       {Takes::kValue, {"max-num-batched-tokens"}},
                                       {Takes::kValue, {"port"}},
                                       {Takes::kValue, {"api-key"}},
                                       {Takes::kNothing, {"auth-metrics"}},
                                       {Takes::kValue, {"served-model-name"}},
                                       {Takes::kValue, {"config"}}};

ServeArguments arguments(const std::vector<std::string>& typed) {
  return serve_arguments(typed, kKnown).value();
}

TEST(PeerFlagsTest, TheFlagsOfSglangBecomeOurs) {
  const ServeArguments out =
      arguments({"--model-path", "DIR", "--tp", "8", "--trust-remote-code", "--mem-fraction-static",
                 "0.85", "--context-length", "262144", "--chunked-prefill-size=32768",
                 "--max-running-requests", "256"});
  EXPECT_THAT(out.args, ElementsAre("DIR", "--tp", "8", "--max-model-len=262144",
                                    "--max-num-batched-tokens=32768", "--max-num-seqs=256"));
  EXPECT_THAT(out.notes, Contains("--context-length 262144 is --max-model-len 262144"));
  EXPECT_THAT(out.notes,
              Contains("--trust-remote-code is ignored: no code of a checkpoint is ever run"));
}

TEST(PeerFlagsTest, UnderscoresAreDashes) {
  const ServeArguments out = arguments({"DIR", "--tp_size", "4", "--max_num_tokens", "8192",
                                        "--backend", "pytorch", "--served_model_name", "nemotron"});
  EXPECT_THAT(out.args, ElementsAre("DIR", "--tp=4", "--max-num-batched-tokens=8192",
                                    "--served-model-name", "nemotron"));
  EXPECT_EQ(out.notes.size(), 3U);
}

TEST(PeerFlagsTest, OurOwnFlagsStayAsTheyAre) {
  const std::vector<std::string> typed = {"DIR", "--port", "9", "--odd", "--", "-x"};
  EXPECT_EQ(arguments(typed).args, typed);
  EXPECT_TRUE(arguments(typed).notes.empty());
}

class ConfigFileTest : public testing::Test {
 protected:
  Result<ServeArguments> with(std::string_view yaml, std::vector<std::string> typed = {}) {
    write_file(file_, yaml);
    typed.insert(typed.end(), {"--config", file_});
    return serve_arguments(typed, kKnown);
  }
  std::string problem_of(std::string_view yaml) {
    const Result<ServeArguments> out = with(yaml);
    return out ? "accepted" : out.error().message;
  }

  TemporaryFolder folder_;
  const std::string file_ = folder_.path() / "serve.yaml";
};

TEST_F(ConfigFileTest, KeysAreFlags) {
  const auto out = with("model: DIR\nport: 9000\nauth-metrics: true\napi_key: [a, b]\n# note\n");
  EXPECT_THAT(out->args,
              ElementsAre("DIR", "--port=9000", "--auth-metrics", "--api-key=a", "--api-key=b"));
}

TEST_F(ConfigFileTest, TypedFlagsWin) {
  const auto out =
      with("model: DIR\nport: 9000\ntp: 2\n", {"OTHER", "--tensor-parallel-size", "4"});
  EXPECT_THAT(out->args, ElementsAre("OTHER", "--port=9000", "--tensor-parallel-size", "4"));
}

TEST_F(ConfigFileTest, ErrorsNameFileAndLine) {
  EXPECT_THAT(problem_of("port: 1\n\nprot: 2\n"),
              AllOf(HasSubstr("serve.yaml:3:"), HasSubstr("'prot' is no flag")));
  EXPECT_THAT(problem_of("auth-metrics: perhaps\n"),
              HasSubstr("serve.yaml:1: auth-metrics must be true or false"));
  EXPECT_THAT(problem_of("port: {a: 1}\n"), HasSubstr("must be a value or a list"));
  EXPECT_THAT(problem_of("- port\n"), HasSubstr("no map of flags"));
  EXPECT_THAT(problem_of("port: [1\n"), HasSubstr("serve.yaml:"));
  EXPECT_THAT(problem_of("config: other.yaml\n"), HasSubstr("'config' is no flag"));
}

TEST_F(ConfigFileTest, AnEmptyFileSaysNothing) {
  EXPECT_THAT(with("", {"DIR"})->args, ElementsAre("DIR"));
  EXPECT_FALSE(serve_arguments({"DIR", "--config"}, kKnown).has_value());
  EXPECT_FALSE(serve_arguments({"DIR", "--config=/no/such/file"}, kKnown).has_value());
}

}  // namespace
}  // namespace dak
