#pragma once

#include <string_view>

#include "dakkar/text/jinja/ast.h"

namespace dak::jinja {

/// Says whether `body`, closures inside of it included, reads `name` before anything in it declares
/// that name. Jinja decides by this whether a loop has a `loop` and a macro a `caller`.
bool reads_undeclared(const Body& body, std::string_view name);

}  // namespace dak::jinja
