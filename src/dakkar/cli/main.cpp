#include <cstdio>

#include <fmt/core.h>

#include "dakkar/cli/commands.h"
#include "dakkar/cli/flags.h"
#include "dakkar/server/version.h"

namespace dak {
namespace {

/// Does what `alternative` of the variant does; one overload per command.
struct Runner {
  BackendOpener open_backend;

  Result<int> operator()(const VersionOptions& /*unused*/) const {
    fmt::print("dakkar {}\n", version_text());
    return 0;
  }
  Result<int> operator()(const ServeOptions& options) const {
    return run_serve(options, open_backend);
  }
  Result<int> operator()(const ChatOptions& options) const {
    return run_chat(options, open_backend);
  }
  Result<int> operator()(const GenerateOptions& options) const {
    return run_generate(options, open_backend);
  }
  Result<int> operator()(const InspectOptions& options) const {
    return run_inspect(options, open_backend);
  }
  Result<int> operator()(const TokenizeOptions& options) const { return run_tokenize(options); }
  Result<int> operator()(const LogitsOptions& options) const {
    return run_logits_command(options, open_backend);
  }
  Result<int> operator()(const BenchOfflineOptions& options) const {
    return run_bench_offline(options, open_backend);
  }
  Result<int> operator()(const CheckOptions& options) const {
    return run_check_command(options, open_backend);
  }
  Result<int> operator()(const BenchOpsOptions& options) const {
    return run_bench_ops(options, open_backend);
  }
  Result<int> operator()(const QuantizeOptions& options) const {
    return run_quantize(options, open_backend);
  }
};

Result<std::unique_ptr<Backend>> open_named(const ModelOptions& options) {
  if (options.kernels == "reference" || options.device == "reference") {
    return open_reference();
  }
  if (options.numerics == "f32") {
    return fail(ErrorCode::kInvalidArgument, "--numerics f32 needs --kernels reference");
  }
  if (options.device == "cuda") {
    return open_cuda();
  }
  if (options.device == "auto") {
    if (Result<std::unique_ptr<Backend>> cuda = open_cuda()) {
      return cuda;
    }
  }
  return open_cpu();
}

int run(int argc, char** argv) {
  const auto parsed = parse_flags(argc, argv);
  if (const auto* exit = std::get_if<ExitNow>(&parsed)) {
    return exit->status;
  }
  const Result<int> status =
      std::visit(Runner{.open_backend = open_named}, std::get<CommandOptions>(parsed));
  if (!status) {
    fmt::print(stderr, "dakkar: {}\n", status.error().message);
    return 1;
  }
  return *status;
}

}  // namespace
}  // namespace dak

int main(int argc, char** argv) {
  return dak::run(argc, argv);
}
