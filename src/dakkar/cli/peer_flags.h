#pragma once

#include <string>
#include <string_view>

namespace dak {

/// A flag of another server and what it is here.
struct PeerFlag {
  enum class Takes { kNothing, kValue } takes = Takes::kValue;
  std::string_view name;  ///< without dashes in front, `-` for `_`
  std::string_view ours;  ///< "model": the positional one; empty: it is dropped
  std::string_view why;   ///< for dropped ones
};

/// Null for a flag that no other server has, or that is the same here.
[[nodiscard]] const PeerFlag* find_peer_flag(std::string_view name);

}  // namespace dak
