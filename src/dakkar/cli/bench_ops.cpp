#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "dakkar/bench/machine.h"
#include "dakkar/bench/op_bench.h"
#include "dakkar/cli/commands.h"

namespace dak {
namespace {

bench::Peaks median_peaks(const std::vector<bench::OpResult>& results) {
  bench::OpResult all;
  for (const bench::OpResult& result : results) {
    all.samples.insert(all.samples.end(), result.samples.begin(), result.samples.end());
  }
  return all.peaks();
}

Status write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) {
    return fail(ErrorCode::kUnavailable, "cannot write " + path);
  }
  return {};
}

}  // namespace

Result<int> run_bench_ops(const BenchOpsOptions& options, const BackendOpener& open_backend) {
  if (options.threads > 0) {
    bench::use_processors(options.threads);
  }
  const Result<std::unique_ptr<Backend>> backend = open_backend(options.device);
  if (!backend) {
    return fail(backend.error());
  }
  const int threads =
      options.threads > 0 ? options.threads : static_cast<int>(bench::allowed_processors().size());
  const Result<bench::PeakProbes> probes = bench::PeakProbes::open(threads);
  if (!probes) {
    return fail(probes.error());
  }
  fmt::print("{}; probes on {} threads; medians of {} alternations\n{}\n",
             (*backend)->description(), threads, options.repeat, bench::op_table_head());
  const std::vector<bench::OpResult> results =
      bench::run_op_bench({.backend = backend->get(),
                           .probes = &*probes,
                           .filter = options.filter,
                           .alternations = options.repeat,
                           .done = [](const bench::OpResult& result) {
                             fmt::print("{}\n", bench::op_table_line(result));
                             std::fflush(stdout);
                           }});
  if (results.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no kernel's name contains '" + options.filter + "'");
  }
  fmt::print("peaks: {}\n", bench::describe(median_peaks(results)));
  if (options.json_file.empty()) {
    return 0;
  }
  const std::string json =
      bench::op_report_json({.backend = **backend, .threads = threads, .results = results});
  if (const Status written = write_text(options.json_file, json); !written) {
    return fail(written.error());
  }
  return 0;
}

}  // namespace dak
