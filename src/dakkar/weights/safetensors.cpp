#include "dakkar/weights/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "dakkar/base/json.h"
#include "dakkar/weights/text_file.h"

namespace dak {
namespace {

constexpr std::string_view kIndexName = "model.safetensors.index.json";
constexpr std::string_view kSingleName = "model.safetensors";
constexpr int64_t kLengthBytes = 8;

tl::unexpected<Error> corrupt(std::string message) {
  return fail(ErrorCode::kCorruptFile, std::move(message));
}

std::optional<DType> dtype_named(std::string_view name) {
  constexpr std::pair<std::string_view, DType> kNames[] = {
      {"F32", DType::kF32},        {"F16", DType::kF16}, {"BF16", DType::kBF16},
      {"F8_E4M3", DType::kF8E4M3}, {"U8", DType::kU8},   {"BOOL", DType::kBool},
      {"I32", DType::kI32},        {"I64", DType::kI64}};
  for (const auto& [known, dtype] : kNames) {
    if (known == name) {
      return dtype;
    }
  }
  return std::nullopt;
}

Result<std::vector<int64_t>> shape_of(const JsonView& entry) {
  const auto sizes =
      required(entry, "shape").and_then([](const JsonView& v) { return v.as_array(); });
  if (!sizes) {
    return fail(sizes.error());
  }
  if (sizes->size() > TensorView::kMaxRank) {
    return corrupt(
        fmt::format("has {} dimensions, more than {}", sizes->size(), TensorView::kMaxRank));
  }
  std::vector<int64_t> shape;
  for (const JsonView& size : *sizes) {
    const auto value = size.as_integer();
    if (!value) {
      return fail(value.error());
    }
    if (*value < 0) {
      return corrupt("has a negative size in its shape");
    }
    shape.push_back(*value);
  }
  return shape;
}

/// Bytes of a shape, or nothing when they overflow.
std::optional<int64_t> bytes_of(const std::vector<int64_t>& shape, DType dtype) {
  int64_t bytes = size_of(dtype);
  bool overflow = false;
  for (const int64_t size : shape) {
    overflow = __builtin_mul_overflow(bytes, size, &bytes) || overflow;
  }
  const bool zero = std::find(shape.begin(), shape.end(), 0) != shape.end();
  if (zero) {
    return 0;
  }
  return overflow ? std::nullopt : std::optional(bytes);
}

/// Where a tensor's data lies, relative to the end of the header.
Result<std::pair<int64_t, int64_t>> offsets_of(const JsonView& entry) {
  const auto offsets =
      required(entry, "data_offsets").and_then([](const JsonView& v) { return v.as_array(); });
  if (!offsets) {
    return fail(offsets.error());
  }
  if (offsets->size() != 2) {
    return corrupt("must have two data_offsets");
  }
  const auto begin = (*offsets)[0].as_integer();
  const auto end = (*offsets)[1].as_integer();
  if (!begin || !end) {
    return fail(begin ? end.error() : begin.error());
  }
  if (*begin < 0 || *end < *begin) {
    return corrupt(fmt::format("has impossible data_offsets [{}, {}]", *begin, *end));
  }
  return std::pair(*begin, *end);
}

struct DataArea {
  int64_t begin;  ///< in the file
  int64_t size;
};

Result<TensorEntry> read_entry(std::string_view name, const JsonView& json, DataArea data) {
  const auto dtype_name = required_string(json, "dtype");
  if (!dtype_name) {
    return fail(dtype_name.error());
  }
  const auto dtype = dtype_named(*dtype_name);
  if (!dtype) {
    return corrupt(fmt::format("has the dtype {}, which is not supported",
                               json_quote(dtype_name->substr(0, 40))));
  }
  auto shape = shape_of(json);
  if (!shape) {
    return fail(shape.error());
  }
  const auto offsets = offsets_of(json);
  if (!offsets) {
    return fail(offsets.error());
  }
  const auto [begin, end] = *offsets;
  if (end > data.size) {
    return corrupt(fmt::format("ends at byte {} of the data, but the file has only {}: truncated?",
                               end, data.size));
  }
  const auto bytes = bytes_of(*shape, *dtype);
  if (!bytes || *bytes != end - begin) {
    return corrupt(
        fmt::format("has {} bytes of data, which is not what its shape and dtype {} need",
                    end - begin, *dtype_name));
  }
  if ((data.begin + begin) % size_of(*dtype) != 0 && *bytes > 0) {
    return corrupt(fmt::format("is not aligned to its {} bytes per value", size_of(*dtype)));
  }
  return TensorEntry{.name = std::string(name),
                     .dtype = *dtype,
                     .shape = std::move(*shape),
                     .begin = data.begin + begin,
                     .end = data.begin + end};
}

std::string tensor_text(std::string_view name) {
  return fmt::format("tensor {}", json_quote(name.substr(0, 200)));
}

/// Sorts by place and refuses overlaps and gaps: with either, a file means different things to
/// different readers.
Status check_layout(std::vector<TensorEntry>& entries, DataArea data) {
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  int64_t expected = data.begin;
  for (const TensorEntry& entry : entries) {
    if (entry.begin < expected) {
      return corrupt(tensor_text(entry.name) + ": overlaps the tensor before it");
    }
    if (entry.begin > expected) {
      return corrupt(fmt::format("{}: there are {} bytes of no tensor before it",
                                 tensor_text(entry.name), entry.begin - expected));
    }
    expected = entry.end;
  }
  if (expected != data.begin + data.size) {
    return corrupt(
        fmt::format("{} bytes follow the last tensor", data.begin + data.size - expected));
  }
  return {};
}

Result<int64_t> header_length(std::span<const std::byte> file) {
  if (file.size() < static_cast<size_t>(kLengthBytes)) {
    return corrupt("the file is too short for a safetensors header");
  }
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof(length));
  if (length > static_cast<uint64_t>(kMaxHeaderBytes)) {
    return corrupt(fmt::format("the header claims {} bytes, more than the limit of {}", length,
                               kMaxHeaderBytes));
  }
  if (length > file.size() - static_cast<size_t>(kLengthBytes)) {
    return corrupt(
        fmt::format("the header claims {} bytes, but the file ends before that", length));
  }
  if (length < 2) {
    return corrupt("the header is empty");
  }
  return static_cast<int64_t>(length);
}

Status check_plain_name(const std::string& name) {
  const bool plain = name.find('/') == std::string::npos && name.find('\0') == std::string::npos &&
                     name != "." && name != ".." && name.ends_with(".safetensors");
  if (!plain) {
    return corrupt(fmt::format("{}: {} is not the name of a .safetensors file in this folder",
                               kIndexName, json_quote(name.substr(0, 200))));
  }
  return {};
}

/// The index: which file holds which tensor.
struct ShardIndex {
  JsonDocument document;  ///< what the names lie in
  std::vector<std::pair<std::string_view, std::string_view>> shard_of;
};

Result<ShardIndex> read_index(const std::filesystem::path& path) {
  const auto text = read_text_file(path);
  if (!text) {
    return fail(text.error());
  }
  auto document = JsonDocument::parse(*text, {.error = ErrorCode::kCorruptFile});
  if (!document) {
    return fail_in(path.string(), document.error());
  }
  const auto members = required(document->root(), "weight_map").and_then([](const JsonView& view) {
    return view.as_entries();
  });
  if (!members) {
    return fail_in(path.string(), members.error());
  }
  ShardIndex index = {.document = std::move(*document), .shard_of = {}};
  for (const auto& [name, value] : *members) {
    const auto shard = value.as_string();
    if (!shard) {
      return fail_in(fmt::format("{}: weight_map.{}", path.string(), name.substr(0, 200)),
                     shard.error());
    }
    index.shard_of.emplace_back(name, *shard);
  }
  return index;
}

/// The only *.safetensors file of a folder that has neither usual name.
Result<std::string> only_file(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator item(folder, error);
  for (; !error && item != std::filesystem::directory_iterator(); item.increment(error)) {
    if (item->path().extension() == ".safetensors") {
      names.push_back(item->path().filename().string());
    }
  }
  if (names.size() == 1) {
    return names.front();
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("{} has no {} and no {}{}", folder.string(), kSingleName, kIndexName,
                          names.empty() ? "" : ", and several other .safetensors files"));
}

}  // namespace

Result<std::vector<TensorEntry>> parse_header(std::span<const std::byte> file) {
  const auto length = header_length(file);
  if (!length) {
    return fail(length.error());
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes,
                              static_cast<size_t>(*length));
  const auto document =
      JsonDocument::parse(text, {.max_depth = 4, .error = ErrorCode::kCorruptFile});
  if (!document) {
    return fail_in("the header", document.error());
  }
  const auto members = document->root().as_entries();
  if (!members) {
    return fail_in("the header", members.error());
  }
  const int64_t data_begin = kLengthBytes + *length;
  const DataArea data = {data_begin, static_cast<int64_t>(file.size()) - data_begin};
  std::vector<TensorEntry> entries;
  for (const auto& [name, json] : *members) {
    if (name == "__metadata__") {
      continue;
    }
    auto entry = read_entry(name, json, data);
    if (!entry) {
      return fail_in(tensor_text(name), entry.error());
    }
    entries.push_back(std::move(*entry));
  }
  if (const auto sound = check_layout(entries, data); !sound) {
    return fail(sound.error());
  }
  return entries;
}

Result<SafetensorsSet> SafetensorsSet::open(const std::filesystem::path& folder) {
  SafetensorsSet set;
  std::error_code ignored;
  const bool single = std::filesystem::exists(folder / kSingleName, ignored);
  const bool indexed = !single && std::filesystem::exists(folder / kIndexName, ignored);
  if (!indexed) {
    const auto name = single ? Result<std::string>(kSingleName) : only_file(folder);
    if (!name) {
      return fail(name.error());
    }
    const auto added = set.add_file(folder, *name);
    return added ? Result<SafetensorsSet>(std::move(set)) : fail(added.error());
  }
  const auto index = read_index(folder / kIndexName);
  if (!index) {
    return fail(index.error());
  }
  std::set<std::string, std::less<>> shards;
  for (const auto& [tensor, shard] : index->shard_of) {
    if (!shards.contains(shard)) {
      shards.emplace(shard);
    }
  }
  for (const std::string& shard : shards) {
    const auto added =
        check_plain_name(shard).and_then([&] { return set.add_file(folder, shard); });
    if (!added) {
      return fail(added.error());
    }
  }
  if (const auto sound = set.check_index(index->shard_of); !sound) {
    return fail(sound.error());
  }
  return set;
}

Status SafetensorsSet::add_file(const std::filesystem::path& folder, const std::string& name) {
  auto mapping = MappedFile::open(folder / name);
  if (!mapping) {
    return fail(mapping.error());
  }
  auto entries = parse_header(mapping->bytes());
  if (!entries) {
    return fail_in((folder / name).string(), entries.error());
  }
  for (TensorEntry& entry : *entries) {
    tensors_.push_back({.entry = std::move(entry), .file = files_.size()});
  }
  files_.push_back({name, std::move(*mapping)});
  return {};
}

Status SafetensorsSet::check_index(
    const std::vector<std::pair<std::string_view, std::string_view>>& shard_of) {
  std::unordered_map<std::string_view, const Tensor*> found;
  found.reserve(tensors_.size());
  for (const Tensor& tensor : tensors_) {
    const auto [place, fresh] = found.emplace(tensor.entry.name, &tensor);
    if (!fresh) {
      return corrupt(fmt::format("{} is both in {} and in {}", tensor_text(tensor.entry.name),
                                 file_name_of(*place->second), file_name_of(tensor)));
    }
  }
  for (const auto& [name, shard] : shard_of) {
    const auto place = found.find(name);
    if (place == found.end() || file_name_of(*place->second) != shard) {
      return corrupt(fmt::format("{}: {} is not in {}", kIndexName, tensor_text(name), shard));
    }
  }
  return {};
}

std::span<const std::byte> SafetensorsSet::bytes(const Tensor& tensor) const {
  const TensorEntry& entry = tensor.entry;
  return file_of(tensor).bytes().subspan(static_cast<size_t>(entry.begin),
                                         static_cast<size_t>(entry.end - entry.begin));
}

const MappedFile& SafetensorsSet::file_of(const Tensor& tensor) const {
  return files_[tensor.file].mapping;
}

const std::string& SafetensorsSet::file_name_of(const Tensor& tensor) const {
  return files_[tensor.file].name;
}

}  // namespace dak
