#include "dakkar/model/logits_run.h"

#include <algorithm>
#include <numeric>
#include <span>
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

/// Puts one rank's rows into the whole's, segment by segment: every rank holds an equal part of
/// each.
void place_rows(const std::vector<float>& part, std::span<const int64_t> segments,
                const Communicator& rank, std::vector<float>& whole) {
  const int64_t width = std::accumulate(segments.begin(), segments.end(), int64_t{0});
  whole.resize(part.size() * static_cast<size_t>(rank.size()));
  const int64_t rows = std::ssize(part) / width;
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = part.data() + row * width;
    float* to = whole.data() + row * width * rank.size();
    for (const int64_t segment : segments) {
      std::copy(from, from + segment, to + segment * rank.rank());
      from += segment;
      to += segment * rank.size();
    }
  }
}

/// Joins the ranks' heads; SSM states simply follow one another, since ranks hold consecutive
/// heads.
void join_state(const MambaLayerState& part, const MambaConfig& local, const Communicator& rank,
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
  run.states.resize(results.front().states.size());
  for (size_t rank = 0; rank < ranks; ++rank) {
    for (size_t layer = 0; layer < run.states.size(); ++layer) {
      join_state(results[rank].states[layer], local, *group[rank], run.states[layer]);
    }
  }
  run.logits = std::move(results.front().logits);
  run.mtp_logits = std::move(results.front().mtp_logits);
  return run;
}

}  // namespace dak
