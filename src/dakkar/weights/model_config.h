#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/json.h"
#include "dakkar/tensor/dtype.h"

namespace dak {

/// What a layer's one mixer is.
enum class LayerKind : uint8_t { kMamba, kAttention, kMlp, kMoe };

/// The pattern letter: M, *, - or E.
[[nodiscard]] char letter_of(LayerKind kind);

/// Sizes of a Mamba-2 mixer, the same in all layers. Letters: nh, P, G, N.
struct MambaConfig {
  int64_t heads = 0;        ///< nh
  int64_t head_dim = 0;     ///< P
  int64_t groups = 0;       ///< G, sets of B and C; divides nh
  int64_t state = 0;        ///< N
  int64_t conv_kernel = 4;  ///< taps of the causal convolution
  int64_t chunk = 128;      ///< tokens of a prefill chunk
  bool conv_bias = true;    ///< conv1d.bias exists
  float dt_min = 0.0F;      ///< clamp of dt from `time_step_limit`, never from `time_step_min`
  float dt_max = std::numeric_limits<float>::infinity();
  std::string ssm_cache_dtype = "float32";  ///< float32, float16 or bfloat16, as the file says

  [[nodiscard]] int64_t inner() const { return heads * head_dim; }                  ///< d_in
  [[nodiscard]] int64_t bc_width() const { return groups * state; }                 ///< G * N
  [[nodiscard]] int64_t conv_channels() const { return inner() + 2 * bc_width(); }  ///< C: x, B, C
  /// Rows of in_proj: z, x, B, C, dt.
  [[nodiscard]] int64_t in_proj_rows() const { return inner() + conv_channels() + heads; }
  [[nodiscard]] int64_t heads_per_group() const { return heads / groups; }
};

/// Sizes of grouped-query attention without positions, biases or windows.
struct AttentionConfig {
  int64_t query_heads = 0;  ///< Hq
  int64_t kv_heads = 0;     ///< Hkv, divides Hq
  int64_t head_dim = 128;   ///< D

  [[nodiscard]] int64_t query_width() const { return query_heads * head_dim; }
  [[nodiscard]] int64_t kv_width() const { return kv_heads * head_dim; }
};

/// Sizes and routing rule of a mixture-of-experts layer. All zero in models without one.
struct MoeConfig {
  int64_t experts = 0;       ///< E
  int64_t chosen = 0;        ///< k, experts per token
  int64_t inner = 0;         ///< I, of one routed expert
  int64_t latent = 0;        ///< Z, 0 when experts work on the hidden state itself
  int64_t shared_inner = 0;  ///< S, of all shared experts together; 0 without
  float routed_scaling = 1.0F;
  bool normalise = true;  ///< `norm_topk_prob`
  int64_t n_group = 1;    ///< expert groups; `topk_group` of them are kept per token
  int64_t topk_group = 1;
};

/// Everything about a model that is not a weight: parsed once from `config.json`, checked,
/// immutable.
struct ModelConfig {
  std::string name;               ///< folder or hub name, for messages and as the served name
  int64_t hidden = 0;             ///< H
  int64_t vocab = 0;              ///< V
  int64_t max_positions = 0;      ///< most tokens: a policy, since there are no positions
  int64_t trained_positions = 0;  ///< tokens it was trained on; not above `max_positions`
  float norm_eps = 1e-5F;
  bool residual_in_fp32 = false;
  DType dtype = DType::kBF16;      ///< of activations between kernels
  std::vector<LayerKind> layers;   ///< one mixer each
  std::vector<int64_t> mlp_inner;  ///< by layer index: width of a `kMlp` layer, 0 for the others
  MambaConfig mamba;
  AttentionConfig attention;
  MoeConfig moe;
  std::vector<LayerKind> mtp_layers;  ///< inner layers of one MTP depth, empty without MTP
  int64_t mtp_depths = 0;             ///< `num_nextn_predict_layers`
  int64_t bos_id = -1;                ///< -1 when the file has none
  std::vector<int64_t> eos_ids;       ///< of config.json only; see `GenerationDefaults`

  [[nodiscard]] int64_t count(LayerKind kind) const;
  /// Width that routed experts read and write: Z, or H without latent projections.
  [[nodiscard]] int64_t expert_width() const { return moe.latent > 0 ? moe.latent : hidden; }

  /// Reads the text of a `config.json` in any spelling of the family.
  ///
  /// Errors: `kCorruptFile` for what cannot be read or contradicts itself; `kUnsupportedModel`,
  /// naming the field, for what would change the maths (rotary scaling, windows, tied embeddings,
  /// biases, other activations, unknown layers, wrappers of other modalities, per-layer pruned
  /// variants).
  static Result<ModelConfig> parse(std::string_view json_text, std::string name);
  /// Reads `folder`/config.json; the name is `model_name(folder)`.
  static Result<ModelConfig> load(const std::filesystem::path& folder);
};

/// When to stop and how to sample when a request does not say.
struct GenerationDefaults {
  std::vector<int64_t> eos_ids;  ///< every id ends a sequence; never empty for a readable model
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int64_t> top_k;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  std::optional<int64_t> max_new_tokens;

  /// Reads `folder`/generation_config.json. When the file is absent, the stop ids are
  /// config.json's, plus 2 and 11 where the vocabulary is the family's (131,072 entries):
  /// config.json alone would let an assistant run past the end of its turn.
  static Result<GenerationDefaults> load(const std::filesystem::path& folder,
                                         const ModelConfig& config);
  static Result<GenerationDefaults> parse(std::string_view json_text, const ModelConfig& config);
  static GenerationDefaults without_file(const ModelConfig& config);
};

}  // namespace dak
