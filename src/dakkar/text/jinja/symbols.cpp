#include "dakkar/text/jinja/symbols.h"

namespace dak::jinja {

int32_t SymbolTable::free_name(const std::string& name) {
  const auto next = static_cast<int32_t>(free_names.size());
  const auto [found, fresh] = free_index.emplace(name, next);
  if (fresh) {
    free_names.push_back(name);
  }
  return found->second;
}

Symbols::Symbols(SymbolTable& table, FunctionContext& function, const Symbols* parent)
    : table_(&table), function_(&function), parent_(parent), scope_(table.scopes++) {}

int32_t Symbols::find(const std::string& name) const {
  for (const Symbols* scope = this; scope != nullptr; scope = scope->parent_) {
    const auto found = scope->refs_.find(name);
    if (found != scope->refs_.end()) {
      return found->second;
    }
  }
  return -1;
}

void Symbols::define(const std::string& name, const Load& load) {
  const auto next = static_cast<int32_t>(table_->idents.size());
  const auto [found, fresh] = table_->ident_index.emplace(std::pair{scope_, name}, next);
  if (fresh) {
    table_->idents.push_back({.function = function_, .slot = function_->layout->slots++});
  }
  refs_[name] = found->second;
  loads_[found->second] = load;
}

void Symbols::store(const std::string& name) {
  stores_.insert(name);
  if (refs_.count(name) > 0) {
    return;
  }
  const int32_t outer = parent_ == nullptr ? -1 : parent_->find(name);
  if (outer >= 0) {
    define(name, {.action = LoadAction::kAlias, .context = -1, .alias = outer});
    return;
  }
  define(name, {});
}

void Symbols::load(const std::string& name) {
  if (find(name) < 0) {
    const int32_t context = table_->free_name(name);
    define(name, {.action = LoadAction::kResolve, .context = context, .alias = -1});
  }
}

void Symbols::declare_parameter(const std::string& name) {
  stores_.insert(name);
  define(name, {.action = LoadAction::kParameter, .context = -1, .alias = -1});
}

void Symbols::merge_branches(const std::vector<Symbols>& branches) {
  std::set<std::string> stored;
  for (const Symbols& branch : branches) {
    stored.insert(branch.stores_.begin(), branch.stores_.end());
  }
  for (const std::string& name : stores_) {
    stored.erase(name);
  }
  for (const Symbols& branch : branches) {
    for (const auto& [name, ident] : branch.refs_) {
      refs_[name] = ident;
    }
    for (const auto& [ident, load] : branch.loads_) {
      loads_[ident] = load;
    }
    stores_.insert(branch.stores_.begin(), branch.stores_.end());
  }
  for (const std::string& name : stored) {
    const int32_t target = find(name);
    const int32_t outer = parent_ == nullptr ? -1 : parent_->find(name);
    if (outer >= 0) {
      loads_[target] = {.action = LoadAction::kAlias, .context = -1, .alias = outer};
      continue;
    }
    const int32_t context = table_->free_name(name);
    loads_[target] = {.action = LoadAction::kResolve, .context = context, .alias = -1};
  }
}

SlotRef Symbols::slot_of(int32_t ident, const FunctionContext& function) const {
  const Ident& found = table_->idents[static_cast<size_t>(ident)];
  return {.hops = function.depth - found.function->depth, .index = found.slot};
}

ScopeLayout Symbols::layout(const FunctionContext& function) const {
  ScopeLayout layout;
  for (const auto& [ident, load] : loads_) {
    SlotLoad entry;
    entry.action = load.action;
    entry.slot = table_->idents[static_cast<size_t>(ident)].slot;
    entry.context = load.context;
    if (load.action == LoadAction::kAlias) {
      entry.from = slot_of(load.alias, function);
    }
    if (load.action != LoadAction::kParameter) {
      layout.loads.push_back(entry);
    }
  }
  return layout;
}

}  // namespace dak::jinja
