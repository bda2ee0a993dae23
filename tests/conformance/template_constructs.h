#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dakkar/text/jinja/ast.h"

namespace dak {

/// How often a template uses each construct ("filter tojson", "loop.last", "block set", ...).
using ConstructCounts = std::map<std::string, int64_t>;

/// Counts the constructs of a template from its tree, and those of the lexer from its source.
ConstructCounts count_constructs(const jinja::Ast& ast, const std::string& source);

}  // namespace dak
