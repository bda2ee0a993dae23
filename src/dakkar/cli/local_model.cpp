#include "dakkar/cli/local_model.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/core.h>

#include "dakkar/base/process_memory.h"
#include "dakkar/server/version.h"
#include "dakkar/weights/locate_model.h"

namespace dak {
namespace {

/// FNV-1a: tells checkpoints apart, nothing more.
uint32_t fold(uint32_t hash, std::string_view text) {
  for (const char byte : text) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619U;
  }
  return hash;
}

std::string fingerprint(const ModelFolder& folder, const WeightSet& weights) {
  uint32_t hash = fold(2166136261U, folder.name);
  hash = fold(hash, fmt::format("{}/{}", weights.total_bytes(), weights.tensor_count()));
  return fmt::format("dk-{}-{:08x}", version_text(), hash);
}

}  // namespace

Result<ModelFolder> ModelFolder::open(const std::string& typed) {
  std::string argument = typed;
  if (argument.empty()) {
    std::error_code ignored;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
    const Result<std::filesystem::path> demo = locate_demo(program.parent_path());
    if (!demo) {
      return fail(demo.error());
    }
    argument = demo->string();
  }
  Result<std::filesystem::path> path = locate_model(argument);
  if (!path) {
    return fail(path.error());
  }
  std::error_code ignored;
  const bool typed_folder = std::filesystem::is_directory(argument, ignored);
  ModelFolder folder;
  folder.path = *path;
  const std::filesystem::path whole = std::filesystem::weakly_canonical(*path, ignored);
  folder.name = typed_folder ? whole.filename().string() : argument;
  folder.root = typed_folder ? whole.string() : argument;
  Result<ModelConfig> config = ModelConfig::load(*path);
  if (!config) {
    return fail(config.error());
  }
  folder.config = std::move(*config);
  Result<QuantConfig> quant = QuantConfig::load(*path);
  if (!quant) {
    return fail(quant.error());
  }
  folder.quant = std::move(*quant);
  Result<GenerationDefaults> defaults = GenerationDefaults::load(*path, folder.config);
  if (!defaults) {
    return fail(defaults.error());
  }
  folder.defaults = std::move(*defaults);
  return folder;
}

Result<WeightSet> open_weights(const ModelOptions& options, const ModelFolder& folder,
                               LoadProgress progress) {
  if (options.load_format == "dummy") {
    return WeightSet::dummy(folder.config, folder.quant, 1, std::move(progress));
  }
  return WeightSet::open(folder.path, {.config = folder.config, .quant = folder.quant},
                         std::move(progress));
}

EngineConfig engine_config(const ModelOptions& options) {
  EngineConfig limits;
  limits.grid = options.grid();
  limits.max_model_len = options.max_model_len;
  limits.max_num_seqs = options.max_num_seqs;
  limits.max_step_tokens = options.max_step_tokens;
  limits.cache_bytes = static_cast<int64_t>(options.cache_gib * 1024.0 * 1024.0 * 1024.0);
  limits.numerics = options.numerics == "f32" ? Numerics::kF32 : Numerics::kShipped;
  limits.state = state_storage(options);
  return limits;
}

StateStorage state_storage(const ModelOptions& options) {
  return options.ssm_cache_dtype == "float16"   ? StateStorage::kF16
         : options.ssm_cache_dtype == "float32" ? StateStorage::kF32
                                                : StateStorage::kAuto;
}

LocalModel::LocalModel(ModelFolder folder, std::unique_ptr<Backend> backend)
    : folder_(std::move(folder)), backend_(std::move(backend)) {}

Result<std::unique_ptr<LocalModel>> LocalModel::start(Args args) {
  auto model = std::make_unique<LocalModel>(std::move(args.folder), std::move(args.backend));
  Result<WeightSet> weights = open_weights(args.options, model->folder_, std::move(args.progress));
  if (!weights) {
    return fail(weights.error());
  }
  model->weights_.emplace(std::move(*weights));
  Result<CheckpointText> text =
      CheckpointText::load(model->folder_.path, {.template_time = args.options.template_time});
  if (!text) {
    return fail(text.error());
  }
  model->text_ = std::move(*text);
  Result<std::unique_ptr<Engine>> engine = start_engine({.backend = model->backend_.get(),
                                                         .config = &model->folder_.config,
                                                         .quant = &model->folder_.quant,
                                                         .weights = &*model->weights_,
                                                         .token_bytes = model->text_.token_bytes(),
                                                         .limits = args.limits,
                                                         .load = {}});
  if (!engine) {
    return fail(engine.error());
  }
  model->engine_ = std::move(*engine);
  model->weights_->release_files();
  model->load_peak_bytes_ = peak_resident_bytes();
  model->served_ = {.names = {model->folder_.name},
                    .root = model->folder_.root,
                    .fingerprint = fingerprint(model->folder_, *model->weights_),
                    .created = std::time(nullptr),
                    .max_model_len = model->engine_->max_model_len(),
                    .trained_len = model->folder_.config.trained_positions,
                    .vocab = model->folder_.config.vocab,
                    .defaults = model->folder_.defaults,
                    .limits = {}};
  return model;
}

Status LocalModel::try_out() {
  GenerationRequest request;
  request.id = "try-out";
  request.prompt = {static_cast<TokenId>(std::max<int64_t>(folder_.config.bos_id, 0))};
  request.sampling.temperature = 0.0F;
  request.stop.max_tokens = 1;
  Result<std::unique_ptr<TokenStream>> stream = engine_->submit(std::move(request), {});
  if (!stream) {
    return fail(stream.error());
  }
  while (const std::optional<GenerationEvent> event = (*stream)->next()) {
    if (event->finish == FinishReason::kError) {
      return fail(ErrorCode::kInternal, "the first token failed: " + event->message);
    }
    if (event->finish) {
      return {};
    }
  }
  return fail(ErrorCode::kInternal, "the engine ended before the first token");
}

}  // namespace dak
