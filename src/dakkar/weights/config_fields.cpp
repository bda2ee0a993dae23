#include "dakkar/weights/config_fields.h"

#include <utility>

#include <fmt/core.h>

namespace dak {
namespace {

/// Whether two spellings contradict each other. Containers are not compared: that could take long.
bool differ(const JsonView& a, const JsonView& b) {
  const bool container = a.is_array() || a.is_object() || b.is_array() || b.is_object();
  return !container && a.raw() != b.raw();
}

}  // namespace

template <typename T>
T ConfigFields::keep(const Result<T>& value, T fallback) {
  if (value) {
    return *value;
  }
  refuse(value.error().code, value.error().message);
  return fallback;
}

std::optional<JsonView> ConfigFields::find(Names names) {
  std::optional<JsonView> found;
  for (const std::string_view name : names) {
    const auto member = object_.find(name);
    if (member && found && differ(*member, *found)) {
      refuse(
          ErrorCode::kCorruptFile,
          fmt::format("{} and {} are two spellings of one field but differ", found->path(), name));
    }
    if (member && !found) {
      found = member;
    }
  }
  return found;
}

int64_t ConfigFields::integer(Names names, Bounds bounds, std::optional<int64_t> fallback) {
  const auto member = find(names);
  if (!member) {
    if (!fallback) {
      refuse(ErrorCode::kCorruptFile, fmt::format("{} is missing", *names.begin()));
    }
    return fallback.value_or(bounds.least);
  }
  const int64_t value = keep(member->as_integer(), bounds.least);
  if (value < bounds.least || value > bounds.most) {
    refuse(ErrorCode::kCorruptFile, fmt::format("{} is {}, which is not within {} and {}",
                                                member->path(), value, bounds.least, bounds.most));
    return bounds.least;
  }
  return value;
}

double ConfigFields::number(Names names, double fallback) {
  const auto member = find(names);
  return member ? keep(member->as_number(), fallback) : fallback;
}

bool ConfigFields::flag(Names names, bool fallback) {
  const auto member = find(names);
  return member ? keep(member->as_bool(), fallback) : fallback;
}

std::string ConfigFields::text(Names names, std::string_view fallback) {
  const auto member = find(names);
  return std::string(member ? keep(member->as_string(), fallback) : fallback);
}

void ConfigFields::refuse_true(Names names, std::string_view reason) {
  if (flag(names, false)) {
    refuse(ErrorCode::kUnsupportedModel, fmt::format("{} is true: {}", *names.begin(), reason));
  }
}

void ConfigFields::refuse_present(Names names, std::string_view reason) {
  if (const auto member = find(names)) {
    refuse(ErrorCode::kUnsupportedModel, fmt::format("{} is set: {}", member->path(), reason));
  }
}

void ConfigFields::refuse(ErrorCode code, std::string message) {
  if (status_) {
    status_ = fail(code, std::move(message));
  }
}

}  // namespace dak
