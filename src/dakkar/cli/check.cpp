#include <string>
#include <utility>

#include <fmt/core.h>

#include "dakkar/cli/check_file.h"
#include "dakkar/cli/commands.h"
#include "dakkar/cli/local_model.h"
#include "dakkar/server/version.h"

namespace dak {
namespace {

/// What has to be the same before two runs can be compared.
constexpr std::string_view kMustAgree[] = {"model", "weights", "numerics"};

std::string shape_of(const ModelConfig& config) {
  std::string text = fmt::format("hidden {}, vocabulary {}, ", config.hidden, config.vocab);
  for (const LayerKind kind : config.layers) {
    text += letter_of(kind);
  }
  return text;
}

CheckIdentity identity_of(const ModelOptions& options, const ModelFolder& folder,
                          const WeightSet& weights) {
  return {{"model", shape_of(folder.config)},
          {"weights",
           fmt::format("{} bytes in {} tensors{}", weights.total_bytes(), weights.tensor_count(),
                       options.load_format == "dummy" ? ", made up" : "")},
          {"numerics", options.numerics},
          {"ranks", fmt::format("tp {}, dp {}, ep {}", options.grid().tp, options.grid().dp,
                                options.grid().ep)},
          {"states", options.ssm_cache_dtype},
          {"dakkar", std::string(version_text())}};
}

/// Prints the verdict; gives the program's exit status.
int conclude(const CheckReport& report, std::string_view against) {
  const bool same = report.outcome == CheckReport::Outcome::kSame;
  fmt::print("{} against {}: {}\n", same ? "passed" : "FAILED", against, report.detail);
  return same ? 0 : 1;
}

Result<int> compare_with_file(const CheckOptions& options, const RecordedCheck& now) {
  const Result<RecordedCheck> then = read_check(options.against_file);
  if (!then) {
    return fail(then.error());
  }
  for (const auto& [name, value] : now.identity) {
    const auto place = then->identity.find(name);
    const std::string before = place == then->identity.end() ? "unknown" : place->second;
    if (before == value) {
      continue;
    }
    fmt::print("{}: now {}; recorded {}\n", name, value, before);
    for (const std::string_view must : kMustAgree) {
      if (name == must) {
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("{} was recorded for another {}: nothing can be compared",
                                options.against_file, name));
      }
    }
  }
  const Numerics numerics = options.model.numerics == "f32" ? Numerics::kF32 : Numerics::kShipped;
  return conclude(compare_checks(now.run, then->run, CheckBar::of(numerics)), options.against_file);
}

Result<int> compare_with_reference(const ModelLoadArgs& load, const CheckRun& device) {
  if (load.backend->name() == "reference") {
    return fail(ErrorCode::kInvalidArgument,
                "the reference kernels would be compared with themselves: name another --device, "
                "or --record or --against a file");
  }
  const Result<CheckReport> report = check_by_reference(load, device);
  if (!report) {
    return fail(report.error());
  }
  return conclude(*report, "the reference kernels");
}

}  // namespace

Result<int> run_check_command(const CheckOptions& options, const BackendOpener& open_backend) {
  Result<ModelFolder> folder = ModelFolder::open(options.model.model);
  if (!folder) {
    return fail(folder.error());
  }
  const Result<std::unique_ptr<Backend>> backend = open_backend(options.model);
  if (!backend) {
    return fail(backend.error());
  }
  const Result<WeightSet> weights = open_weights(options.model, *folder, {});
  if (!weights) {
    return fail(weights.error());
  }
  ModelLoadArgs load;
  load.config = &folder->config;
  load.quant = &folder->quant;
  load.weights = &*weights;
  load.backend = backend->get();
  load.numerics = options.model.numerics == "f32" ? Numerics::kF32 : Numerics::kShipped;
  const RankGrid grid = options.model.grid();
  load.tp = grid.tp;
  load.dp = grid.dp;
  load.ep = grid.ep;
  load.state = state_storage(options.model);
  Result<CheckRun> run = run_check(load);
  if (!run) {
    return fail(run.error());
  }
  RecordedCheck now{.identity = identity_of(options.model, *folder, *weights),
                    .run = std::move(*run)};
  now.identity.emplace("device", (*backend)->name());
  if (!options.record_file.empty()) {
    if (const Status written = write_check(options.record_file, now); !written) {
      return fail(written.error());
    }
    fmt::print("{}: logits and states of {} tokens\n", options.record_file, kCheckTokens);
    return 0;
  }
  return options.against_file.empty() ? compare_with_reference(load, now.run)
                                      : compare_with_file(options, now);
}

}  // namespace dak
