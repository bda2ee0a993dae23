"""Rules of tidy that look at one file at a time."""

import ast
import re

import tidy_cpp
from tidy_problem import Problem

MAX_COLUMNS = 100
MAX_COMMENT_BLOCK = 8
MAX_PARAMETERS = 4
MAX_FILE_LINES = {".h": 250, ".cpp": 400, ".cu": 500, ".cuh": 500, ".py": 400, ".js": 400,
                  ".sh": 400, ".cmake": 400}
CPP = (".h", ".cpp", ".cu", ".cuh")
CUDA_FOLDER = "src/dakkar/device/cuda/"
# A bool of this name is what the function carries, not a switch between two behaviours.
CARRIED_BOOLS = {"condition", "fallback", "truth", "value"}
BAD_NAME_WORDS = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}
STANDARD_NAMES = {"common_type", "common_type_t", "common_reference", "common_reference_t"}
BANNED = [
    (r"\b(?:std::)?(?:make_|weak_)?shared(?:_ptr)?\s*<|\bshared_ptr\b", "shared_ptr",
     "own by value, unique_ptr or a handle"),
    (r"\bnew\b", "new", "use make_unique or a container"),
    (r"(?<![=\w])\s\bdelete\b(?!\s*;)|^\s*delete\b", "delete", "owners release by themselves"),
    (r"\bthread_local\b", "thread_local", "pass the state"),
    (r"\b(?:std::)?(?:secure_)?getenv\b", "getenv", "only base/environment.cpp reads it"),
    (r"\bthrow\b", "throw", "return a Result"),
    (r"\bgoto\b", "goto", "return early"),
    (r"\bs?rand\s*\(", "rand", "take a seed"),
    (r"\busing\s+namespace\s+(?!std::(?:string_view_|chrono_)?literals)", "using-namespace",
     "name what you use"),
]
BANNED = [(re.compile(pattern, re.M), word, advice) for pattern, word, advice in BANNED]
OPEN_TASK = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home)/|/tmp/[a-z]")
DIRECTIVE = re.compile(r"(?m)^[ \t]*#[ \t]*(if\w*|el\w+|endif|define|undef|pragma[^\n]*)")
COROUTINE_AGGREGATE = re.compile(r"\bco_await\b[^;]*?(?:\b[A-Z]\w*\s*\{|[(,]\s*\{\s*\.)")
ENUM_CASE = re.compile(r"\bcase\s+[\w:]*\bk[A-Z]")
FIRST_CODE = re.compile(r"(?:\s*//[^\n]*\n|\s*\n)*\s*#pragma once")


def suffix_of(path):
    name = path.rsplit("/", 1)[-1]
    return "." + name.rsplit(".", 1)[-1] if "." in name else ""


def is_test(path):
    return path.startswith("tests/") or path.endswith("_test.cpp") or "/testing/" in path


def line_at(text, index):
    return text.count("\n", 0, index) + 1


def check_text(path, text):
    """Rules for every text file: ends, widths, sizes, paths of machines, open tasks."""
    problems = []
    suffix = suffix_of(path)
    lines = text.split("\n")
    if text and not text.endswith("\n"):
        problems.append(Problem("final-newline", path, len(lines), "end the file with a newline"))
    code_like = suffix in MAX_FILE_LINES or path.endswith(("Makefile", "CMakeLists.txt", ".ci/run"))
    for number, line in enumerate(lines, 1):
        if line != line.rstrip() and not line.endswith("\r"):
            problems.append(Problem("trailing-space", path, number, "remove spaces at the end"))
        if code_like and len(line) > MAX_COLUMNS:
            problems.append(Problem("line-width", path, number,
                                    f"{len(line)} columns, at most {MAX_COLUMNS}"))
        if "\t" in line and suffix in CPP + (".py",):
            problems.append(Problem("tab", path, number, "indent with spaces"))
    limit = MAX_FILE_LINES.get(suffix)
    if limit and len(lines) - 1 > limit:
        problems.append(Problem("file-length", path, 1, f"{len(lines) - 1} lines, at most {limit}"))
    for rule, pattern, message in (
            ("open-task", OPEN_TASK, "give it an issue number: TODO" + "(#12)"),
            ("machine-path", MACHINE_PATH, "a path of one machine")):
        for match in pattern.finditer(text):
            problems.append(Problem(rule, path, line_at(text, match.start()), message))
    return problems


def check_comment_blocks(path, text):
    problems, run, start = [], 0, 0
    for number, line in enumerate(text.split("\n") + [""], 1):
        if re.match(r"\s*//", line):
            start = start if run else number
            run += 1
            continue
        if run > MAX_COMMENT_BLOCK:
            problems.append(Problem("comment-block", path, start,
                                    f"{run} lines of comment, at most {MAX_COMMENT_BLOCK}"))
        run = 0
    return problems


def check_words(path, code):
    problems = []
    for pattern, word, advice in BANNED:
        if word == "getenv" and path.startswith("src/dakkar/base/environment"):
            continue
        for match in pattern.finditer(code):
            at = match.start() + len(match.group()) - len(match.group().lstrip())
            problems.append(Problem("banned-word", path, line_at(code, at),
                                    f"'{word}': {advice}", word))
    return problems + check_names(path, code)


def name_words(identifier):
    return {w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)}


def check_names(path, code):
    problems = []
    own = tidy_cpp.without_preprocessor(code)
    for identifier in sorted(set(re.findall(r"[A-Za-z_]\w+", own)) - STANDARD_NAMES):
        bad = name_words(identifier) & BAD_NAME_WORDS
        if bad:
            at = re.search(rf"\b{identifier}\b", own).start()
            problems.append(Problem("vague-name", path, line_at(own, at),
                                    f"'{identifier}' says nothing: name the thing", identifier))
    return problems


def check_directives(path, code):
    problems = []
    for match in DIRECTIVE.finditer(code):
        if match.group(1).strip() == "pragma once" or path.startswith(CUDA_FOLDER):
            continue
        problems.append(Problem("preprocessor", path, line_at(code, match.start()),
                                f"#{match.group(1)} outside of device/cuda", match.group(1)))
    return problems


def function_limit(path):
    return 100 if path.startswith("src/dakkar/device/") else 60


def nesting_limit(path):
    """Kernels are loops over dimensions; everything else should not be."""
    return 5 if path.startswith("src/dakkar/device/") else 3


def check_function(path, function):
    problems = []
    name = function.name
    limit = function_limit(path)
    if function.lines > limit:
        problems.append(Problem("function-length", path, function.line,
                                f"{name}: {function.lines} lines, at most {limit}", name))
    if function.nesting > nesting_limit(path):
        problems.append(Problem("nesting", path, function.line,
                                f"{name}: {function.nesting} levels of control flow, "
                                f"at most {nesting_limit(path)}", name))
    if name.isupper():
        return problems
    if len(function.parameters) > MAX_PARAMETERS:
        problems.append(Problem("parameters", path, function.line,
                                f"{name}: {len(function.parameters)} parameters, "
                                f"at most {MAX_PARAMETERS}: use a struct", name))
    for parameter in function.parameters:
        found = re.match(r"(?:const\s+)?bool\b(?!\s*[*(])\s*(\w*)", parameter)
        if found and found.group(1) not in CARRIED_BOOLS:
            problems.append(Problem("bool-parameter", path, function.line,
                                    f"{name}: '{parameter}': use an enum or two functions", name))
    for match in re.finditer(r"\bstatic\b(?!\s+(?:inline\s+)?(?:constexpr|const)\b)",
                             function.body):
        problems.append(Problem("mutable-static", path, function.line,
                                f"{name} keeps state between calls", name))
    return problems


def check_switches(path, code):
    problems = []
    for match in re.finditer(r"\bswitch\s*\(", code):
        start = code.find("{", tidy_cpp.closing(code, match.end() - 1, "()"))
        body = code[start:tidy_cpp.closing(code, start)] if start >= 0 else ""
        if re.search(r"\bdefault\s*:", body) and ENUM_CASE.search(body):
            problems.append(Problem("enum-default", path, line_at(code, match.start()),
                                    "a switch over an enum lists every enumerator, no default"))
    return problems


def check_global(path, statement):
    text = statement.text
    if re.match(r"(?:using|typedef|namespace|class|struct|enum|union|extern|template|friend|"
                r"static_assert|concept|asm|[A-Z_0-9]+\s*\()\b", text):
        return []
    if re.search(r"\b(?:const|constexpr|operator)\b", text.split("=")[0]):
        return []
    if not re.match(r"[\w:<>,\s*&]+\s[\w:]+\s*(?:[={\[]|$)", text):
        return []
    return [Problem("mutable-global", path, statement.line, "pass the state: '"
                    + " ".join(text.split())[:40] + "'")]


def check_cpp(path, text):
    """Rules for C++ and CUDA sources."""
    code = tidy_cpp.strip_literals(text)
    scanned = tidy_cpp.scan(code)
    problems = check_comment_blocks(path, text)
    problems += check_words(path, code)
    problems += check_directives(path, code)
    problems += check_switches(path, code)
    for function in scanned.functions:
        problems += check_function(path, function)
    for statement in scanned.statements:
        problems += check_global(path, statement)
    for match in COROUTINE_AGGREGATE.finditer(code):
        problems.append(Problem("coroutine-temporary", path, line_at(code, match.start()),
                                "name the aggregate in a local before co_await"))
    if path.endswith((".h", ".cuh")) and not FIRST_CODE.match(text):
        problems.append(Problem("pragma-once", path, 1, "start the header with #pragma once"))
    return problems


def check_python(path, text):
    """Rules for Python: functions stay short there too."""
    problems = []
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return [Problem("python-syntax", path, error.lineno or 1, str(error.msg))]
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            if lines > 60:
                problems.append(Problem("function-length", path, node.lineno,
                                        f"{node.name}: {lines} lines, at most 60", node.name))
    return problems


def check_file(path, text):
    """Every rule that needs only this file."""
    problems = check_text(path, text)
    if suffix_of(path) in CPP:
        problems += check_cpp(path, text)
    if suffix_of(path) == ".py":
        problems += check_python(path, text)
    if name_words(path.rsplit("/", 1)[-1]) & BAD_NAME_WORDS:
        problems.append(Problem("vague-name", path, 1, "the file's name says nothing"))
    return problems
