#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "dakkar/device/sequence_table.h"
#include "simulation/schedule_runner.h"

namespace dak {

/// Draws requests and schedules from a seed.
class Dice final {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }

  GenerationRequest request(int64_t vocab) {
    const std::vector<int64_t> lengths = {1, 5, 17, 60, 126, 127, 128, 129, 200, 258, 290};
    GenerationRequest request;
    const auto length = lengths[static_cast<size_t>(between(0, std::ssize(lengths) - 1))];
    for (int64_t i = 0; i < length; ++i) {
      request.prompt.push_back(static_cast<TokenId>(between(0, vocab - 1)));
    }
    request.sampling.temperature = between(0, 1) == 0 ? 0.0F : 1.0F;
    request.sampling.seed = random_();
    request.stop.max_tokens = between(6, 24);
    return request;
  }

  std::vector<TimedRequest> schedule(int64_t count, int64_t vocab) {
    std::vector<TimedRequest> requests;
    for (int64_t i = 0; i < count; ++i) {
      requests.push_back({.request = request(vocab), .arrival = between(0, 12)});
    }
    return requests;
  }

  /// Short answers that begin just below the end of a page: all need one more at about one time.
  std::vector<TimedRequest> crowded_schedule(int64_t count, int64_t vocab) {
    std::vector<TimedRequest> requests = schedule(count, vocab);
    for (int64_t i = 0; i < count; ++i) {
      TimedRequest& timed = requests[static_cast<size_t>(i)];
      const bool longer = i >= 4 && between(0, 1) == 0;
      // The oldest comes to its page's end last: the others hold what it then needs.
      const int64_t length =
          i == 0 ? between(112, 116) : between(120, 127) + (longer ? kChunkTokens : 0);
      timed.request.prompt.resize(static_cast<size_t>(length), static_cast<TokenId>(length));
      timed.request.stop.max_tokens = between(28, 40);
      timed.arrival = i < 4 ? 0 : between(0, 4);
    }
    return requests;
  }

  CutRule cuts_anywhere() {
    return [this](const CutQuestion& question) {
      return between(1, std::min(question.room, question.end - question.position));
    };
  }
  /// Some absolute multiple of 128 within the room, or the end.
  CutRule cuts_at_some_chunk() {
    return [this](const CutQuestion& question) {
      const int64_t most = cut_at_chunks(question);
      const int64_t one = kChunkTokens - question.position % kChunkTokens;
      return between(0, 1) == 0 ? most : std::min(most, one);
    };
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace dak
