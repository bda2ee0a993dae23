#include "dakkar/text/jinja/template.h"

#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/evaluator.h"
#include "dakkar/text/jinja/parser.h"
#include "dakkar/text/jinja/scope.h"

namespace dak::jinja {
namespace {

Value global_function(Runtime& rt, std::string_view name) {
  const MethodEntry* entry = find_global(name);
  if (entry == nullptr) {
    return {};
  }
  auto& function = rt.heap().make<MethodObject>();
  function.entry = entry;
  return Value::object_of(Kind::kFunction, &function);
}

}  // namespace

Template::Template(Ast ast) : ast_(std::move(ast)) {
  for (const std::string& name : ast_.free_names) {
    if (find_global(name) == nullptr) {
      variables_.push_back(name);
    }
  }
  std::sort(variables_.begin(), variables_.end());
}

Result<Template> Template::parse(std::string_view source) {
  if (static_cast<int64_t>(source.size()) > kMaxSourceBytes) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("template is longer than {} bytes", kMaxSourceBytes));
  }
  auto ast = jinja::parse(source);
  if (!ast) {
    return fail(ast.error());
  }
  if (const Status bound = bind(*ast); !bound) {
    return fail(bound.error());
  }
  return Template(std::move(*ast));
}

Result<MarkedText> Template::render(const RenderInput& input) const {
  Runtime rt(input.limits, input.clock);
  std::vector<Value> context;
  context.reserve(ast_.free_names.size());
  for (const std::string& name : ast_.free_names) {
    const auto given = std::find_if(input.variables.begin(), input.variables.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    context.push_back(given == input.variables.end() ? global_function(rt, name) : given->second);
  }
  Evaluator(ast_, rt, std::move(context)).run();
  if (rt.failed()) {
    return fail(ErrorCode::kInvalidArgument, rt.message());
  }
  return rt.close_buffer();
}

}  // namespace dak::jinja
