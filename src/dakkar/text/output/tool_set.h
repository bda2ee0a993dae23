#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/json.h"

namespace dak {

/// A JSON Schema type that a value written as plain text can be read as.
enum class ValueType { kString, kInteger, kNumber, kBoolean, kObject, kArray };

/// What a parameter's schema allows: types in the order in which they are tried.
struct ValueTypes {
  std::vector<ValueType> types;  ///< empty: anything, kept as a string
  bool nullable = false;

  /// Whether every text is a string of this type, so that it can be given out as it arrives.
  [[nodiscard]] bool plain_string() const {
    return !nullable && (types.empty() || types.front() == ValueType::kString);
  }
};

/// A parameter of a tool.
struct ToolParameter {
  std::string name;
  ValueTypes types;
};

/// What a parser has to know of a function that the model may call.
struct ToolSignature {
  std::string name;
  std::vector<ToolParameter> parameters;

  /// The parameter's types; those of an undeclared one are empty.
  [[nodiscard]] ValueTypes types_of(std::string_view parameter) const;
  [[nodiscard]] bool declares(std::string_view parameter) const;
};

/// Reads the signature of function `name` from its JSON Schema. `$ref` inside of the schema, lists
/// of types, anyOf, oneOf, allOf, enum and const are followed; what is not understood allows
/// anything. Never fails: a strange schema must not refuse a request that peers serve.
[[nodiscard]] ToolSignature read_signature(std::string name, const JsonView& schema);

/// The functions of one request.
class ToolSet final {
 public:
  ToolSet() = default;
  explicit ToolSet(std::vector<ToolSignature> tools) : tools_(std::move(tools)) {}

  [[nodiscard]] bool empty() const { return tools_.empty(); }
  /// The function of that name, or null.
  [[nodiscard]] const ToolSignature* find(std::string_view name) const;

 private:
  std::vector<ToolSignature> tools_;
};

}  // namespace dak
