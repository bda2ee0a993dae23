#include "dakkar/model/model.h"
#include "dakkar/model/nemotron_h/nemotron_h.h"

namespace dak {

Result<std::unique_ptr<Model>> load_model(const ModelLoadArgs& args) {
  // One family so far: ModelConfig::parse has refused every other.
  return load_nemotron_h(args);
}

}  // namespace dak
