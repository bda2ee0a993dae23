#include "dakkar/model/logits_run.h"

#include <algorithm>
#include <optional>
#include <thread>

#include <fmt/core.h>

#include "dakkar/device/local_group.h"
#include "dakkar/model/rank_run.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/shard.h"

namespace dak {
namespace {

Status check_args(const LogitsArgs& args) {
  const auto tokens = static_cast<int64_t>(args.ids.size());
  if (tokens == 0) {
    return fail(ErrorCode::kInvalidArgument, "there are no token ids to run");
  }
  for (const TokenId id : args.ids) {
    if (id < 0 || id >= args.load.config->vocab) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("token id {} is outside the vocabulary of {}", id, args.load.config->vocab));
    }
  }
  int64_t last = 0;
  for (const int64_t cut : args.cuts) {
    if (cut <= last || cut > tokens) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("chunk ends must ascend within 1..{}, but {} follows {}", tokens, cut, last));
    }
    last = cut;
  }
  return {};
}

/// Columns of one rank's conv window go to the whole's segments x, B, C.
void place_conv(const MambaLayerState& part, const MambaConfig& local, int tp, int rank,
                MambaLayerState& whole) {
  const int64_t segments[] = {local.inner(), local.bc_width(), local.bc_width()};
  const int64_t rows = static_cast<int64_t>(part.conv.size()) / local.conv_channels();
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = part.conv.data() + row * local.conv_channels();
    float* to = whole.conv.data() + row * local.conv_channels() * tp;
    for (const int64_t width : segments) {
      std::copy(from, from + width, to + width * rank);
      from += width;
      to += width * tp;
    }
  }
}

/// Ranks hold consecutive heads, so SSM states simply follow one another.
std::vector<MambaLayerState> join_states(const std::vector<RankRun>& ranks,
                                         const MambaConfig& local) {
  const auto tp = static_cast<int>(ranks.size());
  std::vector<MambaLayerState> whole(ranks.front().states.size());
  for (size_t layer = 0; layer < whole.size(); ++layer) {
    whole[layer].base = ranks.front().states[layer].base;
    whole[layer].conv.resize(ranks.front().states[layer].conv.size() * ranks.size());
    for (int rank = 0; rank < tp; ++rank) {
      const MambaLayerState& part = ranks[static_cast<size_t>(rank)].states[layer];
      whole[layer].ssm.insert(whole[layer].ssm.end(), part.ssm.begin(), part.ssm.end());
      place_conv(part, local, tp, rank, whole[layer]);
    }
  }
  return whole;
}

/// Loads one rank's model into `models` and opens its memory.
Result<RankRunner> open_rank(const LogitsArgs& args, Communicator& comm,
                             std::vector<std::unique_ptr<Model>>& models) {
  ModelLoadArgs load = args.load;
  load.rank = comm.rank();
  Result<std::unique_ptr<Model>> model = load_model(load);
  if (!model) {
    return fail(model.error());
  }
  if (args.mtp == MtpLogits::kYes && !(*model)->has_mtp()) {
    return fail(ErrorCode::kInvalidArgument, "this model has no MTP head");
  }
  models.push_back(std::move(*model));
  return RankRunner::open({.run = &args, .model = models.back().get(), .comm = &comm});
}

}  // namespace

std::vector<int64_t> equal_cuts(int64_t tokens, int64_t chunk) {
  std::vector<int64_t> cuts;
  for (int64_t end = chunk; end < tokens; end += chunk) {
    cuts.push_back(end);
  }
  cuts.push_back(tokens);
  return cuts;
}

Result<LogitsRun> run_logits(const LogitsArgs& args) {
  if (Status checked = check_args(args); !checked) {
    return fail(checked.error());
  }
  const auto ranks = static_cast<size_t>(args.load.tp);
  const std::vector<std::unique_ptr<Communicator>> group = make_local_group(args.load.tp);
  std::vector<std::unique_ptr<Model>> models;
  std::vector<RankRunner> runners;
  for (size_t rank = 0; rank < ranks; ++rank) {
    Result<RankRunner> runner = open_rank(args, *group[rank], models);
    if (!runner) {
      return fail(runner.error());
    }
    runners.push_back(std::move(*runner));
  }
  std::vector<RankRun> results(ranks);
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] { results[rank] = runners[rank].run(); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const MambaConfig local = local_config(*args.load.config, {.tp = args.load.tp, .rank = 0}).mamba;
  LogitsRun run;
  run.states = join_states(results, local);
  run.logits = std::move(results.front().logits);
  run.mtp_logits = std::move(results.front().mtp_logits);
  return run;
}

}  // namespace dak
