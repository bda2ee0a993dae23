#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace dak {

/// An environment variable's value; nothing when it is unset or empty.
///
/// The only place where the environment is read. No variable changes what the program does, except
/// those that tell where things are and that users' scripts already set.
[[nodiscard]] std::optional<std::string> environment_variable(std::string_view name);

/// Folder of the local Hugging Face cache that holds `models--ORG--NAME` folders: `HF_HUB_CACHE`,
/// else `HF_HOME`/hub, else `XDG_CACHE_HOME`/huggingface/hub, else `~/.cache/huggingface/hub`.
/// A leading `~` is the home folder. Nothing when not even a home folder is known.
[[nodiscard]] std::optional<std::filesystem::path> hugging_face_hub_folder();

}  // namespace dak
