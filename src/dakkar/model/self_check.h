#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/device/packed_weight.h"
#include "dakkar/model/model.h"

namespace dak {

/// Tokens of a check: the same ids for every model of a vocabulary.
inline constexpr int64_t kCheckTokens = 16;
[[nodiscard]] std::vector<TokenId> check_prompt(int64_t vocab);

/// What running the check's prompt leaves, in a size that can be kept.
struct CheckRun {
  std::vector<float> logits;  ///< [16, V]
  /// Per Mamba layer: SSM state, convolution window and ring, at most 16,384 evenly spaced values.
  std::vector<std::vector<float>> states;
};

/// Loads the model and runs the check's prompt through it. Errors: loading's.
[[nodiscard]] Result<CheckRun> run_check(const ModelLoadArgs& load);

/// How far two right runs may be apart, relative.
struct CheckBar {
  double logits = 0.0;  ///< of a row
  double state = 0.0;   ///< of a layer

  /// 2e-2 (shipped numerics) or 1e-4 (f32).
  [[nodiscard]] static CheckBar of(Numerics numerics);
  /// That of shipped numerics, or 1.5 times what shipped numerics differ from f32 where that is
  /// more: activations in FP8 enlarge small differences (decisions/0002).
  [[nodiscard]] static CheckBar of(const CheckRun& shipped, const CheckRun& f32);
};

/// How two runs of the same model differ.
struct CheckReport {
  enum class Outcome { kSame, kDifferent } outcome = Outcome::kSame;
  double logits_error = 0.0;  ///< relative, of the median row
  double state_error = 0.0;   ///< relative, of the median layer
  std::string detail;         ///< for people, always the numbers
};

/// Compares by class B of docs/architecture.md, decision 10.
///
/// The bar holds for three rows of four and for the median layer. Single rows may be off as a
/// whole: where a router nearly ties, rounding sends a token to another expert (decisions/0002).
/// Values that are not finite, and runs of another shape, always differ.
[[nodiscard]] CheckReport compare_checks(const CheckRun& got, const CheckRun& expected,
                                         const CheckBar& bar);

/// Compares a device's run with the reference kernels', which are run on the same model; `load` is
/// what the device ran with. Errors: loading's.
[[nodiscard]] Result<CheckReport> check_by_reference(ModelLoadArgs load, const CheckRun& got);

}  // namespace dak
