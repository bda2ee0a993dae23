#pragma once

#include "dakkar/device/cpu/lane_math.h"
#include "dakkar/device/cpu/scores.h"

/// The bodies of `ScoreKernels` over the vectors of one instruction set, which `V` names; only that
/// set's file instantiates them.
namespace dak::cpu {

inline constexpr float kNoScore = -__builtin_inff();

/// A vector of scores from `i` on, `kNoScore` behind the last one.
template <typename V>
typename V::Register load_scores(const float* scores, int64_t i, int64_t count) {
  if (count - i >= V::kLanes) {
    return V::load(scores + i);
  }
  float part[V::kLanes];
  for (int64_t lane = 0; lane < V::kLanes; ++lane) {
    part[lane] = i + lane < count ? scores[i + lane] : kNoScore;
  }
  return V::load(part);
}

template <typename V>
float largest_score(const float* scores, int64_t count) {
  typename V::Register largest = V::broadcast(kNoScore);
  typename V::Register broken = V::broadcast(0.0F);
  for (int64_t i = 0; i < count; i += V::kLanes) {
    const typename V::Register score = load_scores<V>(scores, i, count);
    largest = V::larger(score, largest);
    broken = V::keep_nan(broken, score);
  }
  const float nan = V::sum(broken);
  float lanes[V::kLanes];
  V::store(lanes, largest);
  float top = lanes[0];
  for (const float lane : lanes) {
    top = lane > top ? lane : top;
  }
  return nan == 0.0F ? top : nan;
}

template <typename V>
float share_block(const BlockShares& block) {
  const typename V::Register largest = V::broadcast(-block.largest);
  const typename V::Register factor = V::broadcast(block.inverse_temperature);
  typename V::Register sum = V::broadcast(0.0F);
  for (int64_t i = 0; i < block.count; i += V::kLanes) {
    const typename V::Register below =
        V::add(load_scores<V>(block.scores, i, block.count), largest);
    const typename V::Register share = exp_of<V>(V::multiply(below, factor));
    sum = V::add(sum, share);
    if (block.to != nullptr) {
      store_at<V>({reinterpret_cast<std::byte*>(block.to), Stored::kF32}, i,
                  lanes_at<V>(i, block.count), share);
    }
  }
  return V::sum(sum);
}

template <typename V>
float sum_values_from(const float* values, int64_t count, float least) {
  typename V::Register sum = V::broadcast(0.0F);
  for (int64_t i = 0; i < count; i += V::kLanes) {
    const typename V::Register value = load_scores<V>(values, i, count);
    sum = V::add(sum, V::zero_below(value, value, V::broadcast(least)));
  }
  return V::sum(sum);
}

template <typename V>
constexpr ScoreKernels score_kernels() {
  return {.largest = largest_score<V>, .shares = share_block<V>, .sum_from = sum_values_from<V>};
}

}  // namespace dak::cpu
