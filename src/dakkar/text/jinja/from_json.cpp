#include "dakkar/text/jinja/from_json.h"

#include <string_view>

namespace dak::jinja {
namespace {

constexpr int kMaxDepth = 128;

class Builder {
 public:
  Builder(Heap& heap, Origin origin) : heap_(heap), origin_(origin) {}

  Result<Value> build(const rapidjson::Value& json, int depth) {
    if (depth > kMaxDepth) {
      return fail(ErrorCode::kInvalidArgument, "JSON is nested too deeply for a template");
    }
    if (json.IsArray()) {
      return array(json, depth);
    }
    if (json.IsObject()) {
      return object(json, depth);
    }
    if (json.IsString()) {
      return string(json);
    }
    if (json.IsBool()) {
      return Value::boolean_of(json.GetBool());
    }
    if (json.IsInt64()) {
      return Value::integer_of(json.GetInt64());
    }
    if (json.IsUint64()) {
      return fail(ErrorCode::kInvalidArgument, "an integer in a template's input exceeds 63 bits");
    }
    return json.IsNumber() ? Value::real_of(json.GetDouble()) : Value::none();
  }

 private:
  Value string(const rapidjson::Value& json) {
    return heap_.string(std::string_view(json.GetString(), json.GetStringLength()), origin_);
  }

  Result<Value> array(const rapidjson::Value& json, int depth) {
    std::vector<Value> items;
    items.reserve(json.Size());
    for (const rapidjson::Value& element : json.GetArray()) {
      const auto item = build(element, depth + 1);
      if (!item) {
        return item;
      }
      items.push_back(*item);
    }
    return heap_.list(std::move(items));
  }

  Result<Value> object(const rapidjson::Value& json, int depth) {
    auto& dict = heap_.make<DictObject>();
    for (const auto& member : json.GetObject()) {
      const auto value = build(member.value, depth + 1);
      if (!value) {
        return value;
      }
      dict.set(string(member.name), *value);
    }
    return Value::object_of(Kind::kDict, &dict);
  }

  Heap& heap_;
  Origin origin_;
};

}  // namespace

Result<Value> value_from_json(Heap& heap, const rapidjson::Value& json, Origin origin) {
  return Builder(heap, origin).build(json, 0);
}

}  // namespace dak::jinja
