#pragma once

#include "dakkar/device/cpu/ring_scan.h"

/// `RingKernels::round` over the vectors of one instruction set, which `V` names; only that set's
/// file instantiates it.
namespace dak::cpu {

/// Random bits of `V::kLanes` blocks of eight elements from `block` on, sixteen for each element.
template <typename V>
void random_bits(const RowName& name, uint32_t block, uint32_t* to) {
  constexpr int kRounds = 5;
  typename V::Words word[4] = {V::words_from(block), V::same_words(name.row),
                               V::same_words(name.position), V::same_words(name.layer)};
  const typename V::Words first = V::same_words(0xD2511F53U);
  const typename V::Words third = V::same_words(0xCD9E8D57U);
  auto low = static_cast<uint32_t>(name.seed);
  auto high = static_cast<uint32_t>(name.seed >> 32);
  for (int round = 0; round < kRounds; ++round) {
    typename V::Words product[4];
    V::multiply_words(word[0], first, &product[0], &product[1]);
    V::multiply_words(word[2], third, &product[2], &product[3]);
    word[0] = V::exclusive_or(product[3], word[1], V::same_words(low));
    word[1] = product[2];
    word[2] = V::exclusive_or(product[1], word[3], V::same_words(high));
    word[3] = product[0];
    low += 0x9E3779B9U;
    high += 0xBB67AE85U;
  }
  V::store_fours(word, to);
}

template <typename V>
void round_row(const RoundRow& row) {
  constexpr int64_t kTogether = 8 * V::kLanes;
  uint32_t words[kTogether / 2];
  for (int64_t n = 0; n < row.count; n += kTogether) {
    random_bits<V>(row.name, static_cast<uint32_t>(n / 8), words);
    // A word's low half belongs to the element before that of its high half.
    const auto* bits = reinterpret_cast<const uint16_t*>(words);
    for (int64_t i = 0; i < kTogether && n + i < row.count; i += V::kLanes) {
      V::round_f16(V::load(row.from + n + i), bits + i, row.to + n + i);
    }
  }
}

}  // namespace dak::cpu
