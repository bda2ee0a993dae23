#pragma once

#include <cstddef>
#include <cstdint>

/// What libFuzzer calls with every input it makes up: 0 whatever came of it. Only a crash, a
/// failed check, a sanitizer's report or a missed time limit is a finding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
