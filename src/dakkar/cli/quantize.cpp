#include "dakkar/quantize/quantize.h"

#include <cstdio>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "dakkar/api/checkpoint_text.h"
#include "dakkar/base/process_memory.h"
#include "dakkar/base/progress.h"
#include "dakkar/cli/calibration.h"
#include "dakkar/cli/commands.h"
#include "dakkar/cli/local_model.h"
#include "dakkar/cli/model_summary.h"
#include "dakkar/server/version.h"

namespace dak {
namespace {

void print_classes(const QuantizeReport& report) {
  fmt::print("\n  {:<20} {:<7} {:>8} {:>11} {:>11} {:>10}\n", "tensors", "format", "number",
             "before", "after", "RMS error");
  ClassTotal all;
  for (const RecipeLine& line : kRecipe) {
    const ClassTotal& total = report.classes[static_cast<size_t>(line.tensors)];
    if (total.tensors == 0) {
      continue;
    }
    all.tensors += total.tensors;
    all.bytes_before += total.bytes_before;
    all.bytes_after += total.bytes_after;
    const std::string error =
        line.format ? fmt::format("{:.2f} %", 100.0 * total.relative_error()) : "-";
    fmt::print("  {:<20} {:<7} {:>8} {:>11} {:>11} {:>10}\n", line.name, total.format,
               total.tensors, human_bytes(total.bytes_before), human_bytes(total.bytes_after),
               error);
  }
  fmt::print("  {:<20} {:<7} {:>8} {:>11} {:>11}\n", "all", "", all.tensors,
             human_bytes(all.bytes_before), human_bytes(all.bytes_after));
}

void print_report(const QuantizeReport& report, const QuantizeOptions& options) {
  print_classes(report);
  fmt::print("\n  KV cache FP8; weights in {} file{} in {}\n", report.files,
             report.files == 1 ? "" : "s", options.out);
  if (report.unreached_experts > 0) {
    fmt::print(
        "  {} of {} routed experts were reached by no calibration token: their inputs have "
        "the scale of their layer's largest\n",
        report.unreached_experts, report.experts);
  } else if (report.experts > 0) {
    fmt::print("  all {} routed experts were reached by calibration tokens\n", report.experts);
  }
  fmt::print("  peak memory {}; the largest layer has {}\n\n", human_bytes(peak_resident_bytes()),
             human_bytes(report.largest_layer_bytes));
}

}  // namespace

Result<int> run_quantize(const QuantizeOptions& options, const BackendOpener& open_backend) {
  Result<ModelFolder> folder = ModelFolder::open(options.model.model);
  if (!folder) {
    return fail(folder.error());
  }
  const Result<CheckpointText> text = CheckpointText::load(folder->path);
  if (!text) {
    return fail(text.error());
  }
  Result<Calibration> calibration =
      read_calibration(options.calibration_file, text->tokenizer(), folder->config.vocab,
                       {.tokens = options.calibration_tokens, .sequence = options.sequence_tokens});
  if (!calibration) {
    return fail(calibration.error());
  }
  const Result<std::unique_ptr<Backend>> backend = open_backend(options.model);
  if (!backend) {
    return fail(backend.error());
  }
  if ((*backend)->name() == "cuda") {
    return fail(ErrorCode::kUnimplemented, "quantize runs on the CPU: add --device cpu", "device");
  }
  const Result<WeightSet> weights = open_weights(options.model, *folder, {});
  if (!weights) {
    return fail(weights.error());
  }
  fmt::print("  calibration: {}, {} tokens in {} sequence{}\n", calibration->source,
             calibration->tokens(), calibration->sequences.size(),
             calibration->sequences.size() == 1 ? "" : "s");
  std::fflush(stdout);  // before the progress, which goes to stderr
  ProgressMeter meter("quantizing", stderr, progress_style_for(stderr));
  const Result<QuantizeReport> report =
      quantize({.source = folder->path,
                .out = options.out,
                .config = folder->config,
                .quant = folder->quant,
                .weights = *weights,
                .backend = **backend,
                .calibration = std::move(calibration->sequences),
                .max_file_bytes = options.max_shard_mb * 1'000'000,
                .version = version_text(),
                .progress = [&meter](int64_t done, int64_t total) { meter.update(done, total); }});
  if (!report) {
    return fail(report.error());
  }
  meter.finish();
  print_report(*report, options);
  return 0;
}

}  // namespace dak
