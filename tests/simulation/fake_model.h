#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dakkar/engine/model_loader.h"
#include "dakkar/engine/request.h"

namespace dak {

/// Sizes of a fake model, and the ways in which it misbehaves.
struct FakeModelConfig {
  int64_t vocab = 64;
  int64_t page_bytes = int64_t{700} << 10;  ///< two pages in an extent of 2 MiB
  int64_t state_layers = 3;
  int64_t state_layer_bytes = int64_t{500} << 10;  ///< four blocks in an extent
  int64_t carry_layer_bytes = 0;  ///< not 0: prefills in several steps carry their state
  /// A row with this id moves its slot's position off by one; -1: none does.
  TokenId derailing_id = -1;
  /// A row with this id makes the rank fail with an exception; -1: none does.
  TokenId fatal_id = -1;
  /// While not 0, forward passes wait; may be null.
  std::atomic<int>* gate = nullptr;
};

/// Makes fake models: no weights, exact in any batch, cut, order and number of ranks.
///
/// A sequence's logits are a hash of all its tokens, read back from every page and from every state
/// block, each checked against the other. So a wrong page, slot, offset or position, a block used
/// by two sequences, or a lost or repeated token gives other tokens than `fake_greedy`.
[[nodiscard]] ModelLoader fake_loader(const FakeModelConfig& config);

/// The next token that a fake model with `vocab` tokens draws greedily after `tokens`.
[[nodiscard]] TokenId fake_greedy(std::span<const TokenId> tokens, int64_t vocab);

/// `count` greedy tokens after `prompt`.
[[nodiscard]] std::vector<TokenId> fake_continuation(std::vector<TokenId> prompt, int64_t count,
                                                     int64_t vocab);

}  // namespace dak
