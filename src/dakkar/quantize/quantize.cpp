#include "dakkar/quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/core.h>

#include "dakkar/base/check.h"
#include "dakkar/quantize/layer_walk.h"
#include "dakkar/quantize/output_folder.h"
#include "dakkar/quantize/quant_config_text.h"
#include "dakkar/quantize/weight_quantizer.h"
#include "dakkar/tensor/quant_encoder.h"
#include "dakkar/weights/safetensors_writer.h"
#include "dakkar/weights/text_file.h"

namespace dak {
namespace {

/// The tensors of the model that the original has: an MTP head may be missing.
std::vector<TensorSpec> tensors_of(const QuantizeArgs& args) {
  ModelConfig present = args.config;
  present.mtp_depths = args.weights.has_mtp() ? present.mtp_depths : 0;
  return tensor_table(present);
}

/// The name of a KV scale that goes with a projection of the main model; empty for others.
std::string kv_scale_of(const TensorSpec& spec) {
  const std::string module = spec.module();
  if (spec.rule != ShardRule::kKvRows || module.starts_with("mtp.")) {
    return "";
  }
  return module + (module.ends_with("k_proj") ? ".k_scale" : ".v_scale");
}

Status check_original(const QuantizeArgs& args, const std::vector<TensorSpec>& specs) {
  if (args.quant.mixed || args.quant.whole != QuantAlgo::kNone) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} announces a quantization already: quantize needs the BF16 original",
                            args.source.string()),
                "model");
  }
  for (const TensorSpec& spec : specs) {
    if (spec.role != TensorRole::kLinear) {
      continue;
    }
    const std::optional<QuantFormat> format = args.weights.stored_format(spec.module());
    if (format == QuantFormat::kFp8 || format == QuantFormat::kNvfp4) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} is stored as {} already: quantize needs the BF16 original",
                              spec.module(), name_of(*format)),
                  "model");
    }
  }
  return {};
}

/// The scales that a quantized linear has beside its values.
std::vector<PlannedTensor> planned_scales(const TensorSpec& spec, QuantFormat format) {
  const std::string module = spec.module();
  std::vector<PlannedTensor> scales = {{.name = module + ".input_scale", .dtype = DType::kF32}};
  if (format == QuantFormat::kFp8) {
    scales.push_back({.name = module + ".weight_scale", .dtype = DType::kF32});
    return scales;
  }
  scales.push_back({.name = module + ".weight_scale",
                    .dtype = DType::kF8E4M3,
                    .shape = {spec.shape[0], spec.shape[1] / kNvfp4Block}});
  scales.push_back({.name = module + ".weight_scale_2", .dtype = DType::kF32});
  return scales;
}

/// What a tensor becomes, scales included.
std::vector<PlannedTensor> planned(const TensorSpec& spec, const WeightSet& weights) {
  std::vector<PlannedTensor> tensors;
  if (const std::optional<QuantFormat> format = recipe_format(spec)) {
    tensors = planned_scales(spec, *format);
    PlannedTensor values = {.name = spec.name, .dtype = value_dtype(*format), .shape = spec.shape};
    values.shape[1] /= *format == QuantFormat::kNvfp4 ? 2 : 1;
    tensors.push_back(std::move(values));
  } else {
    tensors.push_back({.name = spec.name,
                       .dtype = weights.stored_dtype(spec.name).value_or(DType::kBF16),
                       .shape = spec.shape});
  }
  if (std::string scale = kv_scale_of(spec); !scale.empty()) {
    tensors.push_back({.name = std::move(scale), .dtype = DType::kF32});
  }
  return tensors;
}

int64_t bytes_of(const std::vector<PlannedTensor>& tensors) {
  int64_t bytes = 0;
  for (const PlannedTensor& tensor : tensors) {
    bytes += tensor.bytes();
  }
  return bytes;
}

/// Linears with their formats, and the convolutions, which exporters list as well.
std::vector<QuantizedModule> modules_of(const std::vector<TensorSpec>& specs) {
  std::vector<QuantizedModule> modules;
  for (const TensorSpec& spec : specs) {
    if (spec.role == TensorRole::kLinear || spec.name.ends_with(".conv1d.weight")) {
      modules.push_back({.name = spec.module(), .format = recipe_format(spec)});
    }
  }
  return modules;
}

Status write_configs(const QuantizeArgs& args, const std::vector<TensorSpec>& specs,
                     OutputFolder& folder) {
  const Result<std::string> config = read_text_file(args.source / "config.json");
  if (!config) {
    return fail(config.error());
  }
  const std::vector<QuantizedModule> modules = modules_of(specs);
  const Result<std::string> extended = with_quantization_config(*config, modules, args.version);
  if (!extended) {
    return fail(extended.error());
  }
  Status done = folder.write("hf_quant_config.json", hf_quant_config_text(modules, args.version));
  done = done ? folder.copy_rest(args.source) : done;
  return done ? folder.write("config.json", *extended) : done;
}

/// Does the work tensor by tensor and adds up the report.
class Quantizer final {
 public:
  Quantizer(const QuantizeArgs& args, const std::vector<TensorSpec>& specs,
            SafetensorsWriter& writer);

  Status run();
  [[nodiscard]] QuantizeReport report() const { return report_; }

 private:
  /// Writes the tensors whose names begin so; `peaks` is null outside of layers.
  [[nodiscard]] Status write_all(std::string_view prefix, const InputPeaks* peaks);
  [[nodiscard]] Status write_quantized(const TensorSpec& spec, QuantFormat format,
                                       const InputPeaks& peaks);
  [[nodiscard]] Status write_stored(const TensorSpec& spec);
  [[nodiscard]] Status write_kv_scale(const TensorSpec& spec, const InputPeaks& peaks);
  [[nodiscard]] Status write_scalar(const std::string& name, float value) {
    return writer_.write(name, std::as_bytes(std::span(&value, 1)));
  }
  /// The largest input of a linear; of its layer's experts where no token reached it.
  [[nodiscard]] Result<float> input_amax(const TensorSpec& spec, const InputPeaks& peaks);
  [[nodiscard]] int64_t source_bytes(const TensorSpec& spec) const {
    return spec.elements() * size_of(args_.weights.stored_dtype(spec.name).value_or(DType::kBF16));
  }
  [[nodiscard]] int64_t source_bytes(std::string_view prefix) const;
  void count(const TensorSpec& spec);
  void advance(int64_t bytes);

  const QuantizeArgs& args_;
  const std::vector<TensorSpec>& specs_;
  SafetensorsWriter& writer_;
  std::unique_ptr<Stream> stream_;
  QuantizeReport report_;
  int64_t done_bytes_ = 0;
  int64_t total_bytes_ = 0;
};

std::string layer_prefix(size_t layer) {
  return fmt::format("backbone.layers.{}.", layer);
}

Quantizer::Quantizer(const QuantizeArgs& args, const std::vector<TensorSpec>& specs,
                     SafetensorsWriter& writer)
    : args_(args), specs_(specs), writer_(writer), stream_(args.backend.open_stream(1)) {
  total_bytes_ = source_bytes("") + source_bytes("backbone.layers.");
  for (const std::vector<TokenId>& ids : args.calibration) {
    report_.calibration_tokens += std::ssize(ids);
  }
}

int64_t Quantizer::source_bytes(std::string_view prefix) const {
  int64_t bytes = 0;
  for (const TensorSpec& spec : specs_) {
    bytes += spec.name.starts_with(prefix) ? source_bytes(spec) : 0;
  }
  return bytes;
}

void Quantizer::advance(int64_t bytes) {
  done_bytes_ += bytes;
  if (args_.progress) {
    args_.progress(done_bytes_, total_bytes_);
  }
}

void Quantizer::count(const TensorSpec& spec) {
  ClassTotal& total = report_.classes[static_cast<size_t>(class_of(spec))];
  const std::optional<QuantFormat> format = recipe_format(spec);
  const std::string_view name =
      format ? name_of(*format)
             : name_of(args_.weights.stored_dtype(spec.name).value_or(DType::kBF16));
  total.format = total.tensors == 0 || total.format == name ? std::string(name) : "mixed";
  ++total.tensors;
  total.bytes_before += source_bytes(spec);
  total.bytes_after += bytes_of(planned(spec, args_.weights));
}

Result<float> Quantizer::input_amax(const TensorSpec& spec, const InputPeaks& peaks) {
  const std::string module = spec.module();
  Peak peak = peaks.of(module);
  if (class_of(spec) == TensorClass::kRoutedExpert) {
    const bool up = module.ends_with(".up_proj");
    report_.experts += up ? 1 : 0;
    if (peak.rows == 0) {
      report_.unreached_experts += up ? 1 : 0;
      const size_t end = module.find(".experts.") + std::string_view(".experts.").size();
      peak = peaks.over(module.substr(0, end), up ? ".up_proj" : ".down_proj");
    }
  }
  if (!std::isfinite(peak.amax)) {
    return fail(ErrorCode::kCorruptFile,
                fmt::format("calibration feeds {} values that are not finite", module));
  }
  return peak.amax;
}

Status Quantizer::write_quantized(const TensorSpec& spec, QuantFormat format,
                                  const InputPeaks& peaks) {
  const std::string module = spec.module();
  const Result<float> amax = input_amax(spec, peaks);
  const Result<QuantView> weight = args_.weights.find_linear(module);
  if (!amax || !weight) {
    return fail(amax ? weight.error() : amax.error());
  }
  const Result<QuantizedMatrix> made = quantize_matrix(*weight, format, *stream_);
  args_.weights.release(module);
  if (!made) {
    return fail_in(spec.name, made.error());
  }
  ClassTotal& total = report_.classes[static_cast<size_t>(class_of(spec))];
  total.squared_error += made->squared_error;
  total.squared_weights += made->squared_weights;
  const auto bytes = [](const Buffer& buffer) {
    return std::span<const std::byte>(buffer.data(), static_cast<size_t>(buffer.size()));
  };
  Status done = writer_.write(spec.name, bytes(made->values));
  if (format == QuantFormat::kFp8) {
    done = done ? write_scalar(module + ".weight_scale", made->scale) : done;
    return done ? write_scalar(module + ".input_scale", fp8_scale(*amax)) : done;
  }
  done = done ? writer_.write(module + ".weight_scale", bytes(made->block_scales)) : done;
  done = done ? write_scalar(module + ".weight_scale_2", made->scale) : done;
  return done ? write_scalar(module + ".input_scale", nvfp4_input_scale(*amax)) : done;
}

Status Quantizer::write_stored(const TensorSpec& spec) {
  const Result<TensorView> view = args_.weights.stored(spec.name);
  if (!view) {
    return fail(view.error());
  }
  const Status done = writer_.write(spec.name, {view->data, static_cast<size_t>(view->bytes())});
  args_.weights.release(spec.name);
  return done;
}

Status Quantizer::write_kv_scale(const TensorSpec& spec, const InputPeaks& peaks) {
  const std::string name = kv_scale_of(spec);
  const float amax = name.ends_with(".k_scale") ? peaks.keys().amax : peaks.values().amax;
  if (!std::isfinite(amax)) {
    return fail(ErrorCode::kCorruptFile,
                fmt::format("{} gives values that are not finite", spec.module()));
  }
  return write_scalar(name, fp8_scale(amax));
}

Status Quantizer::write_all(std::string_view prefix, const InputPeaks* peaks) {
  for (const TensorSpec& spec : specs_) {
    if (!spec.name.starts_with(prefix)) {
      continue;
    }
    const std::optional<QuantFormat> format = recipe_format(spec);
    check(!format || peaks != nullptr, "what is quantized lies in a layer");
    Status done = format ? write_quantized(spec, *format, *peaks) : write_stored(spec);
    if (done && !kv_scale_of(spec).empty()) {
      done = write_kv_scale(spec, *peaks);
    }
    if (!done) {
      return done;
    }
    count(spec);
    advance(source_bytes(spec));
  }
  return {};
}

Status Quantizer::run() {
  Result<LayerWalk> walk = LayerWalk::open({.config = &args_.config,
                                            .quant = &args_.quant,
                                            .weights = &args_.weights,
                                            .backend = &args_.backend,
                                            .sequences = &args_.calibration});
  if (!walk) {
    return fail(walk.error());
  }
  for (size_t i = 0; i < args_.config.layers.size(); ++i) {
    const Result<InputPeaks> peaks = walk->step();
    if (!peaks) {
      return fail_in(fmt::format("layer {}", i), peaks.error());
    }
    const std::string prefix = layer_prefix(i);
    const int64_t bytes = source_bytes(prefix);
    report_.largest_layer_bytes = std::max(report_.largest_layer_bytes, bytes);
    advance(bytes);
    if (Status done = write_all(prefix, &*peaks); !done) {
      return done;
    }
  }
  for (const std::string_view prefix :
       {"backbone.embeddings.", "backbone.norm_f.", "lm_head.", "mtp."}) {
    if (Status done = write_all(prefix, nullptr); !done) {
      return done;
    }
  }
  report_.files = writer_.files();
  return writer_.finish();
}

}  // namespace

double ClassTotal::relative_error() const {
  return squared_weights > 0.0 ? std::sqrt(squared_error / squared_weights) : 0.0;
}

Result<QuantizeReport> quantize(const QuantizeArgs& args) {
  check(!args.calibration.empty(), "calibration needs a sequence");
  const std::vector<TensorSpec> specs = tensors_of(args);
  if (const Status original = check_original(args, specs); !original) {
    return fail(original.error());
  }
  Result<OutputFolder> folder = OutputFolder::open(args.out);
  if (!folder) {
    return fail(folder.error());
  }
  std::vector<PlannedTensor> plan;
  for (const TensorSpec& spec : specs) {
    for (PlannedTensor& tensor : planned(spec, args.weights)) {
      // The MTP head stays as it is, and drafting is optional: it has files of its own.
      tensor.group = spec.name.starts_with("mtp.") ? "mtp" : "";
      plan.push_back(std::move(tensor));
    }
  }
  if (const Status written = write_configs(args, specs, *folder); !written) {
    return fail(written.error());
  }
  Result<SafetensorsWriter> writer = SafetensorsWriter::open(args.out, plan, args.max_file_bytes);
  if (!writer) {
    return fail(writer.error());
  }
  Quantizer quantizer(args, specs, *writer);
  if (const Status done = quantizer.run(); !done) {
    return fail(done.error());
  }
  folder->keep();
  return quantizer.report();
}

}  // namespace dak
