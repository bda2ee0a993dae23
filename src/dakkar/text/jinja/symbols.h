#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dakkar/text/jinja/ast.h"

namespace dak::jinja {

/// A function body while it is being bound.
struct FunctionContext {
  FunctionLayout* layout = nullptr;
  int32_t depth = 0;
};

/// A slot of a function.
struct Ident {
  const FunctionContext* function = nullptr;
  int32_t slot = -1;
};

/// The idents made so far, and the free names; shared by all scopes of a template.
struct SymbolTable {
  std::vector<Ident> idents;
  std::vector<std::string> free_names;
  std::map<std::string, int32_t> free_index;
  std::map<std::pair<int32_t, std::string>, int32_t> ident_index;  ///< by (scope, name)
  int32_t scopes = 0;

  int32_t free_name(const std::string& name);
};

/// What one scope knows about its names. Copies (one per branch of an `if`) share the scope's
/// idents.
class Symbols {
 public:
  Symbols(SymbolTable& table, FunctionContext& function, const Symbols* parent);

  /// Records an assignment, a read, or a parameter of this scope.
  void store(const std::string& name);
  void load(const std::string& name);
  void declare_parameter(const std::string& name);

  /// Merges what the branches of an `if` did: a name that only some of them assign falls back to
  /// the outer value.
  void merge_branches(const std::vector<Symbols>& branches);

  /// Finds the ident of `name` here or outside; -1 when nobody mentioned it.
  int32_t find(const std::string& name) const;

  /// The loads to run when the scope is entered from `function`.
  ScopeLayout layout(const FunctionContext& function) const;

  /// Translates an ident for use inside `function`.
  SlotRef slot_of(int32_t ident, const FunctionContext& function) const;
  SymbolTable& table() const { return *table_; }

 private:
  struct Load {
    LoadAction action = LoadAction::kUndefined;
    int32_t context = -1;
    int32_t alias = -1;
  };

  void define(const std::string& name, const Load& load);

  SymbolTable* table_;
  FunctionContext* function_;
  const Symbols* parent_;
  int32_t scope_;
  std::map<std::string, int32_t> refs_;
  std::map<int32_t, Load> loads_;
  std::set<std::string> stores_;
};

}  // namespace dak::jinja
