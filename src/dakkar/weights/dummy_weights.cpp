#include "dakkar/weights/dummy_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "dakkar/base/check.h"

namespace dak {
namespace {

using Kind = DummyRecipe::Kind;

// Static activation scales: amax / 448 for FP8, amax / (6 * 448) for NVFP4, of inputs of order one.
constexpr double kFp8InputScale = 0.03;
constexpr double kNvfp4InputScale = 0.003;
constexpr double kKvScale = 0.03;
constexpr double kRouterBiasSpread = 0.01;

uint64_t mixed(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Splitmix64 started from a seed and a name.
class Random final {
 public:
  Random(uint64_t seed, std::string_view name) {
    uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : name) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    state_ = mixed(hash ^ mixed(seed + 0x9e3779b97f4a7c15ULL));
  }
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return mixed(state_);
  }
  /// Evenly in (0, 1).
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }

 private:
  uint64_t state_;
};

/// x with P(Z <= x) = p, by bisection: exact enough for a table made once.
float normal_quantile(double p) {
  double low = -8.0;
  double high = 8.0;
  for (int step = 0; step < 40; ++step) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return static_cast<float>(0.5 * (low + high));
}

uint8_t nearest_e2m1(float value) {
  const float size = std::abs(value);
  uint8_t best = 0;
  for (uint8_t code = 1; code < 8; ++code) {
    if (std::abs(e2m1_value(code) - size) < std::abs(e2m1_value(best) - size)) {
      best = code;
    }
  }
  return static_cast<uint8_t>(value < 0.0F ? best | 8U : best);
}

/// Draws `count` entries of a table of 4,096; five of them per random word.
template <typename T, size_t kSize>
void draw(T* out, int64_t count, const std::array<T, kSize>& table, Random& random) {
  static_assert(kSize == 4096);
  int64_t i = 0;
  for (; i + 5 <= count; i += 5) {
    uint64_t word = random.next();
    for (int64_t j = 0; j < 5; ++j) {
      out[i + j] = table[word & (kSize - 1)];
      word >>= 12;
    }
  }
  for (; i < count; ++i) {
    out[i] = table[random.next() & (kSize - 1)];
  }
}

void store(std::byte* data, const StoredTensor& tensor, int64_t i, double value) {
  const auto narrow = static_cast<float>(value);
  switch (tensor.dtype) {
    case DType::kF32:
      reinterpret_cast<float*>(data)[i] = narrow;
      return;
    case DType::kF16:
      reinterpret_cast<F16*>(data)[i] = to_f16(narrow);
      return;
    case DType::kBF16:
      reinterpret_cast<BF16*>(data)[i] = to_bf16(narrow);
      return;
    case DType::kF8E4M3:
    case DType::kU8:
    case DType::kBool:
    case DType::kI32:
    case DType::kI64:
      check(false, "a made-up vector must be of a float dtype");
  }
}

double a_log(double u) {
  return std::log(1.0 + 15.0 * u);
}

/// Inverse of softplus at dt = 0.001 * 100^u.
double dt_bias(double u) {
  const double dt = 0.001 * std::pow(100.0, u);
  return std::log(std::expm1(dt));
}

/// Adds the tensors of one module or vector to a plan.
class Planner final {
 public:
  Planner(const ModelConfig& config, const QuantConfig& quant) : config_(config), quant_(quant) {}

  void add(const TensorSpec& spec) {
    if (spec.role == TensorRole::kVector) {
      return add_vector(spec);
    }
    const std::string module = spec.module();
    const double spread =
        module == "backbone.embeddings" ? 1.0 : 1.0 / std::sqrt(static_cast<double>(spec.shape[1]));
    const QuantAlgo algo = algo_for(spec, module);
    switch (algo) {
      case QuantAlgo::kNone:
        put(spec.name, {.dtype = config_.dtype, .shape = spec.shape}, {Kind::kNormal, spread});
        break;
      case QuantAlgo::kFp8:
        put(spec.name, {.dtype = DType::kF8E4M3, .shape = spec.shape}, {Kind::kFp8Values});
        put_scalar(module + ".weight_scale", spread / kFp8Spread);
        put_scalar(module + ".input_scale", kFp8InputScale);
        break;
      case QuantAlgo::kNvfp4:
      case QuantAlgo::kNvfp4Weight:
        add_nvfp4(spec, spread);
        if (algo == QuantAlgo::kNvfp4) {
          put_scalar(module + ".input_scale", kNvfp4InputScale);
        }
        break;
    }
    if (spec.rule == ShardRule::kKvRows && quant_.fp8_kv_cache && !module.starts_with("mtp.")) {
      put_scalar(module + (module.ends_with("k_proj") ? ".k_scale" : ".v_scale"), kKvScale);
    }
  }

  DummyPlan take() { return std::move(plan_); }

 private:
  [[nodiscard]] QuantAlgo algo_for(const TensorSpec& spec, const std::string& module) const {
    const QuantAlgo algo = quant_.algo_of(module);
    const bool blocks = algo == QuantAlgo::kNvfp4 || algo == QuantAlgo::kNvfp4Weight;
    return blocks && spec.shape[1] % kNvfp4Block != 0 ? QuantAlgo::kNone : algo;
  }

  void add_nvfp4(const TensorSpec& spec, double spread) {
    const int64_t rows = spec.shape[0];
    const int64_t columns = spec.shape[1];
    put(spec.name, {.dtype = DType::kU8, .shape = {rows, columns / 2}}, {Kind::kNvfp4Values});
    put(spec.module() + ".weight_scale",
        {.dtype = DType::kF8E4M3, .shape = {rows, columns / kNvfp4Block}}, {Kind::kBlockScales});
    put_scalar(spec.module() + ".weight_scale_2", spread / (kNvfp4Spread * kBlockScaleMean));
  }

  void add_vector(const TensorSpec& spec) {
    DummyRecipe recipe = {Kind::kConstant, 1.0};  // norms and D
    DType dtype = config_.dtype;
    const std::string& name = spec.name;
    if (name.ends_with(".A_log")) {
      recipe = {Kind::kALog};
    } else if (name.ends_with(".dt_bias")) {
      recipe = {Kind::kDtBias};
    } else if (name.ends_with(".conv1d.weight")) {
      recipe = {Kind::kNormal, 1.0 / std::sqrt(static_cast<double>(spec.shape.back()))};
    } else if (name.ends_with(".conv1d.bias")) {
      recipe = {Kind::kConstant, 0.0};
    } else if (name.ends_with(".e_score_correction_bias")) {
      recipe = {Kind::kNormal, kRouterBiasSpread};
      dtype = DType::kF32;
    }
    put(name, {.dtype = dtype, .shape = spec.shape}, recipe);
  }

  void put_scalar(std::string name, double value) {
    put(std::move(name), {.dtype = DType::kF32, .shape = {}}, {Kind::kConstant, value});
  }
  void put(std::string name, StoredTensor tensor, DummyRecipe recipe) {
    plan_.recipes.emplace(name, recipe);
    plan_.tensors.emplace(std::move(name), std::move(tensor));
  }

  const ModelConfig& config_;
  const QuantConfig& quant_;
  DummyPlan plan_;
};

}  // namespace

DummyPlan plan_dummy(const ModelConfig& config, const QuantConfig& quant) {
  Planner planner(config, quant);
  for (const TensorSpec& spec : tensor_table(config)) {
    planner.add(spec);
  }
  return planner.take();
}

DummyMaker::DummyMaker(uint64_t seed) : seed_(seed) {
  for (size_t i = 0; i < kTableSize; ++i) {
    quantiles_[i] = normal_quantile((static_cast<double>(i) + 0.5) / kTableSize);
  }
}

Buffer DummyMaker::make(std::string_view name, const StoredTensor& tensor,
                        const DummyRecipe& recipe, Buffer buffer) const {
  if (buffer.size() != tensor.bytes()) {
    buffer = Buffer(tensor.bytes());
  }
  Random random(seed_, name);
  const int64_t count = tensor.elements();
  std::byte* data = buffer.data();
  const auto draw_as = [&](auto convert) {
    using T = decltype(convert(size_t{0}));
    std::array<T, kTableSize> table;
    for (size_t i = 0; i < kTableSize; ++i) {
      table[i] = convert(i);
    }
    draw(reinterpret_cast<T*>(data), count, table, random);
  };
  const auto normal = [&](size_t i, double spread) {
    return static_cast<float>(spread * static_cast<double>(quantiles_[i]));
  };
  switch (recipe.kind) {
    case Kind::kNormal:
      if (tensor.dtype == DType::kBF16) {
        draw_as([&](size_t i) { return to_bf16(normal(i, recipe.amount)); });
      } else if (tensor.dtype == DType::kF16) {
        draw_as([&](size_t i) { return to_f16(normal(i, recipe.amount)); });
      } else {
        draw_as([&](size_t i) { return normal(i, recipe.amount); });
      }
      break;
    case Kind::kFp8Values:
      draw_as([&](size_t i) { return to_f8e4m3(normal(i, kFp8Spread)); });
      break;
    case Kind::kNvfp4Values:
      draw_as([&](size_t i) {
        // 64 quantiles for either nibble.
        const uint8_t low = nearest_e2m1(normal((i % 64) * 64 + 32, kNvfp4Spread));
        const uint8_t high = nearest_e2m1(normal(i / 64 * 64 + 32, kNvfp4Spread));
        return static_cast<uint8_t>(low | high << 4U);
      });
      break;
    case Kind::kBlockScales:
      draw_as([&](size_t i) {
        return to_f8e4m3(normal(i, 8.0) + static_cast<float>(kBlockScaleMean));
      });
      break;
    case Kind::kConstant:
    case Kind::kALog:
    case Kind::kDtBias:
      for (int64_t i = 0; i < count; ++i) {
        const double u = random.uniform();
        store(data, tensor, i,
              recipe.kind == Kind::kConstant ? recipe.amount
              : recipe.kind == Kind::kALog   ? a_log(u)
                                             : dt_bias(u));
      }
      break;
  }
  return buffer;
}

}  // namespace dak
