#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "dakkar/base/progress.h"
#include "dakkar/bench/machine.h"
#include "dakkar/bench/metered_backend.h"
#include "dakkar/bench/offline.h"
#include "dakkar/cli/commands.h"
#include "dakkar/cli/local_model.h"

namespace dak {
namespace {

/// A model in an engine whose kernels are metered; parts die in the right order.
struct Loaded {
  bench::OpMeter meter;
  ModelFolder folder;
  std::unique_ptr<Backend> backend;
  std::optional<WeightSet> weights;
  std::unique_ptr<Engine> engine;
};

EngineConfig limits_of(const BenchOfflineOptions& options) {
  EngineConfig limits = engine_config(options.model);
  if (limits.max_num_seqs == 0) {
    limits.max_num_seqs = *std::max_element(options.batches.begin(), options.batches.end());
  }
  if (limits.max_model_len == 0) {
    limits.max_model_len = options.input_len + options.output_len;
  }
  limits.max_queued = std::max(limits.max_queued, limits.max_num_seqs);
  return limits;
}

Status start(const BenchOfflineOptions& options, Loaded& loaded) {
  ProgressMeter meter("loading weights", stderr, progress_style_for(stderr));
  Result<WeightSet> weights =
      open_weights(options.model, loaded.folder,
                   [&meter](int64_t done, int64_t total) { meter.update(done, total); });
  if (!weights) {
    return fail(weights.error());
  }
  loaded.weights.emplace(std::move(*weights));
  Result<std::unique_ptr<Engine>> engine = start_engine({.backend = loaded.backend.get(),
                                                         .config = &loaded.folder.config,
                                                         .quant = &loaded.folder.quant,
                                                         .weights = &*loaded.weights,
                                                         .token_bytes = nullptr,
                                                         .limits = limits_of(options),
                                                         .load = {}});
  if (!engine) {
    return fail(engine.error());
  }
  loaded.engine = std::move(*engine);
  meter.finish();
  return {};
}

void print_profiles(FILE* to, const bench::OfflineShape& shape, const bench::OfflineBurst& burst,
                    int ranks) {
  const double prefill_steps =
      static_cast<double>(std::max<int64_t>(1, burst.totals.prefill.steps)) / ranks;
  fmt::print(to, "{}",
             bench::profile_text({.title = "prefill",
                                  .totals = burst.totals.prefill,
                                  .peaks = burst.peaks,
                                  .step_seconds = burst.prefill_seconds / prefill_steps}));
  fmt::print(to, "{}",
             bench::profile_text({.title = "decode",
                                  .totals = burst.totals.decode,
                                  .peaks = burst.peaks,
                                  .step_seconds = burst.seconds_per_step(shape)}));
}

/// Bursts of one shape: the first one, untimed, warms up.
Result<bench::OfflineFigures> run_shape(const bench::OfflineBench& bench,
                                        const BenchOfflineOptions& options,
                                        const bench::OfflineShape& shape) {
  std::vector<bench::OfflineFigures> all;
  bench::OfflineBurst sum;
  for (int64_t i = 0; i <= options.repeat; ++i) {
    const Result<bench::OfflineBurst> burst =
        bench::run_burst(bench, shape, static_cast<uint64_t>(i));
    if (!burst) {
      return fail(burst.error());
    }
    if (i > 0) {
      all.push_back(bench::figures_of(shape, *burst, bench.ranks));
      sum.add(*burst);
    }
  }
  const bench::OfflineFigures figures = bench::median_of(all);
  fmt::print("{}", bench::figures_text(shape, figures));
  if (options.profile) {
    sum.peaks = figures.peaks;
    print_profiles(stdout, shape, sum, bench.ranks);
  }
  std::fflush(stdout);
  return figures;
}

Result<int> run_all(const bench::OfflineBench& bench, const BenchOfflineOptions& options) {
  std::string json;
  for (const int64_t batch : options.batches) {
    const bench::OfflineShape shape = {
        .batch = batch, .input_tokens = options.input_len, .output_tokens = options.output_len};
    const Result<bench::OfflineFigures> figures = run_shape(bench, options, shape);
    if (!figures) {
      return fail(figures.error());
    }
    json += bench::figures_json(shape, *figures) + "\n";
  }
  if (!options.json_file.empty()) {
    std::ofstream file(options.json_file, std::ios::binary);
    file << json;
    file.close();
    if (!file) {
      return fail(ErrorCode::kUnavailable, "cannot write " + options.json_file);
    }
  }
  return 0;
}

Result<int> run_interactive(const bench::OfflineBench& bench, const BenchOfflineOptions& options) {
  fmt::print("{{\"ready\":true}}\n");
  std::fflush(stdout);
  uint64_t seed = 1;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    bench::OfflineShape shape;
    if (!(words >> shape.batch >> shape.input_tokens >> shape.output_tokens) || shape.batch < 1 ||
        shape.input_tokens < 1 || shape.output_tokens < 2) {
      return fail(ErrorCode::kInvalidArgument,
                  "a line is three numbers, BATCH INPUT OUTPUT, not '" + line + "'");
    }
    const Result<bench::OfflineBurst> burst = bench::run_burst(bench, shape, seed++);
    if (!burst) {
      return fail(burst.error());
    }
    fmt::print("{}\n", bench::figures_json(shape, bench::figures_of(shape, *burst, bench.ranks)));
    std::fflush(stdout);
    if (options.profile) {
      print_profiles(stderr, shape, *burst, bench.ranks);
    }
  }
  return 0;
}

}  // namespace

Result<int> run_bench_offline(const BenchOfflineOptions& options,
                              const BackendOpener& open_backend) {
  if (options.threads > 0) {
    bench::use_processors(options.threads);
  }
  Result<ModelFolder> folder = ModelFolder::open(options.model.model);
  if (!folder) {
    return fail(folder.error());
  }
  Result<std::unique_ptr<Backend>> backend = open_backend(options.model);
  if (!backend) {
    return fail(backend.error());
  }
  if ((*backend)->name() == "cuda") {
    return fail(ErrorCode::kUnimplemented, "bench offline measures host devices only so far");
  }
  const Result<bench::PeakProbes> probes =
      bench::PeakProbes::open(static_cast<int>(bench::allowed_processors().size()));
  if (!probes) {
    return fail(probes.error());
  }
  Loaded loaded;
  loaded.folder = std::move(*folder);
  loaded.backend = std::make_unique<bench::MeteredBackend>(std::move(*backend), loaded.meter,
                                                           loaded.folder.config.vocab);
  if (Status status = start(options, loaded); !status) {
    return fail(std::move(status.error()));
  }
  const bench::OfflineBench bench{.engine = *loaded.engine,
                                  .meter = loaded.meter,
                                  .probes = *probes,
                                  .vocab = loaded.folder.config.vocab,
                                  .ranks = options.model.tp};
  fmt::print(stderr, "{}\n", loaded.backend->description());
  return options.interactive ? run_interactive(bench, options) : run_all(bench, options);
}

}  // namespace dak
