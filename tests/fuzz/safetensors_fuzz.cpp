// Headers of safetensors files: entries lie within the file, or there is an error.

#include <span>

#include "dakkar/base/check.h"
#include "dakkar/weights/safetensors.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto entries = dak::parse_header(std::as_bytes(std::span(data, size)));
  if (!entries) {
    return 0;
  }
  for (const dak::TensorEntry& entry : *entries) {
    dak::check(entry.begin >= 0 && entry.begin <= entry.end, "an entry runs forwards");
    dak::check(entry.end <= static_cast<int64_t>(size), "an entry lies within the file");
  }
  return 0;
}
