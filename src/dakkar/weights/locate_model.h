#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "dakkar/base/error.h"

namespace dak {

/// Turns what a user typed into a model folder: an existing folder, or a hub id ("org/name")
/// resolved in the local Hugging Face cache `hub` to the snapshot that `refs/main` names, else to
/// the newest.
///
/// Nothing is ever downloaded. Errors (`kNotFound`) say which places were looked at.
[[nodiscard]] Result<std::filesystem::path> locate_model(
    std::string_view argument, const std::optional<std::filesystem::path>& hub);

/// As above with the cache folder that the environment names.
[[nodiscard]] Result<std::filesystem::path> locate_model(std::string_view argument);

/// The demo model that comes with a program in `binary_folder`: in `models/demo` beside it, in the
/// source tree it was built in, or under `share/dakkar` of the place it was installed to.
/// `kNotFound` says where it was looked for.
[[nodiscard]] Result<std::filesystem::path> locate_demo(const std::filesystem::path& binary_folder);

/// What a model folder is called: "org/name" for a snapshot of the Hugging Face cache, else the
/// folder's own name.
[[nodiscard]] std::string model_name(const std::filesystem::path& folder);

}  // namespace dak
