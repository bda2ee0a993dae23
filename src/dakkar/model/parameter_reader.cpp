#include "dakkar/model/parameter_reader.h"

#include <utility>

#include <fmt/core.h>

#include "dakkar/weights/weight_set.h"

namespace dak {
namespace {

constexpr int64_t kAlignment = 256;

/// Matrices that kernels read as they are, not through a packed layout.
bool is_plain_matrix(const TensorSpec& spec) {
  return spec.name == "backbone.embeddings.weight" || spec.name.ends_with(".mixer.gate.weight");
}

int64_t device_bytes(const TensorSpec& spec, const Slice& slice) {
  if (spec.role == TensorRole::kLinear && !is_plain_matrix(spec)) {
    return 0;
  }
  const int64_t values = slice.row_count() * std::max<int64_t>(slice.columns.size(), 1);
  return values * size_of(DType::kF32) + kAlignment;
}

}  // namespace

Result<ParameterReader> ParameterReader::open(const ModelLoadArgs& args, const ReaderScope& scope) {
  ParameterReader reader;
  reader.args_ = args;
  reader.packed_ = scope.packed;
  if (Status grid = check_grid(args.grid()); !grid) {
    return fail(grid.error());
  }
  reader.shard_ = shard_of(args.grid(), args.rank);
  if (Status fits = check_shard(*args.config, reader.shard_); !fits) {
    return fail(fits.error());
  }
  reader.local_ = local_config(*args.config, reader.shard_);
  // Layers without a convolution bias get zeros in its place.
  int64_t bytes = args.config->mamba.conv_bias
                      ? 0
                      : args.config->count(LayerKind::kMamba) *
                            (args.config->mamba.conv_channels() * 4 + kAlignment);
  for (TensorSpec& spec : tensor_table(*args.config)) {
    if (!spec.name.starts_with(scope.prefix)) {
      continue;
    }
    bytes += device_bytes(spec, slice_of(spec, *args.config, reader.shard_));
    std::string name = spec.name;
    reader.table_.emplace(std::move(name), std::move(spec));
  }
  Result<DeviceMemory> memory = args.backend->allocate(bytes);
  if (!memory) {
    return fail_in("parameters", memory.error());
  }
  reader.memory_ = std::move(*memory);
  reader.space_ = Workspace(reader.memory_.data(), reader.memory_.size());
  reader.stream_ = args.backend->open_stream(args.grid().ranks());
  return reader;
}

const TensorSpec* ParameterReader::find(const std::string& name) {
  const auto found = table_.find(name);
  if (found == table_.end()) {
    fail_with(Error{ErrorCode::kInternal, fmt::format("{} is not a tensor of this model", name)});
    return nullptr;
  }
  return &found->second;
}

PackedWeight ParameterReader::linear(const std::string& module) {
  const TensorSpec* spec = error_ ? nullptr : find(module + ".weight");
  if (spec == nullptr) {
    return {};
  }
  const Result<QuantView> whole = args_.weights->find_linear(module);
  if (!whole) {
    fail_with(whole.error());
    return {};
  }
  const QuantTensor part = cut(*whole, slice_of(*spec, *args_.config, shard_));
  Result<PackedWeight> packed = args_.backend->pack(part.view(), args_.numerics);
  args_.weights->release(module);
  if (!packed) {
    fail_with(Error{packed.error().code, fmt::format("{}: {}", module, packed.error().message)});
    return {};
  }
  weight_bytes_ += packed->bytes();
  if (packed_ != nullptr) {
    packed_->emplace(packed->data.data(), module);
  }
  return std::move(*packed);
}

TensorView ParameterReader::vector(const std::string& name) {
  return vector(name, [](float value) { return value; });
}

TensorView ParameterReader::vector(const std::string& name, float (*transform)(float)) {
  const TensorSpec* spec = error_ ? nullptr : find(name);
  if (spec == nullptr) {
    return {};
  }
  const Result<std::vector<float>> whole = args_.weights->vector(name);
  if (!whole) {
    fail_with(whole.error());
    return {};
  }
  const int64_t rows = spec->shape.empty() ? 1 : spec->shape.front();
  const int64_t width = spec->elements() / rows;
  std::vector<float> part = cut(*whole, width, slice_of(*spec, *args_.config, shard_));
  args_.weights->release(name);
  for (float& value : part) {
    value = transform(value);
  }
  const auto count = static_cast<int64_t>(part.size());
  return width == 1 ? upload(TensorView::dense(part.data(), DType::kF32, {count}))
                    : upload(TensorView::dense(part.data(), DType::kF32, {count / width, width}));
}

TensorView ParameterReader::matrix(const std::string& module) {
  const TensorSpec* spec = error_ ? nullptr : find(module + ".weight");
  if (spec == nullptr) {
    return {};
  }
  const Result<QuantView> whole = args_.weights->find_linear(module);
  if (!whole) {
    fail_with(whole.error());
    return {};
  }
  if (whole->format == QuantFormat::kNvfp4 || whole->format == QuantFormat::kFp8) {
    fail_with(Error{ErrorCode::kUnsupportedModel,
                    fmt::format("{} is stored as {}; it must not be quantized", module,
                                name_of(whole->format))});
    return {};
  }
  const QuantTensor part = cut(*whole, slice_of(*spec, *args_.config, shard_));
  const TensorView device = upload(part.view().values);
  args_.weights->release(module);
  return device;
}

TensorView ParameterReader::zeros(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count), 0.0F);
  return upload(TensorView::dense(values.data(), DType::kF32, {count}));
}

float ParameterReader::kv_scale(const std::string& module) const {
  return args_.weights->kv_scale(module).value_or(1.0F);
}

TensorView ParameterReader::upload(const TensorView& host) {
  const std::span<const int64_t> shape(host.shape.data(), static_cast<size_t>(host.rank));
  TensorView device =
      TensorView::dense(space_.take(DType::kU8, {host.bytes()}).data, host.dtype, shape);
  stream_->copy(device.data, host.data, host.bytes());
  stream_->synchronize();
  weight_bytes_ += host.bytes();
  return device;
}

void ParameterReader::fail_with(Error error) {
  if (!error_) {
    error_ = std::move(error);
  }
}

Status ParameterReader::status() const {
  if (error_) {
    return fail(*error_);
  }
  return {};
}

}  // namespace dak
