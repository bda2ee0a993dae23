#include "dakkar/weights/weight_set.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <utility>

#include <fmt/core.h>

#include "dakkar/base/check.h"
#include "dakkar/weights/dummy_weights.h"
#include "dakkar/weights/safetensors.h"
#include "dakkar/weights/stored_tensor.h"

namespace dak {
namespace {

/// A tensor with what reading it changes.
struct Entry {
  StoredTensor stored;
  DummyRecipe recipe;  ///< of made-up tensors
  std::mutex mutex;    ///< guards all below and `stored.data`
  Buffer made;
  int64_t uses = 0;  ///< callers that look at it
  bool counted = false;
  bool sound = false;  ///< its values have been found finite
};

std::span<const std::byte> bytes_of(const StoredTensor& stored) {
  return {stored.data, static_cast<size_t>(stored.bytes())};
}

TensorView view_of(const StoredTensor& stored) {
  // Views are of mutable memory by type; nothing writes to weights, and mapped ones are read-only.
  return TensorView::dense(const_cast<std::byte*>(stored.data), stored.dtype,
                           std::span<const int64_t>(stored.shape));
}

template <typename T>
void widen(const std::byte* data, std::vector<float>& out) {
  const T* values = reinterpret_cast<const T*>(data);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = to_float(values[i]);
  }
}

bool has_nan_scale(std::span<const std::byte> scales) {
  return std::any_of(scales.begin(), scales.end(),
                     [](std::byte scale) { return (scale & std::byte{0x7f}) == std::byte{0x7f}; });
}

tl::unexpected<Error> not_finite(std::string_view name, const StoredTensor& stored) {
  return fail(ErrorCode::kCorruptFile, fmt::format("{}: tensor {} holds a value that is not finite",
                                                   stored.file_name, name));
}

std::string kv_scale_name(std::string_view module) {
  return std::string(module) + (module.ends_with("k_proj") ? ".k_scale" : ".v_scale");
}

}  // namespace

class WeightSet::Contents final {
 public:
  Contents(StoredTensors tensors, LoadProgress progress) : progress_(std::move(progress)) {
    entries_.reserve(tensors.size());
    while (!tensors.empty()) {
      auto node = tensors.extract(tensors.begin());
      total_bytes_ += node.mapped().bytes();
      entries_[std::move(node.key())].stored = std::move(node.mapped());
    }
  }

  Entry* find(const std::string& name) {
    const auto place = entries_.find(name);
    return place == entries_.end() ? nullptr : &place->second;
  }

  /// Makes the tensor's data readable until `release`, and counts it as read, once.
  void prepare(const std::string& name, Entry& entry) {
    {
      std::lock_guard lock(entry.mutex);
      StoredTensor& stored = entry.stored;
      ++entry.uses;
      if (stored.data == nullptr && maker) {
        entry.made = maker->make(name, stored, entry.recipe, take_spare(stored.bytes()));
        stored.data = entry.made.data();
      } else if (stored.file != nullptr && entry.uses == 1) {
        stored.file->will_need(bytes_of(stored));
      }
      if (std::exchange(entry.counted, true)) {
        return;
      }
    }
    const int64_t done = done_bytes_ += entry.stored.bytes();
    if (progress_) {
      progress_(done, total_bytes_);
    }
  }

  void release(Entry& entry) {
    std::lock_guard lock(entry.mutex);
    if (entry.uses > 0 && --entry.uses > 0) {
      return;
    }
    if (entry.stored.file != nullptr) {
      entry.stored.file->release(bytes_of(entry.stored));
    } else if (maker) {
      keep_spare(std::move(entry.made));
      entry.made = Buffer();
      entry.stored.data = nullptr;
    }
  }

  /// Lets the kernel take back all pages that reading has mapped.
  void release_files() {
    for (auto& [name, entry] : entries_) {
      if (entry.stored.file != nullptr) {
        std::lock_guard lock(entry.mutex);
        entry.stored.file->release(bytes_of(entry.stored));
      }
    }
  }

  Result<float> scalar(const std::string& name) {
    Entry* entry = find(name);
    check(entry != nullptr, "a scalar is read that was not found at opening");
    prepare(name, *entry);
    const float value = *reinterpret_cast<const float*>(entry->stored.data);
    if (!std::isfinite(value) || value < 0.0F) {
      return fail(ErrorCode::kCorruptFile,
                  fmt::format("{}: tensor {} is {}, which is no usable scale",
                              entry->stored.file_name, name, value));
    }
    return value;
  }

  Result<std::optional<float>> scalar_if_present(const std::string& name) {
    if (find(name) == nullptr) {
      return std::nullopt;
    }
    const auto value = scalar(name);
    return value ? Result<std::optional<float>>(*value) : fail(value.error());
  }

  /// Block scales of an NVFP4 matrix, after a look at all of them the first time.
  Result<TensorView> block_scales(const std::string& name) {
    Entry* entry = find(name);
    check(entry != nullptr, "block scales are read that were not found at opening");
    prepare(name, *entry);
    std::lock_guard lock(entry->mutex);
    if (!entry->sound && has_nan_scale(bytes_of(entry->stored))) {
      return not_finite(name, entry->stored);
    }
    entry->sound = true;
    return view_of(entry->stored);
  }

  [[nodiscard]] int64_t total_bytes() const { return total_bytes_; }
  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(entries_.size()); }

  std::optional<SafetensorsSet> files;
  std::optional<DummyMaker> maker;
  CheckedTensors checked;

 private:
  /// Memory that a made-up tensor has left, for the next of its size: fresh pages cost more than
  /// filling them.
  Buffer take_spare(int64_t bytes) {
    std::lock_guard lock(spares_mutex_);
    for (Buffer& spare : spares_) {
      if (spare.size() == bytes) {
        return std::exchange(spare, Buffer());
      }
    }
    return {};
  }
  void keep_spare(Buffer buffer) {
    std::lock_guard lock(spares_mutex_);
    if (buffer.size() <= kMostSpareBytes) {
      spares_[next_spare_++ % spares_.size()] = std::move(buffer);
    }
  }

  static constexpr int64_t kMostSpareBytes = int64_t{64} << 20;
  std::mutex spares_mutex_;
  std::array<Buffer, 4> spares_;
  size_t next_spare_ = 0;
  ByName<Entry> entries_;
  LoadProgress progress_;
  int64_t total_bytes_ = 0;
  std::atomic<int64_t> done_bytes_ = 0;
};

WeightSet::WeightSet(std::unique_ptr<Contents> contents) : contents_(std::move(contents)) {}
WeightSet::WeightSet(WeightSet&&) noexcept = default;
WeightSet& WeightSet::operator=(WeightSet&&) noexcept = default;
WeightSet::~WeightSet() = default;

Result<WeightSet> WeightSet::open(const std::filesystem::path& folder, const ModelConfig& config,
                                  LoadProgress progress) {
  const auto quant = QuantConfig::load(folder);
  if (!quant) {
    return fail(quant.error());
  }
  return open(folder, {.config = config, .quant = *quant}, std::move(progress));
}

Result<WeightSet> WeightSet::open(const std::filesystem::path& folder, const Expectation& expected,
                                  LoadProgress progress) {
  auto files = SafetensorsSet::open(folder);
  if (!files) {
    return fail(files.error());
  }
  auto tensors = index_tensors(*files, expected.config);
  if (!tensors) {
    return fail_in(folder.string(), tensors.error());
  }
  auto checked = check_tensors(*tensors, expected);
  if (!checked) {
    return fail_in(folder.string(), checked.error());
  }
  auto contents = std::make_unique<Contents>(std::move(*tensors), std::move(progress));
  contents->files = std::move(*files);
  contents->checked = std::move(*checked);
  return WeightSet(std::move(contents));
}

WeightSet WeightSet::dummy(const ModelConfig& config, const QuantConfig& quant, uint64_t seed,
                           LoadProgress progress) {
  DummyPlan plan = plan_dummy(config, quant);
  CheckedTensors checked;
  checked.has_mtp = config.mtp_depths > 0;
  for (const TensorSpec& spec : tensor_table(config)) {
    if (spec.role == TensorRole::kLinear) {
      const auto format = format_of(plan.tensors, spec);
      check(format.has_value(), "made-up weights contradict their own table");
      checked.formats.emplace(spec.module(), *format);
    }
  }
  auto contents = std::make_unique<Contents>(std::move(plan.tensors), std::move(progress));
  for (const auto& [name, recipe] : plan.recipes) {
    contents->find(name)->recipe = recipe;
  }
  contents->checked = std::move(checked);
  contents->maker.emplace(seed);
  return WeightSet(std::move(contents));
}

Result<QuantView> WeightSet::find_linear(std::string_view module) const {
  const auto known = contents_->checked.formats.find(std::string(module));
  if (known == contents_->checked.formats.end()) {
    return fail(ErrorCode::kNotFound, fmt::format("the model has no linear {}", module));
  }
  const std::string name(module);
  Entry& weight = *contents_->find(name + ".weight");
  contents_->prepare(name + ".weight", weight);
  QuantView view = {.format = known->second};
  view.values = view_of(weight.stored);
  view.rows = view.values.dim(0);
  view.columns = view.values.dim(1);
  Result<float> scale = 1.0F;
  if (view.format == QuantFormat::kFp8) {
    scale = contents_->scalar(name + ".weight_scale");
  } else if (view.format == QuantFormat::kNvfp4) {
    view.columns *= 2;
    const auto blocks = contents_->block_scales(name + ".weight_scale");
    if (!blocks) {
      return fail(blocks.error());
    }
    view.block_scales = *blocks;
    scale = contents_->scalar(name + ".weight_scale_2");
  }
  const auto input_scale = contents_->scalar_if_present(name + ".input_scale");
  if (!scale || !input_scale) {
    return fail(scale ? input_scale.error() : scale.error());
  }
  if (view.format == QuantFormat::kFp8 && *input_scale == 0.0F) {
    return fail(ErrorCode::kCorruptFile,
                fmt::format("tensor {}.input_scale is 0, and activations are divided by it", name));
  }
  view.scale = *scale;
  view.input_scale = *input_scale;
  return view;
}

std::optional<QuantFormat> WeightSet::stored_format(std::string_view module) const {
  const auto known = contents_->checked.formats.find(std::string(module));
  return known == contents_->checked.formats.end() ? std::nullopt : std::optional(known->second);
}

Result<std::vector<float>> WeightSet::vector(std::string_view name) const {
  Entry* entry = contents_->find(std::string(name));
  if (entry == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("the model has no tensor {}", name));
  }
  contents_->prepare(std::string(name), *entry);
  const StoredTensor& stored = entry->stored;
  std::vector<float> values(static_cast<size_t>(stored.elements()));
  if (stored.dtype == DType::kF32) {
    widen<float>(stored.data, values);
  } else if (stored.dtype == DType::kF16) {
    widen<F16>(stored.data, values);
  } else if (stored.dtype == DType::kBF16) {
    widen<BF16>(stored.data, values);
  } else {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("tensor {} is quantized, not a vector", name));
  }
  for (const float value : values) {
    if (!std::isfinite(value)) {
      return not_finite(name, stored);
    }
  }
  return values;
}

Result<TensorView> WeightSet::stored(std::string_view name) const {
  Entry* entry = contents_->find(std::string(name));
  if (entry == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("the model has no tensor {}", name));
  }
  contents_->prepare(std::string(name), *entry);
  return view_of(entry->stored);
}

std::optional<DType> WeightSet::stored_dtype(std::string_view name) const {
  const Entry* entry = contents_->find(std::string(name));
  return entry == nullptr ? std::nullopt : std::optional(entry->stored.dtype);
}

Result<float> WeightSet::kv_scale(std::string_view module) const {
  const auto scale = contents_->scalar_if_present(kv_scale_name(module));
  if (!scale) {
    return fail(scale.error());
  }
  if (*scale == 0.0F) {
    return fail(ErrorCode::kCorruptFile, fmt::format("the KV cache scale of {} is 0", module));
  }
  return scale->value_or(1.0F);
}

bool WeightSet::contains(std::string_view name) const {
  return contents_->find(std::string(name)) != nullptr;
}

bool WeightSet::has_mtp() const {
  return contents_->checked.has_mtp;
}

void WeightSet::release_files() const {
  contents_->release_files();
}

void WeightSet::release(std::string_view module_or_name) const {
  const std::string name(module_or_name);
  for (const std::string_view suffix : {"", ".weight", ".weight_scale"}) {
    if (Entry* entry = contents_->find(name + std::string(suffix))) {
      contents_->release(*entry);
    }
  }
}

int64_t WeightSet::total_bytes() const {
  return contents_->total_bytes();
}

int64_t WeightSet::tensor_count() const {
  return contents_->size();
}

const std::vector<std::string>& WeightSet::ignored() const {
  return contents_->checked.ignored;
}

}  // namespace dak
