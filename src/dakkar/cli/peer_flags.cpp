#include "dakkar/cli/peer_flags.h"

#include <algorithm>
#include <array>

namespace dak {
namespace {

using Takes = PeerFlag::Takes;

constexpr std::string_view kParsers = "parsers come from the checkpoint";
constexpr std::string_view kAlways = "that is always so";
constexpr std::string_view kMemory = "memory is computed; --cache-gib overrides it";
constexpr std::string_view kGpu = "it chooses among GPU kernels";
constexpr std::string_view kNoPrefix = "prompts are not cached yet";
constexpr std::string_view kNoDrafts = "tokens are not drafted yet";

constexpr auto kPeerFlags = std::to_array<PeerFlag>({
    {Takes::kValue, "model-path", "model", ""},
    {Takes::kValue, "model", "model", ""},
    {Takes::kValue, "tp-size", "tp", ""},
    {Takes::kValue, "context-length", "max-model-len", ""},
    {Takes::kValue, "max-seq-len", "max-model-len", ""},
    {Takes::kValue, "chunked-prefill-size", "max-num-batched-tokens", ""},
    {Takes::kValue, "max-num-tokens", "max-num-batched-tokens", ""},
    {Takes::kValue, "max-running-requests", "max-num-seqs", ""},
    {Takes::kValue, "max-batch-size", "max-num-seqs", ""},
    {Takes::kValue, "mamba-ssm-dtype", "mamba-ssm-cache-dtype", ""},
    {Takes::kNothing, "trust-remote-code", "", "no code of a checkpoint is ever run"},
    {Takes::kValue, "tool-call-parser", "", kParsers},
    {Takes::kValue, "tool-parser", "", kParsers},
    {Takes::kValue, "reasoning-parser", "", kParsers},
    {Takes::kNothing, "enable-auto-tool-choice", "", kAlways},
    {Takes::kNothing, "enable-chunked-prefill", "", kAlways},
    {Takes::kNothing, "async-scheduling", "", kAlways},
    {Takes::kNothing, "disable-radix-cache", "", kNoPrefix},
    {Takes::kNothing, "enable-prefix-caching", "", kNoPrefix},
    {Takes::kNothing, "no-enable-prefix-caching", "", kNoPrefix},
    {Takes::kValue, "mem-fraction-static", "", kMemory},
    {Takes::kValue, "gpu-memory-utilization", "", kMemory},
    {Takes::kValue, "kv-cache-dtype", "", "the checkpoint says how KV pages are kept"},
    {Takes::kNothing, "disable-piecewise-cuda-graph", "", kGpu},
    {Takes::kNothing, "enable-flashinfer-autotune", "", kGpu},
    {Takes::kValue, "mamba-backend", "", kGpu},
    {Takes::kValue, "moe-backend", "", kGpu},
    {Takes::kValue, "backend", "", "there is one"},
    {Takes::kNothing, "enable-mamba-cache-stochastic-rounding", "",
     "float16 states are always rounded stochastically"},
    {Takes::kValue, "mamba-cache-philox-rounds", "", "the number is fixed"},
    {Takes::kValue, "speculative-config", "", kNoDrafts},
    {Takes::kValue, "speculative-config.method", "", kNoDrafts},
    {Takes::kValue, "speculative-config.num-speculative-tokens", "", kNoDrafts},
    {Takes::kValue, "num-postprocess-workers", "", "nothing is handed to other processes"},
    {Takes::kValue, "extra-llm-api-options", "", "its keys are another server's; use --config"},
    {Takes::kValue, "uvicorn-log-level", "", "there is one log"},
    {Takes::kNothing, "disable-log-requests", "", "requests are never logged"},
});

}  // namespace

const PeerFlag* find_peer_flag(std::string_view name) {
  const auto* found = std::find_if(kPeerFlags.begin(), kPeerFlags.end(),
                                   [&](const PeerFlag& flag) { return flag.name == name; });
  return found == kPeerFlags.end() ? nullptr : found;
}

}  // namespace dak
