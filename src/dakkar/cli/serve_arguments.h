#pragma once

#include <string>
#include <vector>

#include "dakkar/base/error.h"

namespace dak {

/// A flag of `dakkar serve`, as its parser knows it.
struct KnownFlag {
  enum class Takes { kNothing, kValue } takes = Takes::kValue;
  std::vector<std::string> names{};  ///< without dashes
};

/// What is parsed in place of what was typed.
struct ServeArguments {
  std::vector<std::string> args;   ///< after "serve"
  std::vector<std::string> notes;  ///< one per translated or ignored flag, for people
};

/// Rewrites the arguments after "serve".
///
/// Flags of `vllm serve`, `sglang.launch_server` and `trtllm-serve` become ours, or are dropped
/// with a note that says why; `_` and `-` are the same in names. `--config FILE` is replaced by the
/// flags of the file, a YAML map whose keys are flag names (`model` for the model); flags that were
/// typed win. Errors name file and line: `kNotFound`, or `kInvalidArgument` for YAML that is no
/// such map and for unknown keys.
[[nodiscard]] Result<ServeArguments> serve_arguments(const std::vector<std::string>& typed,
                                                     const std::vector<KnownFlag>& known);

}  // namespace dak
