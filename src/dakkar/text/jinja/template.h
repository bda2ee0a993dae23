#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/text/jinja/ast.h"
#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {

/// Longest template source that is accepted, in bytes.
inline constexpr int64_t kMaxSourceBytes = int64_t{1} << 20;

/// What a render gets: variables by name, whose values live in the caller's heap.
struct RenderInput {
  std::vector<std::pair<std::string, Value>> variables;
  Limits limits;
  ClockTime clock;
};

/// A parsed Jinja template, set up as Hugging Face transformers does: trim_blocks, lstrip_blocks,
/// the immutable sandbox, loop controls, `generation` blocks, `tojson` without HTML escaping, and
/// the globals raise_exception, strftime_now, namespace, range, dict, cycler and joiner.
///
/// Behaviour is Jinja 3.1's byte for byte, errors included, but for these: integers are 64 bits;
/// template inheritance, includes and imports, `lipsum`, and the filters pprint, random, urlize,
/// wordwrap, xmlattr, striptags and filesizeformat do not exist. A template may be rendered from
/// several threads at once; nothing in it can reach beyond its input.
class Template {
 public:
  /// Errors: kInvalidArgument with the line.
  static Result<Template> parse(std::string_view source);

  /// Renders to text whose bytes know their origin. Errors: kInvalidArgument; the message is the
  /// template's own for `raise_exception`, else `line N: ...`; also when a limit is passed.
  Result<MarkedText> render(const RenderInput& input) const;

  /// The names that the template reads from its variables, globals excluded, sorted.
  const std::vector<std::string>& variables() const { return variables_; }

  const Ast& ast() const { return ast_; }

 private:
  explicit Template(Ast ast);

  Ast ast_;
  std::vector<std::string> variables_;
};

}  // namespace dak::jinja
