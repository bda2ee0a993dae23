#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "dakkar/cli/commands.h"
#include "dakkar/cli/local_model.h"
#include "dakkar/cli/npy.h"
#include "dakkar/cli/token_list.h"
#include "dakkar/model/logits_run.h"

namespace dak {

Result<int> run_logits_command(const LogitsOptions& options, const BackendOpener& open_backend) {
  Result<ModelFolder> folder = ModelFolder::open(options.model.model);
  if (!folder) {
    return fail(folder.error());
  }
  const Result<std::string> text = read_whole_file(options.ids_file);
  if (!text) {
    return fail(text.error());
  }
  Result<std::vector<TokenId>> ids = parse_token_list(*text, folder->config.vocab);
  if (!ids) {
    return fail_in(options.ids_file, ids.error());
  }
  const Result<std::unique_ptr<Backend>> backend = open_backend(options.model);
  if (!backend) {
    return fail(backend.error());
  }
  const Result<WeightSet> weights = open_weights(options.model, *folder, {});
  if (!weights) {
    return fail(weights.error());
  }
  const auto tokens = static_cast<int64_t>(ids->size());
  LogitsArgs args;
  args.load.config = &folder->config;
  args.load.quant = &folder->quant;
  args.load.weights = &*weights;
  args.load.backend = backend->get();
  args.load.numerics = options.model.numerics == "f32" ? Numerics::kF32 : Numerics::kShipped;
  args.load.state = state_storage(options.model);
  const RankGrid grid = options.model.grid();
  args.load.tp = grid.tp;
  args.load.dp = grid.dp;
  args.load.ep = grid.ep;
  args.ids = std::move(*ids);
  args.cuts = equal_cuts(tokens, options.chunk > 0 ? options.chunk : tokens);
  args.mtp = options.mtp ? MtpLogits::kYes : MtpLogits::kNo;
  const Result<LogitsRun> run = run_logits(args);
  if (!run) {
    return fail(run.error());
  }
  const std::vector<float>& values = options.mtp ? run->mtp_logits : run->logits;
  const int64_t rows = options.mtp ? tokens - 1 : tokens;
  if (const Status status = write_npy(options.out_file, values, rows, folder->config.vocab);
      !status) {
    return fail(status.error());
  }
  fmt::print(stderr, "{}: float32 [{}, {}]\n", options.out_file, rows, folder->config.vocab);
  return 0;
}

}  // namespace dak
