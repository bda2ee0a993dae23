#include "dakkar/model/logits_run.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <thread>

#include <fmt/core.h>

#include "dakkar/device/rank_groups.h"
#include "dakkar/model/check_ids.h"
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
  if (Status grid = check_grid(args.load.grid()); !grid) {
    return grid;
  }
  if (std::ssize(args.beside) >= args.load.dp) {
    return fail(ErrorCode::kInvalidArgument, "there are more sequences than groups");
  }
  Status known = check_ids(args.ids, args.load.config->vocab);
  for (const std::vector<TokenId>& ids : args.beside) {
    known = known ? check_ids(ids, args.load.config->vocab) : known;
  }
  if (!known) {
    return known;
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

/// Puts one rank's rows into the whole's, segment by segment: every rank holds an equal part of
/// each.
void place_rows(const std::vector<float>& part, std::span<const int64_t> segments,
                const Shard& rank, std::vector<float>& whole) {
  const int64_t width = std::accumulate(segments.begin(), segments.end(), int64_t{0});
  whole.resize(part.size() * static_cast<size_t>(rank.tp));
  const int64_t rows = std::ssize(part) / width;
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = part.data() + row * width;
    float* to = whole.data() + row * width * rank.tp;
    for (const int64_t segment : segments) {
      std::copy(from, from + segment, to + segment * rank.rank);
      from += segment;
      to += segment * rank.tp;
    }
  }
}

/// Joins the ranks' heads; SSM states simply follow one another, since ranks hold consecutive
/// heads.
void join_state(const MambaLayerState& part, const MambaConfig& local, const Shard& rank,
                MambaLayerState& whole) {
  const int64_t conv[] = {local.inner(), local.bc_width(), local.bc_width()};
  const int64_t ring_xb[] = {local.inner(), local.bc_width()};
  const int64_t ring_dt[] = {local.heads};
  whole.base = part.base;
  whole.ssm.insert(whole.ssm.end(), part.ssm.begin(), part.ssm.end());
  place_rows(part.conv, conv, rank, whole.conv);
  place_rows(part.ring_xb, ring_xb, rank, whole.ring_xb);
  place_rows(part.ring_dt, ring_dt, rank, whole.ring_dt);
}

/// Loads one rank's model into `models` and opens its memory.
Result<RankRunner> open_rank(const LogitsArgs& args, int rank,
                             std::vector<std::unique_ptr<Model>>& models) {
  ModelLoadArgs load = args.load;
  load.rank = rank;
  Result<std::unique_ptr<Model>> model = load_model(load);
  if (!model) {
    return fail(model.error());
  }
  if (args.mtp == MtpLogits::kYes && !(*model)->has_mtp()) {
    return fail(ErrorCode::kInvalidArgument, "this model has no MTP head");
  }
  models.push_back(std::move(*model));
  return RankRunner::open({.run = &args, .model = models.back().get(), .rank = rank});
}

/// Runs all ranks side by side.
std::vector<RankRun> run_ranks(const LogitsArgs& args, std::vector<RankRunner>& runners) {
  std::vector<std::unique_ptr<Communicator>> world = make_world(args.load.grid());
  std::vector<RankRun> results(runners.size());
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < runners.size(); ++rank) {
    threads.emplace_back([&, rank] { results[rank] = runners[rank].run(std::move(world[rank])); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return results;
}

/// What the first rank of each group saw, and the states of the first group.
LogitsRun join_ranks(const LogitsArgs& args, std::vector<RankRun>& results) {
  const RankGrid grid = args.load.grid();
  const MambaConfig local = local_config(*args.load.config, shard_of(grid, 0)).mamba;
  LogitsRun run;
  run.states.resize(results.front().states.size());
  for (int rank = 0; rank < grid.ranks(); ++rank) {
    RankRun& result = results[static_cast<size_t>(rank)];
    if (grid.group_of(rank) > 0 && grid.place_of(rank) == 0) {
      run.beside_logits.push_back(std::move(result.logits));
    }
    for (size_t layer = 0; layer < run.states.size() && grid.group_of(rank) == 0; ++layer) {
      join_state(result.states[layer], local, shard_of(grid, rank), run.states[layer]);
    }
  }
  run.logits = std::move(results.front().logits);
  run.mtp_logits = std::move(results.front().mtp_logits);
  return run;
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
  std::vector<std::unique_ptr<Model>> models;
  std::vector<RankRunner> runners;
  for (int rank = 0; rank < args.load.grid().ranks(); ++rank) {
    Result<RankRunner> runner = open_rank(args, rank, models);
    if (!runner) {
      return fail(runner.error());
    }
    runners.push_back(std::move(*runner));
  }
  std::vector<RankRun> results = run_ranks(args, runners);
  return join_ranks(args, results);
}

}  // namespace dak
