#include "dakkar/model/model.h"
#include "dakkar/model/nemotron_h/nemotron_h.h"
#include "dakkar/weights/shard.h"

namespace dak {

int ModelLoadArgs::kv_sharers() const {
  // Models of tests have no config.
  return config == nullptr ? 1
                           : static_cast<int>(kv_parts(config->attention, shard_of(grid(), rank)));
}

Result<std::unique_ptr<Model>> load_model(const ModelLoadArgs& args) {
  // One family so far: ModelConfig::parse has refused every other.
  return load_nemotron_h(args);
}

}  // namespace dak
