#pragma once

#include <functional>
#include <memory>

#include "dakkar/base/error.h"
#include "dakkar/model/model.h"

namespace dak {

/// Makes one rank's model; called on the rank's thread. `load_model` outside of tests.
using ModelLoader = std::function<Result<std::unique_ptr<Model>>(const ModelLoadArgs&)>;

}  // namespace dak
