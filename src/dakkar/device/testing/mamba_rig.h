#pragma once

#include <map>

#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak::testing {

/// What a Mamba layer's recurrence gives, token by token, in double (spec/model.md 2.2 step 5).
struct Recurrence {
  std::vector<double> y;                    ///< [T, nh * P]
  std::vector<std::vector<double>> states;  ///< state before token t, [nh, P, N], t = 0 .. T
};

/// Whether new tokens are given as a prefill or as a decode step.
enum class Phase { kPrefill, kDecode };

/// One Mamba layer with fixed random inputs for the positions 0 .. length - 1 of each of a few
/// sequences, which tests feed in any pieces. Slot s holds sequence s.
class MambaRig final {
 public:
  struct Shape {
    MambaDims dims;
    int64_t length = 0;
    int64_t sequences = 1;
    StateRounding rounding = {};
  };

  MambaRig(const Backend& backend, const Shape& shape, uint64_t seed);

  /// Runs begin_step, conv and scan, advance over the next `tokens` of each named sequence.
  struct Piece {
    int32_t sequence = 0;
    int32_t tokens = 1;
    int32_t wrong = 0;  ///< the last ones get other inputs than the sequence's: drafts to reject
    CarryUse carry = CarryUse::kNone;
  };
  void step(const std::vector<Piece>& pieces, Phase phase);
  void step(int32_t tokens, Phase phase) { step({{.sequence = 0, .tokens = tokens}}, phase); }

  /// Takes back the newest `tokens` of sequence `s`, as a rejected draft does.
  void reject(int32_t s, int32_t tokens);
  void set_header(int32_t s, const SlotHeader& header);

  [[nodiscard]] SlotHeader header(int32_t s = 0);
  /// Outputs so far of sequence s, [position, nh * P], and of the conv, [position, C].
  [[nodiscard]] std::vector<float> y(int32_t s = 0) const;
  [[nodiscard]] std::vector<float> conv(int32_t s = 0) const;
  /// Stored SSM state, widened; zeros at base 0.
  [[nodiscard]] std::vector<float> state(int32_t s = 0);
  /// Every byte of the layer's block.
  [[nodiscard]] std::vector<std::byte> block(int32_t s = 0);

  /// The layer in double: the conv from the raw inputs; the recurrence from the outputs of the conv
  /// that the last steps gave, so that it judges the scan alone.
  [[nodiscard]] std::vector<double> expected_conv(int32_t s = 0) const;
  [[nodiscard]] Recurrence expected(int32_t s = 0) const { return expected(s, {}); }
  /// As above with the state before some tokens replaced, as rounding does: position to [nh, P, N].
  [[nodiscard]] Recurrence expected(int32_t s,
                                    const std::map<int64_t, std::vector<float>>& replaced) const;

 private:
  [[nodiscard]] MambaState state_of(const std::vector<Piece>& pieces);
  [[nodiscard]] TensorView gather(const std::vector<std::vector<float>>& from, int64_t width,
                                  const std::vector<Piece>& pieces);
  void collect(const TensorView& rows, const std::vector<Piece>& pieces,
               std::vector<std::vector<float>>& to);

  Shape shape_;
  OpRig rig_;
  MambaStateLayout layout_;
  int64_t carry_bytes_;
  std::byte* arena_ = nullptr;
  SlotHeader* headers_ = nullptr;
  std::vector<int32_t> position_;
  std::vector<std::vector<float>> xbc_;  // per sequence [length, C]
  std::vector<std::vector<float>> dt_;   // per sequence [length, nh]
  std::vector<std::vector<float>> conv_;
  std::vector<std::vector<float>> y_;
  TensorView weight_, bias_, a_, d_, dt_bias_;
};

}  // namespace dak::testing
