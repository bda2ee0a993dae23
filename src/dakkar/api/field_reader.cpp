#include "dakkar/api/field_reader.h"

#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace dak {

FieldReader::FieldReader(const JsonView& object) : object_(object) {
  if (!object.is_object()) {
    refuse(object.refuse("must be an object").value());
  }
}

std::optional<JsonView> FieldReader::find(std::string_view key) const {
  return failed() ? std::nullopt : object_.find(key);
}

template <typename T>
T FieldReader::keep(Result<T> result, T fallback) {
  if (result.has_value()) {
    return std::move(*result);
  }
  refuse(std::move(result.error()));
  return fallback;
}

double FieldReader::number(std::string_view key, double fallback, const NumberRange& range) {
  const std::optional<JsonView> view = find(key);
  if (!view) {
    return fallback;
  }
  const double value = keep(view->as_number(), fallback);
  const bool excluded = range.lower == NumberRange::Lower::kExcluded;
  if (!failed() &&
      (value < range.least || value > range.most || (excluded && value <= range.least))) {
    refuse(key, fmt::format("must be {} {} and at most {}", excluded ? "above" : "at least",
                            range.least, range.most));
  }
  return failed() ? fallback : value;
}

std::optional<int64_t> FieldReader::optional_integer(std::string_view key,
                                                     const IntegerRange& range) {
  const std::optional<JsonView> view = find(key);
  if (!view) {
    return std::nullopt;
  }
  const int64_t value = keep(view->as_integer(), range.least);
  if (!failed() && (value < range.least || value > range.most)) {
    refuse(key, fmt::format("must be at least {} and at most {}", range.least, range.most));
  }
  return failed() ? std::nullopt : std::optional<int64_t>(value);
}

int64_t FieldReader::integer(std::string_view key, int64_t fallback, const IntegerRange& range) {
  return optional_integer(key, range).value_or(fallback);
}

bool FieldReader::flag_or_false(std::string_view key) {
  const std::optional<JsonView> view = find(key);
  return view ? keep(view->as_bool(), false) : false;
}

bool FieldReader::flag_or_true(std::string_view key) {
  const std::optional<JsonView> view = find(key);
  return view ? keep(view->as_bool(), true) : true;
}

std::string FieldReader::text(std::string_view key, std::string_view fallback) {
  const std::optional<JsonView> view = find(key);
  return std::string(view ? keep(view->as_string(), fallback) : fallback);
}

std::vector<TokenId> FieldReader::token_ids(std::string_view key, int64_t vocab) {
  const std::optional<JsonView> view = find(key);
  return view ? keep(parse_token_ids(*view, vocab), {}) : std::vector<TokenId>();
}

void FieldReader::refuse(std::string_view key, std::string_view problem) {
  refuse(object_.refuse_member(key, problem).value());
}

void FieldReader::refuse(Error error) {
  if (!error_) {
    error_ = std::move(error);
  }
}

Status FieldReader::status() const {
  if (error_) {
    return fail(*error_);
  }
  return {};
}

Result<std::vector<TokenId>> parse_token_ids(const JsonView& view, int64_t vocab) {
  if (!view.is_array()) {
    return view.refuse("must be an array of token ids");
  }
  const rapidjson::Value& raw = view.raw();
  std::vector<TokenId> ids;
  ids.reserve(raw.Size());
  for (const rapidjson::Value& value : raw.GetArray()) {
    if (!value.IsInt64() || value.GetInt64() < 0 || value.GetInt64() >= vocab) {
      return view.refuse(
          fmt::format("[{}] must be a token id: an integer from 0 to {}", ids.size(), vocab - 1));
    }
    ids.push_back(static_cast<TokenId>(value.GetInt64()));
  }
  return ids;
}

std::string json_of(const JsonView& view) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  view.raw().Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace dak
