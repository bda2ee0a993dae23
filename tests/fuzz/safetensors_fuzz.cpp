// Safetensors files, alone or with an index: entries lie within their file, or there is an error.
// The first byte says how the folder looks; what follows is an index up to a line's end, then a
// file.

#include <span>
#include <string_view>

#include "dakkar/base/check.h"
#include "dakkar/weights/safetensors.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/scratch_folder.h"

namespace {

void check_header(std::string_view file) {
  const auto entries = dak::parse_header(std::as_bytes(std::span(file)));
  if (!entries) {
    return;
  }
  for (const dak::TensorEntry& entry : *entries) {
    dak::check(entry.begin >= 0 && entry.begin <= entry.end, "an entry runs forwards");
    dak::check(entry.end <= static_cast<int64_t>(file.size()), "an entry lies within the file");
  }
}

void open_folder(const std::filesystem::path& folder) {
  const auto set = dak::SafetensorsSet::open(folder);
  if (!set) {
    return;
  }
  for (const auto& tensor : set->tensors()) {
    const int64_t bytes = tensor.entry.end - tensor.entry.begin;
    dak::check(std::ssize(set->bytes(tensor)) == bytes, "a tensor has its bytes");
    dak::check(set->file_name_of(tensor).ends_with(".safetensors"), "a shard is in the folder");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  if (all.empty()) {
    return 0;
  }
  const std::string_view rest = all.substr(1);
  const size_t line = all[0] == 'i' ? std::min(rest.find('\n'), rest.size()) : 0;
  const std::string_view file = rest.substr(std::min(rest.size(), line + (all[0] == 'i' ? 1 : 0)));
  check_header(file);
  static const ScratchFolder folder;
  folder.clear();
  if (all[0] == 'i') {
    folder.write("model.safetensors.index.json", rest.substr(0, line));
    folder.write("a.safetensors", file);
    folder.write("b.safetensors", file);
  } else if (all[0] == 's') {
    folder.write("model.safetensors", file);
  } else {
    folder.write(all[0] == 'o' ? "other.safetensors" : "other.bin", file);
  }
  open_folder(folder.path());
  return 0;
}
