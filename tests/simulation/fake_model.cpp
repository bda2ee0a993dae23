#include "simulation/fake_model.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "dakkar/device/ops_mamba.h"

namespace dak {
namespace {

constexpr uint64_t kStart = 0x9E3779B97F4A7C15;
constexpr uint64_t kPoison = 0xDEADDEADDEADDEAD;
constexpr int64_t kPageTokens = 128;

uint64_t mix(uint64_t hash, uint64_t value) {
  hash ^= value + kStart + (hash << 6) + (hash >> 2);
  hash *= 0xFF51AFD7ED558CCD;
  return hash ^ (hash >> 33);
}

uint64_t hash_of(std::span<const TokenId> tokens, uint64_t salt) {
  uint64_t hash = kStart + salt;
  for (const TokenId token : tokens) {
    hash = mix(hash, static_cast<uint64_t>(token));
  }
  return hash;
}

// 16 bits of mantissa at most: sums over ranks of equal parts stay exact.
float logit_of(uint64_t hash, int64_t id) {
  return static_cast<float>(mix(hash, static_cast<uint64_t>(id)) >> 52) / 512.0F;
}

/// What a state block holds, at both of its ends.
struct BlockState {
  int64_t position = 0;
  uint64_t hash = 0;
};

/// One sequence of a batch and the memory it may touch.
class FakeSequence final {
 public:
  FakeSequence(const FakeModelConfig& config, const StepBatch& batch, int64_t b)
      : config_(config), batch_(batch), b_(b), position_(batch.table.position[b]) {}

  /// Takes the next token; gives the hash that its logits come from.
  uint64_t take(TokenId id) {
    write_page(id);
    uint64_t hash = hash_of_pages();
    for (int64_t layer = 0; layer < config_.state_layers; ++layer) {
      if (advance_block(layer, id) != hash_of(tokens_, static_cast<uint64_t>(layer))) {
        hash = kPoison;
      }
    }
    ++position_;
    return hash;
  }

 private:
  [[nodiscard]] std::byte* page_entry(int64_t position, int64_t from_end) const {
    const int64_t page = batch_.page_table[b_ * batch_.max_pages + position / kPageTokens];
    const int64_t place = position % kPageTokens * static_cast<int64_t>(sizeof(TokenId));
    return batch_.arena + page + place + from_end * (config_.page_bytes - 512);
  }

  void write_page(TokenId id) const {
    std::memcpy(page_entry(position_, 0), &id, sizeof(id));
    std::memcpy(page_entry(position_, 1), &id, sizeof(id));
  }

  uint64_t hash_of_pages() {
    tokens_.clear();
    for (int64_t i = 0; i <= position_; ++i) {
      TokenId first = 0;
      TokenId second = 0;
      std::memcpy(&first, page_entry(i, 0), sizeof(first));
      std::memcpy(&second, page_entry(i, 1), sizeof(second));
      tokens_.push_back(first == second ? first : -1);
    }
    return hash_of(tokens_, 0);
  }

  /// A block's two ends, in the slot or in the carry.
  struct Block {
    std::byte* begin;
    std::byte* end;
  };
  [[nodiscard]] Block slot_block(int64_t layer) const {
    std::byte* begin = batch_.arena + batch_.state_offsets[b_ * config_.state_layers + layer];
    return {.begin = begin, .end = begin + config_.state_layer_bytes - sizeof(BlockState)};
  }
  [[nodiscard]] Block carry_block(int64_t layer) const {
    std::byte* begin = batch_.arena + batch_.carry.offsets[b_ * config_.state_layers + layer];
    return {.begin = begin, .end = begin + config_.carry_layer_bytes - sizeof(BlockState)};
  }

  uint64_t advance_block(int64_t layer, TokenId id) const {
    const CarryUse use = batch_.carry.use == nullptr ? CarryUse::kNone : batch_.carry.use[b_];
    const bool first = position_ == batch_.table.position[b_];
    const bool carried = first ? reads_carry(use) : writes_carry(use);
    const Block from = carried ? carry_block(layer) : slot_block(layer);
    const Block to = writes_carry(use) ? carry_block(layer) : slot_block(layer);
    BlockState state;
    BlockState copy;
    std::memcpy(&state, from.begin, sizeof(state));
    std::memcpy(&copy, from.end, sizeof(copy));
    if (position_ == 0) {
      state = {.position = 0, .hash = kStart + static_cast<uint64_t>(layer)};
    } else if (state.position != position_ || copy.hash != state.hash) {
      state.hash = kPoison;
    }
    state = {.position = position_ + 1, .hash = mix(state.hash, static_cast<uint64_t>(id))};
    std::memcpy(to.begin, &state, sizeof(state));
    std::memcpy(to.end, &state, sizeof(state));
    return state.hash;
  }

  const FakeModelConfig& config_;
  const StepBatch& batch_;
  const int64_t b_;
  int64_t position_;
  std::vector<TokenId> tokens_;
};

class FakeModel final : public Model {
 public:
  explicit FakeModel(const FakeModelConfig& config)
      : config_(config),
        spec_{.page_tokens = kPageTokens,
              .page_bytes = config.page_bytes,
              .state_layers = config.state_layers,
              .state_layer_bytes = config.state_layer_bytes,
              .carry_layer_bytes = config.carry_layer_bytes,
              .vocab = config.vocab} {}

  const CacheSpec& cache_spec() const override { return spec_; }
  int64_t vocab() const override { return config_.vocab; }
  bool has_mtp() const override { return false; }
  int64_t weight_bytes() const override { return 1 << 20; }
  int64_t workspace_bytes(const StepLimits& limits) const override {
    return limits.logit_rows * config_.vocab * 4 + limits.tokens * 8 + 1024;
  }

  ForwardOutput forward(Context& ctx, const StepBatch& batch, HiddenOutput) const override {
    const TensorView hashes = ctx.workspace.take(DType::kI64, {batch.ids.dim(0)});
    ForwardOutput out;
    out.logits = ctx.workspace.take(DType::kF32, {batch.logit_rows.dim(0), config_.vocab});
    ops::begin_step(ctx, {.table = batch.table, .ids = batch.ids, .tokens = batch.tokens});
    const auto ranks = static_cast<float>(ctx.comm.size());
    ctx.stream.launch([this, batch, hashes, logits = out.logits, ranks] {
      wait_for_gate();
      hash_rows(batch, hashes.as<int64_t>());
      for (int64_t s = 0; s < batch.logit_count.read(); ++s) {
        const int32_t row = batch.logit_rows.as<int32_t>()[s];
        write_logits(static_cast<uint64_t>(hashes.as<int64_t>()[row]), ranks, logits.rows(s, 1));
      }
    });
    ctx.comm.all_reduce(ctx.stream, out.logits);
    ops::advance(ctx, {.table = batch.table, .ids = batch.ids, .tokens = batch.tokens});
    ctx.stream.launch([this, batch] { derail(batch); });
    return out;
  }

  void draft(Context&, const DraftBatch&) const override { check(false, "there is no MTP head"); }

 private:
  void wait_for_gate() const {
    while (config_.gate != nullptr && config_.gate->load() != 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  void hash_rows(const StepBatch& batch, int64_t* hashes) const {
    for (int64_t b = 0; b < batch.table.sequences.read(); ++b) {
      FakeSequence sequence(config_, batch, b);
      for (int32_t t = batch.table.query_start[b]; t < batch.table.query_start[b + 1]; ++t) {
        const TokenId id = batch.ids.as<int32_t>()[t];
        if (id == config_.fatal_id) {
          static_cast<void>(std::vector<int>().at(1));
        }
        hashes[t] = static_cast<int64_t>(sequence.take(id));
      }
    }
  }

  void write_logits(uint64_t hash, float ranks, const TensorView& row) const {
    for (int64_t id = 0; id < config_.vocab; ++id) {
      row.as<float>()[id] = logit_of(hash, id) / ranks;
    }
  }

  void derail(const StepBatch& batch) const {
    for (int64_t b = 0; b < batch.table.sequences.read(); ++b) {
      const TokenId* begin = batch.ids.as<int32_t>() + batch.table.query_start[b];
      const TokenId* end = batch.ids.as<int32_t>() + batch.table.query_start[b + 1];
      if (std::find(begin, end, config_.derailing_id) != end) {
        ++batch.table.headers[batch.table.slot[b]].position;
      }
    }
  }

  const FakeModelConfig config_;
  const CacheSpec spec_;
};

}  // namespace

ModelLoader fake_loader(const FakeModelConfig& config) {
  return [config](const ModelLoadArgs&) -> Result<std::unique_ptr<Model>> {
    return std::make_unique<FakeModel>(config);
  };
}

TokenId fake_greedy(std::span<const TokenId> tokens, int64_t vocab) {
  const uint64_t hash = hash_of(tokens, 0);
  TokenId best = 0;
  for (int64_t id = 1; id < vocab; ++id) {
    best = logit_of(hash, id) > logit_of(hash, best) ? static_cast<TokenId>(id) : best;
  }
  return best;
}

std::vector<TokenId> fake_continuation(std::vector<TokenId> prompt, int64_t count, int64_t vocab) {
  std::vector<TokenId> output;
  for (int64_t i = 0; i < count; ++i) {
    output.push_back(fake_greedy(prompt, vocab));
    prompt.push_back(output.back());
  }
  return output;
}

}  // namespace dak
