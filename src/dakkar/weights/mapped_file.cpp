#include "dakkar/weights/mapped_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dakkar/weights/text_file.h"

namespace dak {
namespace {

/// A file descriptor that closes itself.
class Descriptor final {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

struct OpenFile {
  Descriptor descriptor;
  int64_t size;
};

Result<OpenFile> open_regular(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe somebody put there must not wait for its writer.
  Descriptor descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) {
    return fail(ErrorCode::kNotFound,
                fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)));
  }
  struct stat status {};
  if (fstat(descriptor.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kNotFound, fmt::format("{} is not a regular file", path.string()));
  }
  return OpenFile{std::move(descriptor), status.st_size};
}

void advise(std::span<const std::byte> part, int advice) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(part.data());
  const uintptr_t first = begin / page * page;
  // A hint: failure changes nothing but speed.
  (void)madvise(reinterpret_cast<void*>(first), begin + part.size() - first, advice);
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const auto file = open_regular(path);
  if (!file) {
    return fail(file.error());
  }
  if (file->size == 0) {
    return fail(ErrorCode::kCorruptFile, fmt::format("{} is empty", path.string()));
  }
  const auto size = static_cast<size_t>(file->size);
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file->descriptor.get(), 0);
  if (address == MAP_FAILED) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("cannot map {}: {}", path.string(), std::strerror(errno)));
  }
  return MappedFile({static_cast<const std::byte*>(address), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

void MappedFile::will_need(std::span<const std::byte> part) const {
  constexpr int64_t kAhead = int64_t{32} << 20;
  const int64_t begin = part.data() - bytes_.data();
  const int64_t end = begin + static_cast<int64_t>(part.size());
  if (begin >= ahead_begin_ && end + kAhead / 2 <= ahead_end_) {
    return;
  }
  // Ranks that load side by side may both get here: a hint given twice does no harm.
  const int64_t until = std::min(end + kAhead, static_cast<int64_t>(bytes_.size()));
  ahead_begin_ = begin;
  ahead_end_ = until == static_cast<int64_t>(bytes_.size()) ? until + kAhead : until;
  advise(bytes_.subspan(static_cast<size_t>(begin), static_cast<size_t>(until - begin)),
         MADV_WILLNEED);
}

void MappedFile::release(std::span<const std::byte> part) const {
  advise(part, MADV_DONTNEED);
}

Result<std::string> read_text_file(const std::filesystem::path& path, int64_t max_bytes) {
  const auto file = open_regular(path);
  if (!file) {
    return fail(file.error());
  }
  std::string text;
  std::array<char, 65536> block{};
  while (true) {
    const ssize_t got = read(file->descriptor.get(), block.data(), block.size());
    if (got < 0) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
    }
    if (got == 0) {
      return text;
    }
    text.append(block.data(), static_cast<size_t>(got));
    if (static_cast<int64_t>(text.size()) > max_bytes) {
      return fail(ErrorCode::kTooLarge,
                  fmt::format("{} is larger than {} bytes", path.string(), max_bytes));
    }
  }
}

}  // namespace dak
