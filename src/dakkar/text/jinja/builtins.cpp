#include "dakkar/text/jinja/builtins.h"

#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {
namespace {

template <typename Entry>
const Entry* find_in(std::span<const Entry> table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [name](const Entry& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace

const Value* Arguments::keyword(std::string_view name) const {
  const auto found = std::find_if(keywords.begin(), keywords.end(),
                                  [name](const auto& entry) { return entry.first == name; });
  return found == keywords.end() ? nullptr : &found->second;
}

const FilterEntry* find_filter(std::string_view name) {
  for (const auto table : {text_filters(), layout_filters(), sequence_filters(), grouping_filters(),
                           number_filters(), selection_filters()}) {
    if (const FilterEntry* found = find_in(table, name); found != nullptr) {
      return found;
    }
  }
  return nullptr;
}

const MethodEntry* find_method(const Value& self, std::string_view name) {
  if (!self.is_string()) {
    return find_in(container_methods(self.kind), name);
  }
  for (const auto table :
       {string_case_methods(), string_search_methods(), string_split_methods()}) {
    if (const MethodEntry* found = find_in(table, name); found != nullptr) {
      return found;
    }
  }
  return nullptr;
}

Bound::Bound(Runtime& rt, const Arguments& args, const Signature& signature) {
  const auto count = signature.parameters.size();
  const auto refuse = [&](const std::string& why) {
    rt.raise(fmt::format("{}() {}", signature.function, why));
    ok_ = false;
  };
  if (args.positional.size() > count) {
    refuse(fmt::format("takes at most {} arguments ({} given)", count, args.positional.size()));
    return;
  }
  std::copy(args.positional.begin(), args.positional.end(), given_.begin());
  for (const auto& [name, value] : args.keywords) {
    const auto* found = std::find(signature.parameters.begin(), signature.parameters.end(), name);
    const auto index = static_cast<size_t>(found - signature.parameters.begin());
    if (index == count || name.empty()) {
      refuse(fmt::format("got an unexpected keyword argument '{}'", name));
      return;
    }
    if (given_[index]) {
      refuse(fmt::format("got multiple values for argument '{}'", name));
      return;
    }
    given_[index] = value;
  }
  for (size_t i = 0; i < static_cast<size_t>(signature.required); ++i) {
    if (!given_[i]) {
      refuse(fmt::format("missing required argument {}", i + 1));
      return;
    }
  }
}

}  // namespace dak::jinja
