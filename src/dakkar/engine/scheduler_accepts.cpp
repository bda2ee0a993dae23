#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/core.h>

#include "dakkar/engine/plan_builder.h"
#include "dakkar/engine/scheduler.h"

namespace dak {
namespace {

Status refuse(std::string message, std::string param) {
  return fail(ErrorCode::kInvalidArgument, std::move(message), std::move(param));
}

Status check_sampling(const SamplingParams& params, int64_t vocab) {
  const bool finite = std::isfinite(params.temperature) && std::isfinite(params.top_p) &&
                      std::isfinite(params.min_p) && std::isfinite(params.repetition_penalty) &&
                      std::isfinite(params.presence_penalty) &&
                      std::isfinite(params.frequency_penalty);
  if (!finite || params.top_k < 0) {
    return refuse("a sampling parameter is out of its range", "temperature");
  }
  if (params.top_logprobs < -1 || params.top_logprobs > kMaxTopLogprobs) {
    return refuse(fmt::format("top_logprobs must be at most {}", kMaxTopLogprobs), "top_logprobs");
  }
  if (std::ssize(params.logit_bias) > kMaxListEntries) {
    return refuse(fmt::format("logit_bias has more than {} entries", kMaxListEntries),
                  "logit_bias");
  }
  for (const auto& [id, value] : params.logit_bias) {
    if (id < 0 || id >= vocab || !std::isfinite(value)) {
      return refuse(fmt::format("logit_bias names token {}, which is not in the vocabulary", id),
                    "logit_bias");
    }
  }
  return {};
}

Status check_stop(const StopRules& stop, int64_t vocab) {
  if (stop.max_tokens < 1 || stop.min_tokens < 0) {
    return refuse("max_tokens must be at least 1", "max_tokens");
  }
  if (std::ssize(stop.stop_ids) > kMaxListEntries) {
    return refuse(fmt::format("more than {} stop ids", kMaxListEntries), "stop_token_ids");
  }
  const auto in_vocab = [&](TokenId id) { return id >= 0 && id < vocab; };
  if (!std::all_of(stop.stop_ids.begin(), stop.stop_ids.end(), in_vocab)) {
    return refuse("a stop id is not in the vocabulary", "stop_token_ids");
  }
  return {};
}

}  // namespace

int64_t Scheduler::output_limit(const GenerationRequest& request) const {
  return std::min(request.stop.max_tokens, config_.max_model_len - std::ssize(request.prompt));
}

Status Scheduler::accepts(const GenerationRequest& request) const {
  const int64_t vocab = pool_.spec().vocab;
  if (request.prompt.empty()) {
    return refuse("the prompt has no tokens", "prompt");
  }
  for (const TokenId id : request.prompt) {
    if (id < 0 || id >= vocab) {
      return refuse(fmt::format("token id {} is not in the vocabulary of {}", id, vocab), "prompt");
    }
  }
  if (Status status = check_stop(request.stop, vocab); !status.has_value()) {
    return status;
  }
  const int64_t prompt = std::ssize(request.prompt);
  const int64_t limit = output_limit(request);
  if (limit < 1) {
    return refuse(fmt::format("the prompt has {} tokens, the context holds {} with its answer",
                              prompt, config_.max_model_len),
                  "prompt");
  }
  const int64_t carries = pool_.spec().has_carry() ? 1 : 0;
  if (!pool_.could_ever_take(CachePool::pages_for(pool_.spec(), prompt + limit), 1, carries)) {
    return refuse(fmt::format("{} tokens of prompt and answer do not fit the cache, even alone",
                              prompt + limit),
                  "max_tokens");
  }
  if (Status status = check_sampling(request.sampling, vocab); !status.has_value()) {
    return status;
  }
  if (auto stop = StopState::create(request.stop, limit, config_.token_bytes); !stop.has_value()) {
    return fail(std::move(stop.error()));
  }
  return {};
}

}  // namespace dak
