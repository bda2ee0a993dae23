"""Rules of tidy that look at the tree as a whole: arrows, targets, sizes, documents."""

import re

import tidy_cpp
from tidy_file import is_test, line_at, suffix_of
from tidy_problem import Problem

MIB = 1 << 20
MAX_TREE_BYTES = 36 * MIB
MAX_GOLDEN_BYTES = 8_000_000
MAX_DEMO_BYTES = 27_500_000
MAX_ASIO_UNITS = 3
MAX_DECISION_LINES = 60
DECISION_PARTS = ("Context", "Choice", "Consequences", "Evidence")

# The arrows of docs/architecture.md, direct edges only.
ARROWS = {
    "base": (),
    "tensor": ("base",),
    "text": ("base",),
    "weights": ("tensor",),
    "device": ("tensor",),
    "model": ("device", "weights"),
    "quantize": ("model",),
    "engine": ("model", "text"),
    "api": ("engine", "text"),
    "server": ("api", "text"),
    "bench": ("engine",),
    "cli": ("server", "bench", "quantize"),
}
BACKENDS = ("cpu", "cuda", "cuda_absent", "reference")
INCLUDE = re.compile(r'(?m)^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]')
LIBRARY = re.compile(r"\bdak_library\s*\(([^)]*)\)")
# header pattern -> where it may be included, and why
HOMES = [
    (re.compile(r"spdlog/"), ("src/dakkar/base/log.cpp",), "spdlog costs 10 s a file"),
    (re.compile(r"fmt/(?!core\.h)"), (), "include <fmt/core.h>: the rest costs seconds a file"),
]


def reachable(folder):
    """Folders that `folder` may include, itself included."""
    seen, todo = set(), [folder]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo += ARROWS.get(current, ())
    return seen


def includes_of(text):
    """[(line, header, quoted)] of the include directives outside of comments."""
    code = tidy_cpp.strip_literals(text)
    found = []
    for match in INCLUDE.finditer(text):
        if code[match.start():match.end()].strip().startswith("#"):
            found.append((line_at(text, match.start(2)), match.group(2), match.group(1) == '"'))
    return found


def folder_of(path):
    parts = path.split("/")
    return parts[2] if path.startswith("src/dakkar/") and len(parts) > 3 else None


def backend_of(path):
    parts = path.split("/")
    inside = path.startswith("src/dakkar/device/") and len(parts) > 4
    return parts[3] if inside and parts[3] in BACKENDS else None


def check_arrow(path, line, target):
    """One include of our own header against the arrows."""
    folder, other = folder_of(path), folder_of(target)
    if folder is None or other is None:
        return []
    if other not in reachable(folder):
        return [Problem("arrow", path, line, f"{folder} may not include {other}", other)]
    backend, other_backend = backend_of(path), backend_of(target)
    if other_backend in (None, backend) or is_test(path) or folder == "cli":
        return []
    return [Problem("arrow", path, line, f"only cli names a backend: {target}", other_backend)]


def check_includes(sources):
    """Arrows, existence of our headers, and the libraries that have one home."""
    problems = []
    for path, text in sources.items():
        for line, header, _ in includes_of(text):
            if header.startswith("dakkar/"):
                target = "src/" + header
                problems += check_arrow(path, line, target)
                if target not in sources and "generated" not in header:
                    problems.append(Problem("missing-header", path, line, f"no file {target}"))
            for pattern, homes, why in HOMES:
                if pattern.match(header) and path not in homes:
                    problems.append(Problem("include-home", path, line, why, header))
            if suffix_of(path) in (".cu", ".cuh") and re.match(r"(?:fmt|spdlog)/", header):
                problems.append(Problem("include-home", path, line, f"{header} in device code",
                                        header))
    return problems


def closure(path, sources, known):
    """Headers that `path` includes, through our own headers too."""
    if path in known:
        return known[path]
    known[path] = set()
    found = set()
    for _, header, _ in includes_of(sources.get(path, "")):
        found.add(header)
        if header.startswith("dakkar/"):
            found |= closure("src/" + header, sources, known)
    known[path] = found
    return found


def check_costly_headers(sources):
    """Few units pay for Asio and Beast's streams, one pays for CLI11; Beast's parser is cheap."""
    problems, known = [], {}
    costly = {"asio": (r"boost/(?:asio|beast(?!/http/))", MAX_ASIO_UNITS), "CLI11": (r"CLI/", 1)}
    units = [p for p in sources if suffix_of(p) in (".cpp", ".cu")]
    for name, (pattern, limit) in costly.items():
        using = sorted(u for u in units
                       if any(re.match(pattern, h) for h in closure(u, sources, known)))
        if len(using) > limit:
            problems.append(Problem("costly-header", using[-1], 1,
                                    f"{len(using)} units include {name}, at most {limit}: "
                                    + ", ".join(using), name))
    return problems


def check_targets(files, texts):
    """DEPS follow the arrows, and every source is compiled by some CMakeLists.txt."""
    problems = []
    lists = {p: t for p, t in texts.items() if p.endswith(("CMakeLists.txt", ".cmake"))}
    for path, text in lists.items():
        for match in LIBRARY.finditer(text):
            problems += check_library(path, line_at(text, match.start()), match.group(1))
    for path in files:
        if suffix_of(path) not in (".cpp", ".cu") or not path.startswith(("src/", "tests/")):
            continue
        if not is_compiled(path, lists):
            problems.append(Problem("dead-file", path, 1, "no CMakeLists.txt compiles it"))
    return problems


def check_library(path, line, arguments):
    words = arguments.split()
    folder = folder_of(path)
    if folder is None or "DEPS" not in words:
        return []
    deps = []
    for word in words[words.index("DEPS") + 1:]:
        if word.isupper():
            break
        deps.append(word)
    return [Problem("arrow", path, line, f"{folder} may not depend on {dep}", dep)
            for dep in deps if dep.split("_")[0] not in reachable(folder)]


def is_compiled(path, lists):
    folder, name = path.rsplit("/", 1)
    while folder:
        text = lists.get(folder + "/CMakeLists.txt", "")
        if re.search(rf"(?<![\w/.-]){re.escape(name)}(?![\w.])", text):
            return True
        folder, _, last = folder.rpartition("/")
        name = f"{last}/{name}"
    return False


def check_sizes(sizes):
    """What travels with a checkout stays small."""
    problems = []
    for prefixes, limit, name in (
            (("",), MAX_TREE_BYTES, "the tree"),
            (("tests/data/checkpoints/", "tests/data/goldens/"), MAX_GOLDEN_BYTES, "golden data"),
            (("models/",), MAX_DEMO_BYTES, "the demo model")):
        total = sum(size for path, size in sizes.items() if path.startswith(prefixes))
        if total > limit:
            problems.append(Problem("tree-size", prefixes[0] or ".", 1,
                                    f"{name} has {total:,} bytes, at most {limit:,}"))
    return problems


def check_readme(texts):
    readme, makefile = texts.get("README.md", ""), texts.get("Makefile", "")
    problems = []
    for target in ("serve", "test"):
        if f"make {target}" not in readme:
            problems.append(Problem("readme", "README.md", 1, f"name the command make {target}"))
    for target in re.findall(r"\bmake ([a-z][a-z-]*)\b(?=`|$| [A-Z]+=)", readme, re.M):
        if not re.search(rf"(?m)^{target}:", makefile):
            problems.append(Problem("readme", "README.md", 1, f"the Makefile has no '{target}'"))
    return problems


def check_documents(files, texts):
    """Links lead somewhere; decisions are short and complete."""
    problems = check_readme(texts)
    names = set(files)
    folders = {p.rsplit("/", 1)[0] for p in files if "/" in p}
    for path, text in texts.items():
        if not path.endswith(".md"):
            continue
        if not re.match(r"# \S", text):
            problems.append(Problem("document", path, 1, "start with a title"))
        base = path.rpartition("/")[0]
        for match in re.finditer(r"\]\(([^)#\s]+)", text):
            target = resolve(base, match.group(1))
            if "://" not in match.group(1) and target not in names | folders:
                problems.append(Problem("dead-link", path, line_at(text, match.start()), target))
        if path.startswith("docs/decisions/"):
            problems += check_decision(path, text)
    return problems


def resolve(base, link):
    parts = base.split("/") if base else []
    for part in link.rstrip("/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def check_decision(path, text):
    problems = []
    if not re.match(r"docs/decisions/\d{4}-[a-z0-9-]+\.md$", path):
        problems.append(Problem("decision", path, 1, "name it NNNN-title.md"))
    lines = text.count("\n")
    if lines > MAX_DECISION_LINES:
        problems.append(Problem("decision", path, 1,
                                f"{lines} lines, at most {MAX_DECISION_LINES}"))
    for part in DECISION_PARTS:
        if f"\n## {part}\n" not in text:
            problems.append(Problem("decision", path, 1, f"has no part '{part}'"))
    return problems


def check_tree(files, texts, sizes):
    """Every rule that needs more than one file."""
    sources = {p: t for p, t in texts.items() if suffix_of(p) in (".h", ".cpp", ".cu", ".cuh")}
    problems = check_includes(sources)
    problems += check_costly_headers(sources)
    problems += check_targets(files, texts)
    problems += check_sizes(sizes)
    problems += check_documents(files, texts)
    return problems
