#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dakkar/base/error.h"
#include "dakkar/model/self_check.h"

namespace dak {

/// What a recorded check was made of, by name: "model", "weights", "numerics", "ranks", "states",
/// "device", "dakkar".
using CheckIdentity = std::map<std::string, std::string>;

/// A recorded check.
struct RecordedCheck {
  CheckIdentity identity;
  CheckRun run;
};

/// Writes a safetensors file: `logits` [16, V] and `state.N`, f32; the identity is its metadata.
[[nodiscard]] Status write_check(const std::string& path, const RecordedCheck& check);

/// Reads what `write_check` wrote; errors name the file and what is wrong with it.
[[nodiscard]] Result<RecordedCheck> read_check(const std::string& path);

}  // namespace dak
