#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

struct FilterEntry;
struct TestEntry;

enum class ExprKind : uint8_t {
  kConst,
  kName,
  kTuple,
  kList,
  kDict,
  kNot,
  kNegate,
  kPlus,
  kAnd,
  kOr,
  kBinary,
  kConcat,
  kCompare,
  kConditional,
  kAttribute,
  kSubscript,
  kSlice,
  kCall,
  kFilter,
  kTest,
};

enum class BinaryOp : uint8_t { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };
enum class CompareOp : uint8_t { kEq, kNe, kLt, kLe, kGt, kGe, kIn, kNotIn };

/// Where a variable lives: `hops` function activations outwards, then slot `index` there.
struct SlotRef {
  int32_t hops = 0;
  int32_t index = -1;
};

struct Expr;

/// `name=value` in a call.
struct KeywordArgument {
  std::string name;
  const Expr* value = nullptr;
};

/// One expression. Children by kind: kName none; kDict key, value, key, value...; kBinary, kAnd,
/// kOr left, right; kCompare first operand then one per entry of `compares`; kConditional then,
/// condition, else (may be null); kAttribute and kSubscript the object (and the index); kSlice
/// object, start, stop, step (null where absent); kCall callee then positional arguments; kFilter
/// and kTest the input (null in a filter block) then positional arguments.
struct Expr {
  ExprKind kind = ExprKind::kConst;
  int32_t line = 0;
  int32_t depth = 1;
  BinaryOp op = BinaryOp::kAdd;
  Value constant;
  std::string name;
  SlotRef slot;
  std::vector<const Expr*> children;
  std::vector<CompareOp> compares;
  std::vector<KeywordArgument> keywords;
  const Expr* star = nullptr;         ///< `*args`
  const Expr* double_star = nullptr;  ///< `**kwargs`
  const FilterEntry* filter = nullptr;
  const TestEntry* test = nullptr;
};

enum class TargetKind : uint8_t { kName, kNamespaceAttribute, kTuple };

/// What a `set`, `for` or `with` assigns to.
struct Target {
  TargetKind kind = TargetKind::kName;
  int32_t line = 0;
  std::string name;
  std::string attribute;
  SlotRef slot;
  std::vector<Target> parts;
};

/// What happens to a slot when its scope is entered.
enum class LoadAction : uint8_t { kParameter, kResolve, kAlias, kUndefined };

struct SlotLoad {
  LoadAction action = LoadAction::kUndefined;
  int32_t slot = -1;
  int32_t context = -1;  ///< kResolve: index into the template's free names
  SlotRef from;          ///< kAlias
};

struct ScopeLayout {
  std::vector<SlotLoad> loads;
};

/// A function body in the sense of the template's closures: the template, a macro, a call block, a
/// generation block, or a recursive loop.
struct FunctionLayout {
  int32_t slots = 0;
};

enum class StmtKind : uint8_t {
  kOutput,
  kIf,
  kFor,
  kSet,
  kSetBlock,
  kMacro,
  kCallBlock,
  kFilterBlock,
  kWith,
  kBreak,
  kContinue,
  kGeneration,
};

struct Stmt;
using Body = std::vector<const Stmt*>;

/// A parameter of a macro or call block.
struct Parameter {
  std::string name;
  const Expr* fallback = nullptr;
  int32_t slot = -1;
};

/// One `{% if %}` or `{% elif %}`; the `else` has no condition.
struct Branch {
  const Expr* condition = nullptr;
  Body body;
  int32_t line = 0;
};

/// One statement. Fields are used as the kind needs them; see the parser.
struct Stmt {
  StmtKind kind = StmtKind::kOutput;
  int32_t line = 0;
  int32_t depth = 1;
  std::vector<const Expr*> exprs;  ///< kOutput; kSet, kFor: [value]; kWith: values; blocks: [call]
  std::vector<Target> targets;     ///< kSet, kSetBlock, kFor: one; kWith: one per value
  std::vector<Target> test_targets;  ///< kFor: the same target as seen by the `if`
  std::vector<Branch> branches;      ///< kIf
  Body body;
  Body otherwise;                ///< kFor: else
  const Expr* filter = nullptr;  ///< kFor: the `if`; kSetBlock, kFilterBlock: the filter chain
  bool recursive = false;
  std::string name;  ///< kMacro
  std::vector<Parameter> parameters;
  SlotRef slot;              ///< kMacro: where the macro is stored
  int32_t loop_slot = -1;    ///< kFor: `loop`, when the body reads it
  int32_t caller_slot = -1;  ///< kMacro: implicit parameters, when the body reads them
  int32_t kwargs_slot = -1;
  int32_t varargs_slot = -1;
  bool explicit_caller = false;
  ScopeLayout scope;        ///< of the body
  ScopeLayout test_scope;   ///< kFor: of the `if`
  ScopeLayout else_scope;   ///< kFor: of the `else`
  FunctionLayout function;  ///< kMacro, kCallBlock, kGeneration, recursive kFor
};

/// A parsed and bound template. Nodes are owned flat, so that freeing a deep one needs no stack.
struct Ast {
  std::deque<Expr> expressions;
  std::deque<Stmt> statements;
  Heap constants;
  Body body;
  ScopeLayout scope;
  FunctionLayout function;
  std::vector<std::string> free_names;  ///< names looked up in the render's variables
};

}  // namespace dak::jinja
