#!/usr/bin/env python3
"""Checks the coding guide's limits, banned words and include arrows over the whole tree.

Usage: tidy.py [ROOT]. Prints one line a problem and exits 1 when there is one. Agreed exceptions
stand in tools/tidy_exceptions.txt; one that covers nothing is a problem itself.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tidy_file  # noqa: E402
import tidy_problem  # noqa: E402
import tidy_tree  # noqa: E402

EXCEPTIONS = "tools/tidy_exceptions.txt"
# Rules name the words and paths they look for, and test data holds what users may send.
NOT_READ = ("tools/tidy", "tests/data/", "tests/fuzz/corpus/", "LICENSE", "models/")
SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".cache"}


def list_files(root):
    """Paths under `root` that are tracked or would be, without a git checkout all of them."""
    git = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if git.returncode == 0:
        names = [n for n in git.stdout.decode().split("\0") if n]
    else:
        names = [str(p.relative_to(root)) for p in root.rglob("*")
                 if not SKIPPED_FOLDERS & set(p.relative_to(root).parts)]
    return sorted({n for n in names if (root / n).is_file()})


def read_texts(root, files):
    """(texts, problems): the text of each file that rules read."""
    texts, problems = {}, []
    for path in files:
        if path.startswith(NOT_READ) and not path.endswith(".py"):
            continue
        try:
            texts[path] = (root / path).read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            problems.append(tidy_problem.Problem("utf-8", path, 1, "not UTF-8 text"))
        except FileNotFoundError:  # removed while we looked
            continue
    return texts, problems


def check(root):
    """(number of files, problems) of the tree at `root`."""
    files = list_files(root)
    texts, problems = read_texts(root, files)
    for path, text in texts.items():
        found = tidy_file.check_file(path, text)
        if path.startswith(NOT_READ):
            found = [p for p in found if p.rule not in ("open-task", "machine-path")]
        problems += found
    sizes = {p: (root / p).lstat().st_size for p in files if (root / p).exists()}
    problems += tidy_tree.check_tree(files, texts, sizes)
    listed = (root / EXCEPTIONS).read_text() if (root / EXCEPTIONS).exists() else ""
    exceptions, bad = tidy_problem.parse_exceptions(EXCEPTIONS, listed)
    return len(files), tidy_problem.apply_exceptions(EXCEPTIONS, exceptions, problems) + bad


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    count, problems = check(root)
    for problem in sorted(problems, key=lambda p: (p.path, p.line)):
        print(problem)
    print(f"tidy: {count} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
