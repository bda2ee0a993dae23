#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dakkar/api/checkpoint_text.h"
#include "dakkar/api/served_model.h"
#include "dakkar/cli/commands.h"
#include "dakkar/engine/engine.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/weight_set.h"

namespace dak {

/// What a model folder says without its weights.
struct ModelFolder {
  std::filesystem::path path;
  std::string name;  ///< the folder's name, or the hub id as typed
  std::string root;  ///< where clients find it: an absolute path, or the hub id
  ModelConfig config;
  QuantConfig quant;
  GenerationDefaults defaults;

  /// Finds and reads it; the demo model when nothing was `typed`. Errors name the file and field.
  static Result<ModelFolder> open(const std::string& typed);
};

/// A model in this process: weights, text, engine. Its parts die in the right order.
class LocalModel final {
 public:
  /// What `start` needs; `progress` may be empty.
  struct Args {
    const ModelOptions& options;
    ModelFolder folder;
    std::unique_ptr<Backend> backend;
    EngineConfig limits;
    LoadProgress progress;
  };
  /// Opens the weights and the text, then starts the engine.
  static Result<std::unique_ptr<LocalModel>> start(Args args);

  explicit LocalModel(ModelFolder folder, std::unique_ptr<Backend> backend);

  [[nodiscard]] const ModelFolder& folder() const { return folder_; }
  [[nodiscard]] const Backend& backend() const { return *backend_; }
  [[nodiscard]] const WeightSet& weights() const { return *weights_; }
  [[nodiscard]] const CheckpointText& text() const { return text_; }
  [[nodiscard]] Engine& engine() { return *engine_; }
  /// Most memory of this process while it loaded.
  [[nodiscard]] int64_t load_peak_bytes() const { return load_peak_bytes_; }
  /// As clients see it.
  [[nodiscard]] const ServedModel& served() const { return served_; }
  [[nodiscard]] ServedModel& served() { return served_; }

  /// Generates one token, to know that the whole path works. Errors: the engine's.
  [[nodiscard]] Status try_out();

 private:
  ModelFolder folder_;
  std::unique_ptr<Backend> backend_;
  std::optional<WeightSet> weights_;
  CheckpointText text_;
  ServedModel served_;
  int64_t load_peak_bytes_ = 0;
  std::unique_ptr<Engine> engine_;
};

/// The weights of a folder, or made-up ones.
[[nodiscard]] Result<WeightSet> open_weights(const ModelOptions& options, const ModelFolder& folder,
                                             LoadProgress progress);

/// The limits that a command line sets.
[[nodiscard]] EngineConfig engine_config(const ModelOptions& options);

/// How the options have states kept.
[[nodiscard]] StateStorage state_storage(const ModelOptions& options);

}  // namespace dak
