#include "dakkar/cli/npy.h"

#include <cstdio>
#include <memory>

#include <fmt/core.h>

#include "dakkar/base/check.h"

namespace dak {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// Magic, version, length and the dict that describes the array, padded to 64 bytes.
std::string npy_header(int64_t rows, int64_t columns) {
  constexpr size_t kPrefix = 10;
  std::string dict =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  while ((kPrefix + dict.size() + 1) % 64 != 0) {
    dict += ' ';
  }
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dict.size() & 0xFFU);
  header += static_cast<char>(dict.size() >> 8U);
  return header + dict;
}

}  // namespace

Status write_npy(const std::string& path, std::span<const float> values, int64_t rows,
                 int64_t columns) {
  check(static_cast<int64_t>(values.size()) == rows * columns, "the shape fits the values");
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "wb"));
  const std::string header = npy_header(rows, columns);
  const bool written =
      file != nullptr &&
      std::fwrite(header.data(), 1, header.size(), file.get()) == header.size() &&
      std::fwrite(values.data(), sizeof(float), values.size(), file.get()) == values.size() &&
      std::fflush(file.get()) == 0;
  if (!written) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} cannot be written", path), "out");
  }
  return {};
}

}  // namespace dak
