#pragma once

#include <memory>

#include "dakkar/device/stream.h"

namespace dak {

/// A stream of host work: runs everything at once, in the caller's thread and the `threads` - 1
/// others of its team; a capture is the list of closures recorded. `copy` works between any two
/// host addresses.
[[nodiscard]] std::unique_ptr<Stream> make_host_stream(int threads = 1);

}  // namespace dak
