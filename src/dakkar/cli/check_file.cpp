#include "dakkar/cli/check_file.h"

#include <cstring>
#include <fstream>
#include <span>
#include <utility>

#include <fmt/core.h>

#include "dakkar/base/json.h"
#include "dakkar/weights/safetensors.h"

namespace dak {
namespace {

constexpr std::string_view kStatePrefix = "state.";

tl::unexpected<Error> wrong(const std::string& path, std::string_view problem) {
  return fail(ErrorCode::kCorruptFile, fmt::format("{}: {}", path, problem));
}

std::string header_text(const RecordedCheck& check) {
  std::string header = "{\"__metadata__\":{";
  for (const auto& [name, value] : check.identity) {
    header += fmt::format("{}{}:{}", header.ends_with('{') ? "" : ",", json_quote(name),
                          json_quote(value));
  }
  header += "}";
  size_t place = 0;
  const auto add = [&](std::string_view name, size_t rows, size_t columns) {
    const size_t end = place + rows * columns * sizeof(float);
    header += fmt::format(R"(,"{}":{{"dtype":"F32","shape":[{},{}],"data_offsets":[{},{}]}})", name,
                          rows, columns, std::exchange(place, end), end);
  };
  add("logits", kCheckTokens, check.run.logits.size() / kCheckTokens);
  for (size_t i = 0; i < check.run.states.size(); ++i) {
    add(fmt::format("{}{}", kStatePrefix, i), 1, check.run.states[i].size());
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

void write_values(std::ofstream& file, const std::vector<float>& values) {
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
}

/// The metadata of a file whose header has been found sound.
Result<CheckIdentity> identity_of(std::span<const std::byte> file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof(length));
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + sizeof(length), length);
  const auto document = JsonDocument::parse(text, {.error = ErrorCode::kCorruptFile});
  if (!document) {
    return fail(document.error());
  }
  const auto members =
      required(document->root(), "__metadata__").and_then([](const JsonView& view) {
        return view.as_object();
      });
  if (!members) {
    return fail(members.error());
  }
  CheckIdentity identity;
  for (const auto& [name, value] : *members) {
    const auto word = value.as_string();
    if (!word) {
      return fail(word.error());
    }
    identity.emplace(name, *word);
  }
  return identity;
}

std::vector<float> values_of(std::span<const std::byte> file, const TensorEntry& entry) {
  std::vector<float> values(static_cast<size_t>(entry.end - entry.begin) / sizeof(float));
  std::memcpy(values.data(), file.data() + entry.begin, values.size() * sizeof(float));
  return values;
}

}  // namespace

Status write_check(const std::string& path, const RecordedCheck& check) {
  std::ofstream file(path, std::ios::binary);
  const std::string header = header_text(check);
  const uint64_t length = header.size();
  file.write(reinterpret_cast<const char*>(&length), sizeof(length));
  file << header;
  write_values(file, check.run.logits);
  for (const std::vector<float>& state : check.run.states) {
    write_values(file, state);
  }
  file.close();
  return file.good() ? Status() : wrong(path, "cannot be written");
}

Result<RecordedCheck> read_check(const std::string& path) {
  const auto mapping = MappedFile::open(path);
  if (!mapping) {
    return fail(mapping.error());
  }
  const auto entries = parse_header(mapping->bytes());
  if (!entries) {
    return fail_in(path, entries.error());
  }
  auto identity = identity_of(mapping->bytes());
  if (!identity) {
    return fail_in(path, identity.error());
  }
  // States lie in the order of their layers, and entries come in the order of the data.
  RecordedCheck check{.identity = std::move(*identity), .run = {}};
  for (const TensorEntry& entry : *entries) {
    if (entry.dtype != DType::kF32) {
      return wrong(path, fmt::format("{} is not f32: this is no recorded check", entry.name));
    }
    if (entry.name == "logits") {
      check.run.logits = values_of(mapping->bytes(), entry);
    } else if (entry.name == fmt::format("{}{}", kStatePrefix, check.run.states.size())) {
      check.run.states.push_back(values_of(mapping->bytes(), entry));
    } else {
      return wrong(path, "this is no recorded check");
    }
  }
  return check;
}

}  // namespace dak
