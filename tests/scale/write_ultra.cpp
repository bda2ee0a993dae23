#include <filesystem>

#include <fmt/core.h>

#include "scale/sparse_checkpoint.h"

/// Writes the sparse Ultra into a folder: `dakkar inspect FOLDER` shows it.
int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: dakkar_write_ultra FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  fmt::print("{} tensors\n", dak::write_sparse_checkpoint(folder, dak::sparse_ultra()));
  return 0;
}
