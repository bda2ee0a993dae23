#pragma once

#include "dakkar/base/error.h"
#include "dakkar/text/jinja/ast.h"

namespace dak::jinja {

/// Most distinct names per template; bounds the cost of binding.
inline constexpr int64_t kMaxNames = 2000;

/// Gives every variable of a parsed template its slot, and every filter and test its function.
///
/// Scoping is Jinja2's: `for`, `macro`, `call`, `filter`, `with`, block `set` and `generation` open
/// a scope, `if` does not; a scope that assigns a name works on its own copy of it, taken when the
/// scope is entered; a name that the template never assigns comes from the render's variables.
/// Macros see the variables of the place where they are written, as they are when called.
///
/// Errors: kInvalidArgument: an unknown filter or test (outside of `if`), a `loop` assigned to.
Status bind(Ast& ast);

}  // namespace dak::jinja
