#pragma once

#include <cstdint>
#include <functional>

namespace dak {

/// Who goes first.
enum class SchedulingPolicy {
  kFifo,      ///< arrival order; priorities are ignored
  kPriority,  ///< lower `priority` first, then arrival order
};

/// Where a prefill may be cut: at `position` of a sequence that must be computed up to `end`, with
/// room for `room` tokens in this step.
struct CutQuestion {
  uint64_t handle = 0;
  int64_t position = 0;
  int64_t end = 0;
  int64_t room = 0;
};

/// Tokens to compute now, at most min(room, end - position); 0: none in this step.
using CutRule = std::function<int64_t(const CutQuestion&)>;

/// Cuts at the end, else at the last absolute multiple of 128 within the room.
[[nodiscard]] int64_t cut_at_chunks(const CutQuestion& question);

}  // namespace dak
