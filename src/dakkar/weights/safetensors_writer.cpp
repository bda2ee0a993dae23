#include "dakkar/weights/safetensors_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include "dakkar/base/check.h"
#include "dakkar/base/json.h"

namespace dak {
namespace {

constexpr std::string_view kPartial = ".partial";

tl::unexpected<Error> disk_error(std::string_view doing, const std::filesystem::path& path) {
  const ErrorCode code = errno == ENOSPC ? ErrorCode::kResourceExhausted : ErrorCode::kNotFound;
  return fail(code, fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(errno)));
}

/// Splits the plan, in order, into runs of one group and at most `max_bytes`.
std::vector<std::span<const PlannedTensor>> runs_of(std::span<const PlannedTensor> tensors,
                                                    int64_t max_bytes) {
  std::vector<std::span<const PlannedTensor>> runs;
  size_t begin = 0;
  int64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const int64_t own = tensors[i].bytes();
    if (i > begin && (bytes + own > max_bytes || tensors[i].group != tensors[i - 1].group)) {
      runs.push_back(tensors.subspan(begin, i - begin));
      begin = i;
      bytes = 0;
    }
    bytes += own;
  }
  runs.push_back(tensors.subspan(begin));
  return runs;
}

/// Where the library that defined the format puts a dtype; those of later places come first.
int place_of(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return 0;
    case DType::kU8:
      return 1;
    case DType::kF8E4M3:
      return 2;
    case DType::kF16:
      return 3;
    case DType::kBF16:
      return 4;
    case DType::kI32:
      return 5;
    case DType::kF32:
      return 6;
    case DType::kI64:
      return 7;
  }
  return 0;
}

std::string file_name(size_t index, size_t count) {
  return count == 1 ? "model.safetensors"
                    : fmt::format("model-{:05}-of-{:05}.safetensors", index + 1, count);
}

Status check_room(const std::filesystem::path& folder, int64_t bytes) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (!error && space.available < static_cast<uintmax_t>(bytes)) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("{} has room for {:.1f} MB, but the weights take {:.1f} MB",
                            folder.string(), static_cast<double>(space.available) * 1e-6,
                            static_cast<double>(bytes) * 1e-6));
  }
  return {};
}

}  // namespace

std::string_view safetensors_dtype(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kF8E4M3:
      return "F8_E4M3";
    case DType::kU8:
      return "U8";
    case DType::kBool:
      return "BOOL";
    case DType::kI32:
      return "I32";
    case DType::kI64:
      return "I64";
  }
  return "";
}

int64_t PlannedTensor::bytes() const {
  int64_t product = size_of(dtype);
  for (const int64_t size : shape) {
    product *= size;
  }
  return product;
}

class SafetensorsWriter::File final {
 public:
  /// `path` without the suffix.
  static Result<File> create(const std::filesystem::path& path) {
    File file;
    file.path_ = path;
    file.fd_ = ::open(file.partial().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file.fd_ < 0) {
      return disk_error("create", file.partial());
    }
    return file;
  }
  File(File&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0) {
      close(fd_);
      unlink(partial().c_str());
    }
  }

  Status write(std::span<const std::byte> bytes, int64_t begin) const {
    while (!bytes.empty()) {
      const ssize_t done = pwrite(fd_, bytes.data(), bytes.size(), begin);
      if (done < 0 && errno == EINTR) {
        continue;
      }
      if (done <= 0) {
        return disk_error("write", partial());
      }
      bytes = bytes.subspan(static_cast<size_t>(done));
      begin += done;
    }
    return {};
  }

  Status finish() {
    if (fsync(fd_) != 0) {
      return disk_error("write", partial());
    }
    if (rename(partial().c_str(), path_.c_str()) != 0) {
      return disk_error("rename", partial());
    }
    close(std::exchange(fd_, -1));
    return {};
  }

  [[nodiscard]] std::string name() const { return path_.filename().string(); }

 private:
  File() = default;
  [[nodiscard]] std::filesystem::path partial() const {
    return path_.string() + std::string(kPartial);
  }

  std::filesystem::path path_;
  int fd_ = -1;
};

SafetensorsWriter::SafetensorsWriter(std::filesystem::path folder) : folder_(std::move(folder)) {}
SafetensorsWriter::~SafetensorsWriter() = default;
SafetensorsWriter::SafetensorsWriter(SafetensorsWriter&& other) noexcept = default;

Result<SafetensorsWriter> SafetensorsWriter::open(const std::filesystem::path& folder,
                                                  const std::vector<PlannedTensor>& tensors,
                                                  int64_t max_file_bytes) {
  SafetensorsWriter writer(folder);
  for (const PlannedTensor& tensor : tensors) {
    writer.total_bytes_ += tensor.bytes();
    writer.order_.push_back(tensor.name);
  }
  if (Status room = check_room(folder, writer.total_bytes_); !room) {
    return fail(room.error());
  }
  const auto runs = runs_of(tensors, max_file_bytes);
  for (size_t i = 0; i < runs.size(); ++i) {
    if (Status added = writer.add_file(folder / file_name(i, runs.size()), runs[i]); !added) {
      return fail(added.error());
    }
  }
  return writer;
}

Status SafetensorsWriter::add_file(const std::filesystem::path& path,
                                   std::span<const PlannedTensor> tensors) {
  std::vector<const PlannedTensor*> ordered;
  for (const PlannedTensor& tensor : tensors) {
    ordered.push_back(&tensor);
  }
  std::sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) {
    return std::pair(-place_of(a->dtype), std::string_view(a->name)) <
           std::pair(-place_of(b->dtype), std::string_view(b->name));
  });
  std::string header = R"({"__metadata__":{"format":"pt"})";
  int64_t end = 0;
  for (const PlannedTensor* tensor : ordered) {
    std::string shape;
    for (const int64_t size : tensor->shape) {
      shape += fmt::format("{}{}", shape.empty() ? "" : ",", size);
    }
    const int64_t begin = end;
    end += tensor->bytes();
    header +=
        fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                    json_quote(tensor->name), safetensors_dtype(tensor->dtype), shape, begin, end);
    const bool fresh =
        places_
            .emplace(tensor->name,
                     Place{.file = files_.size(), .begin = begin, .bytes = tensor->bytes()})
            .second;
    check(fresh, "a tensor is planned once");
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  for (const PlannedTensor* tensor : ordered) {
    places_.at(tensor->name).begin += static_cast<int64_t>(sizeof(length) + length);
  }
  Result<File> file = File::create(path);
  if (!file) {
    return fail(file.error());
  }
  files_.push_back(std::move(*file));
  const Status prefix = files_.back().write(std::as_bytes(std::span(&length, 1)), 0);
  return prefix ? files_.back().write(std::as_bytes(std::span(header)), sizeof(length)) : prefix;
}

Status SafetensorsWriter::write(std::string_view name, std::span<const std::byte> bytes) {
  const auto place = places_.find(std::string(name));
  check(place != places_.end(), "a tensor is written that was not planned");
  Place& target = place->second;
  check(std::ssize(bytes) == target.bytes, "a tensor has the size that was planned");
  check(!std::exchange(target.written, true), "a tensor is written once");
  return files_[target.file].write(bytes, target.begin);
}

std::string SafetensorsWriter::index_text() const {
  std::string text = fmt::format(
      "{{\n  \"metadata\": {{\n    \"total_size\": {}\n  }},\n"
      "  \"weight_map\": {{",
      total_bytes_);
  std::vector<std::string> names = order_;
  std::sort(names.begin(), names.end());
  for (size_t i = 0; i < names.size(); ++i) {
    text += fmt::format("{}\n    {}: {}", i > 0 ? "," : "", json_quote(names[i]),
                        json_quote(files_[places_.at(names[i]).file].name()));
  }
  return text + "\n  }\n}\n";
}

Status SafetensorsWriter::write_index() const {
  Result<File> index = File::create(folder_ / "model.safetensors.index.json");
  if (!index) {
    return fail(index.error());
  }
  const std::string text = index_text();
  const Status written = index->write(std::as_bytes(std::span(text)), 0);
  return written ? index->finish() : written;
}

int64_t SafetensorsWriter::files() const {
  return std::ssize(files_);
}

Status SafetensorsWriter::finish() {
  for (const auto& [name, place] : places_) {
    check(place.written, "every planned tensor is written");
  }
  for (File& file : files_) {
    if (Status done = file.finish(); !done) {
      return done;
    }
  }
  return files_.size() > 1 ? write_index() : Status();
}

}  // namespace dak
