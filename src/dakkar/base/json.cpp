#include "dakkar/base/json.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include <fmt/core.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include "dakkar/base/open_keys.h"

namespace dak {
namespace {

/// All of `text` as a value of type T, or nothing when it is no such value.
template <typename T>
std::optional<T> number_of(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = end == text.data() + text.size() && error == std::errc();
  return whole ? std::optional(value) : std::nullopt;
}

/// Hands parser events on to a document while it enforces what the library does not: depth,
/// distinct keys, and strings without lone surrogates.
class GuardedHandler final {
 public:
  using Ch = char;

  GuardedHandler(rapidjson::Document& document, int64_t max_depth)
      : document_(document), max_depth_(max_depth) {}

  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool Null() { return document_.Null(); }
  bool Bool(bool value) { return document_.Bool(value); }
  bool Int(int value) { return document_.Int(value); }
  bool Uint(unsigned value) { return document_.Uint(value); }
  bool Int64(int64_t value) { return document_.Int64(value); }
  bool Uint64(uint64_t value) { return document_.Uint64(value); }
  bool Double(double value) { return document_.Double(value); }
  /// Numbers come as they are written: the library's own conversion reads outside of its tables
  /// where a number has hundreds of zeros behind the point.
  bool RawNumber(const Ch* text, rapidjson::SizeType size, bool /*copy*/) {
    const std::string_view number(text, size);
    if (const auto whole = number_of<int64_t>(number)) {
      return document_.Int64(*whole);
    }
    if (const auto whole = number_of<uint64_t>(number)) {
      return document_.Uint64(*whole);
    }
    // Only where it does not fit: too small is 0, too large is not.
    const auto fitting = number_of<double>(number);
    const double value = fitting ? *fitting : std::strtod(text, nullptr);
    const bool digits = number.find_first_of("IN") == std::string_view::npos;
    if (digits && std::isinf(value)) {
      problem_ = "a number is too large";
      return false;
    }
    return document_.Double(value);
  }
  bool String(const Ch* text, rapidjson::SizeType size, bool copy) {
    return sound({text, size}) && document_.String(text, size, copy);
  }
  bool Key(const Ch* text, rapidjson::SizeType size, bool copy) {
    const std::string_view key(text, size);
    if (!sound(key)) {
      return false;
    }
    if (!keys_.add(key)) {
      problem_ =
          fmt::format("the key {} occurs twice in one object", json_quote(key.substr(0, 80)));
      return false;
    }
    return document_.Key(text, size, copy);
  }
  bool StartObject() {
    keys_.open_object();
    return enter() && document_.StartObject();
  }
  bool EndObject(rapidjson::SizeType members) {
    keys_.close_object();
    --depth_;
    return document_.EndObject(members);
  }
  bool StartArray() { return enter() && document_.StartArray(); }
  bool EndArray(rapidjson::SizeType elements) {
    --depth_;
    return document_.EndArray(elements);
  }

 private:
  bool enter() {
    if (++depth_ > max_depth_) {
      problem_ = fmt::format("values are nested more than {} deep", max_depth_);
      return false;
    }
    return true;
  }
  bool sound(std::string_view text) {
    if (!is_valid_utf8(text)) {
      problem_ = "a string holds half of a surrogate pair";
      return false;
    }
    return true;
  }

  rapidjson::Document& document_;
  const int64_t max_depth_;
  int64_t depth_ = 0;
  OpenKeys keys_;
  std::string problem_;
};

std::string_view kind_name(const rapidjson::Value& value) {
  switch (value.GetType()) {
    case rapidjson::kNullType:
      return "null";
    case rapidjson::kFalseType:
    case rapidjson::kTrueType:
      return "a boolean";
    case rapidjson::kObjectType:
      return "an object";
    case rapidjson::kArrayType:
      return "an array";
    case rapidjson::kStringType:
      return "a string";
    case rapidjson::kNumberType:
      return "a number";
  }
  return "an unknown value";
}

tl::unexpected<Error> wrong_kind(const JsonView& view, std::string_view wanted) {
  return view.refuse(fmt::format("must be {}, not {}", wanted, kind_name(view.raw())));
}

std::string member_path(const std::string& parent, std::string_view key) {
  if (parent.empty()) {
    return std::string(key);
  }
  std::string path;
  path.reserve(parent.size() + 1 + key.size());
  return path.append(parent).append(1, '.').append(key);
}

constexpr auto kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;

rapidjson::ParseResult run_parser(rapidjson::MemoryStream& stream, GuardedHandler& handler,
                                  JsonNonFinite non_finite) {
  rapidjson::Reader reader;
  if (non_finite == JsonNonFinite::kAccept) {
    return reader.Parse<kFlags | rapidjson::kParseNanAndInfFlag>(stream, handler);
  }
  return reader.Parse<kFlags>(stream, handler);
}

}  // namespace

Result<JsonDocument> JsonDocument::parse(std::string_view text, const JsonLimits& limits) {
  if (!is_valid_utf8(text)) {
    return fail(limits.error, "not valid JSON: the text is not valid UTF-8");
  }
  auto document = std::make_unique<rapidjson::Document>();
  GuardedHandler handler(*document, limits.max_depth);
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::ParseResult outcome;
  const auto generate = [&](rapidjson::Document& /*self*/) {
    outcome = run_parser(stream, handler, limits.non_finite);
    return !outcome.IsError();
  };
  document->Populate(generate);
  if (outcome.IsError()) {
    std::string problem = handler.problem();
    if (problem.empty()) {
      problem = rapidjson::GetParseError_En(outcome.Code());
      problem.front() =
          static_cast<char>(std::tolower(static_cast<unsigned char>(problem.front())));
      problem.erase(problem.find_last_not_of('.') + 1);
    }
    return fail(limits.error,
                fmt::format("not valid JSON at byte {}: {}", outcome.Offset(), problem));
  }
  if (stream.Tell() != text.size()) {
    return fail(limits.error,
                fmt::format("not valid JSON at byte {}: text after the value", stream.Tell()));
  }
  return JsonDocument(std::move(document), limits.error);
}

JsonView JsonDocument::root() const {
  return JsonView(*document_, "", error_);
}

tl::unexpected<Error> JsonView::refuse(std::string_view problem) const {
  const std::string_view subject = path_.empty() ? "the JSON value" : std::string_view(path_);
  return fail(error_, fmt::format("{} {}", subject, problem), path_);
}

tl::unexpected<Error> JsonView::refuse_member(std::string_view key,
                                              std::string_view problem) const {
  return JsonView(*value_, member_path(path_, key), error_).refuse(problem);
}

Result<bool> JsonView::as_bool() const {
  if (!value_->IsBool()) {
    return wrong_kind(*this, "a boolean");
  }
  return value_->GetBool();
}

Result<double> JsonView::as_number() const {
  if (!value_->IsNumber()) {
    return wrong_kind(*this, "a number");
  }
  return value_->GetDouble();
}

Result<int64_t> JsonView::as_integer() const {
  if (value_->IsInt64()) {
    return value_->GetInt64();
  }
  if (!value_->IsNumber()) {
    return wrong_kind(*this, "an integer");
  }
  constexpr double kExact = 9007199254740992.0;  // beyond this doubles skip integers
  const double value = value_->GetDouble();
  if (!(std::abs(value) <= kExact)) {
    return refuse("is too large for an integer");
  }
  if (value != std::floor(value)) {
    return refuse("must be an integer");
  }
  return static_cast<int64_t>(value);
}

Result<std::string_view> JsonView::as_string() const {
  if (!value_->IsString()) {
    return wrong_kind(*this, "a string");
  }
  return std::string_view(value_->GetString(), value_->GetStringLength());
}

Result<std::vector<JsonView>> JsonView::as_array() const {
  if (!value_->IsArray()) {
    return wrong_kind(*this, "an array");
  }
  std::vector<JsonView> elements;
  elements.reserve(value_->Size());
  for (const rapidjson::Value& element : value_->GetArray()) {
    elements.push_back(JsonView(element, fmt::format("{}[{}]", path_, elements.size()), error_));
  }
  return elements;
}

Result<std::vector<std::pair<std::string_view, JsonView>>> JsonView::as_object() const {
  if (!value_->IsObject()) {
    return wrong_kind(*this, "an object");
  }
  std::vector<std::pair<std::string_view, JsonView>> members;
  members.reserve(value_->MemberCount());
  for (const auto& member : value_->GetObject()) {
    const std::string_view key(member.name.GetString(), member.name.GetStringLength());
    members.emplace_back(key, JsonView(member.value, member_path(path_, key), error_));
  }
  return members;
}

Result<std::vector<std::pair<std::string_view, JsonView>>> JsonView::as_entries() const {
  if (!value_->IsObject()) {
    return wrong_kind(*this, "an object");
  }
  std::vector<std::pair<std::string_view, JsonView>> members;
  members.reserve(value_->MemberCount());
  for (const auto& member : value_->GetObject()) {
    members.emplace_back(std::string_view(member.name.GetString(), member.name.GetStringLength()),
                         JsonView(member.value, "", error_));
  }
  return members;
}

std::optional<JsonView> JsonView::find(std::string_view key) const {
  if (!value_->IsObject()) {
    return std::nullopt;
  }
  const rapidjson::Value name(
      rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size())));
  const auto member = value_->FindMember(name);
  if (member == value_->MemberEnd() || member->value.IsNull()) {
    return std::nullopt;
  }
  return JsonView(member->value, member_path(path_, key), error_);
}

bool JsonView::has(std::string_view key) const {
  const rapidjson::Value name(
      rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size())));
  return value_->IsObject() && value_->FindMember(name) != value_->MemberEnd();
}

Result<bool> bool_or(const JsonView& object, std::string_view key, bool fallback) {
  const auto member = object.find(key);
  return member ? member->as_bool() : fallback;
}

Result<double> number_or(const JsonView& object, std::string_view key, double fallback) {
  const auto member = object.find(key);
  return member ? member->as_number() : fallback;
}

Result<int64_t> integer_or(const JsonView& object, std::string_view key, int64_t fallback) {
  const auto member = object.find(key);
  return member ? member->as_integer() : fallback;
}

Result<std::string> string_or(const JsonView& object, std::string_view key,
                              std::string_view fallback) {
  const auto member = object.find(key);
  if (!member) {
    return std::string(fallback);
  }
  return member->as_string().map([](std::string_view text) { return std::string(text); });
}

Result<JsonView> required(const JsonView& object, std::string_view key) {
  if (!object.is_object()) {
    return wrong_kind(object, "an object");
  }
  const auto member = object.find(key);
  if (!member) {
    return object.refuse_member(key, "is missing");
  }
  return *member;
}

Result<double> required_number(const JsonView& object, std::string_view key) {
  return required(object, key).and_then([](const JsonView& view) { return view.as_number(); });
}

Result<int64_t> required_integer(const JsonView& object, std::string_view key) {
  return required(object, key).and_then([](const JsonView& view) { return view.as_integer(); });
}

Result<std::string> required_string(const JsonView& object, std::string_view key) {
  return required(object, key).and_then([](const JsonView& view) {
    return view.as_string().map([](std::string_view text) { return std::string(text); });
  });
}

}  // namespace dak
