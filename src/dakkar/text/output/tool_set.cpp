#include "dakkar/text/output/tool_set.h"

#include <algorithm>
#include <utility>

#include <rapidjson/pointer.h>

namespace dak {
namespace {

using rapidjson::Value;

// Deeper nesting of references and unions is taken to allow anything.
constexpr int kMaxDepth = 16;

std::string_view text_of(const Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

const Value* member(const Value& object, const char* key) {
  if (!object.IsObject()) {
    return nullptr;
  }
  const auto found = object.FindMember(key);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

/// Collects the types that a schema allows.
class TypeReader final {
 public:
  explicit TypeReader(const Value& root) : root_(root) {}

  ValueTypes read(const Value& schema) {
    types_ = {};
    visit(schema, 0);
    return types_;
  }

 private:
  void allow(ValueType type) {
    if (std::find(types_.types.begin(), types_.types.end(), type) == types_.types.end()) {
      types_.types.push_back(type);
    }
  }
  void allow_named(const Value& name);
  void allow_like(const Value& example);
  void visit_all(const Value* schemas, int depth);
  void visit_reference(const Value& reference, int depth);
  void visit(const Value& schema, int depth);

  const Value& root_;
  ValueTypes types_;
};

void TypeReader::allow_named(const Value& name) {
  static constexpr std::pair<std::string_view, ValueType> kNames[] = {
      {"string", ValueType::kString}, {"integer", ValueType::kInteger},
      {"number", ValueType::kNumber}, {"boolean", ValueType::kBoolean},
      {"object", ValueType::kObject}, {"array", ValueType::kArray},
  };
  if (!name.IsString()) {
    return;
  }
  if (text_of(name) == "null") {
    types_.nullable = true;
  }
  for (const auto& [known, type] : kNames) {
    if (text_of(name) == known) {
      allow(type);
    }
  }
}

void TypeReader::allow_like(const Value& example) {
  if (example.IsNull()) {
    types_.nullable = true;
  } else if (example.IsString()) {
    allow(ValueType::kString);
  } else if (example.IsBool()) {
    allow(ValueType::kBoolean);
  } else if (example.IsInt64() || example.IsUint64()) {
    allow(ValueType::kInteger);
  } else if (example.IsNumber()) {
    allow(ValueType::kNumber);
  } else {
    allow(example.IsArray() ? ValueType::kArray : ValueType::kObject);
  }
}

void TypeReader::visit_all(const Value* schemas, int depth) {
  if (schemas != nullptr && schemas->IsArray()) {
    for (const Value& schema : schemas->GetArray()) {
      visit(schema, depth);
    }
  }
}

void TypeReader::visit_reference(const Value& reference, int depth) {
  if (!reference.IsString() || !text_of(reference).starts_with('#')) {
    return;
  }
  // Behind its '#': as a URI fragment the library would refuse the '$' of "$defs".
  const std::string_view path = text_of(reference).substr(1);
  const rapidjson::Pointer pointer(path.data(), path.size());
  if (!pointer.IsValid()) {
    return;
  }
  if (const Value* target = pointer.Get(root_)) {
    visit(*target, depth);
  }
}

void TypeReader::visit(const Value& schema, int depth) {
  if (depth > kMaxDepth || !schema.IsObject()) {
    return;
  }
  if (const Value* reference = member(schema, "$ref")) {
    visit_reference(*reference, depth + 1);
  }
  if (const Value* type = member(schema, "type")) {
    if (type->IsArray()) {
      for (const Value& name : type->GetArray()) {
        allow_named(name);
      }
    } else {
      allow_named(*type);
    }
    return;  // a stated type is what unions and examples below it agree with
  }
  for (const char* key : {"anyOf", "oneOf", "allOf"}) {
    visit_all(member(schema, key), depth + 1);
  }
  if (const Value* constant = member(schema, "const")) {
    allow_like(*constant);
  }
  if (const Value* values = member(schema, "enum"); values != nullptr && values->IsArray()) {
    for (const Value& value : values->GetArray()) {
      allow_like(value);
    }
  }
}

}  // namespace

ValueTypes ToolSignature::types_of(std::string_view parameter) const {
  for (const ToolParameter& declared : parameters) {
    if (declared.name == parameter) {
      return declared.types;
    }
  }
  return {};
}

bool ToolSignature::declares(std::string_view parameter) const {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const ToolParameter& declared) { return declared.name == parameter; });
}

ToolSignature read_signature(std::string name, const JsonView& schema) {
  ToolSignature signature{.name = std::move(name), .parameters = {}};
  const Value& root = schema.raw();
  TypeReader reader(root);
  const Value* properties = member(root, "properties");
  if (properties != nullptr && properties->IsObject()) {
    for (const auto& property : properties->GetObject()) {
      signature.parameters.push_back(
          {.name = std::string(text_of(property.name)), .types = reader.read(property.value)});
    }
  }
  return signature;
}

const ToolSignature* ToolSet::find(std::string_view name) const {
  const auto found = std::find_if(tools_.begin(), tools_.end(),
                                  [&](const ToolSignature& tool) { return tool.name == name; });
  return found == tools_.end() ? nullptr : &*found;
}

}  // namespace dak
