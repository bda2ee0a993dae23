#!/usr/bin/env python3
"""Breaks the source on purpose and expects the property tests to notice.

Usage: mutants.py [--only NAME] [--list]. tools/mutants.json lists the wrong edits: a file, a
snippet that stands in it exactly once, what replaces it, a test program and the cases of it, as a
GoogleTest filter, of which one must fail. Works on a copy of the tree under build/mutants, so that
the checkout is never touched. A mutant that survives, does not compile, or whose snippet is gone is
an error, and so is a test that fails on the tree as it is.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tidy  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tools/mutants.json"
COPY = ROOT / "build/mutants"
BUILD = COPY / "build/release"
TEST_SECONDS = 120
# Schedules are drawn from it: what is noticed once is noticed always.
SEED = 7


class TableError(Exception):
    """The list of mutants does not fit the source."""


def mutate(text, mutant):
    """`text` with the mutant's snippet replaced; it has to be there exactly once."""
    count = text.count(mutant["find"])
    if count != 1:
        raise TableError(f"{mutant['name']}: snippet found {count} times in {mutant['file']}")
    if mutant["find"] == mutant["replace"]:
        raise TableError(f"{mutant['name']}: replaces the snippet by itself")
    return text.replace(mutant["find"], mutant["replace"])


def copy_tree():
    """Brings the copy up to date; files that are the same keep their time, so little rebuilds."""
    wanted = set(tidy.list_files(ROOT))
    for name in wanted:
        source, target = ROOT / name, COPY / name
        data = source.read_bytes()
        if target.exists() and target.read_bytes() == data:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        shutil.copymode(source, target)
    for old in COPY.rglob("*"):
        name = str(old.relative_to(COPY))
        if old.is_file() and not name.startswith("build/") and name not in wanted:
            old.unlink()


def run(command, seconds=None):
    """(exit status, output); 124 when `seconds` have passed."""
    try:
        done = subprocess.run(command, cwd=COPY, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
                              errors="replace")
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode(errors="replace") + "\n(ran too long)"


def configure():
    return run(["cmake", "--preset", "test", "-S", str(COPY), "-B", str(BUILD)])


def build(targets):
    jobs = os.environ.get("JOBS", str(os.cpu_count() or 2))
    return run(["cmake", "--build", str(BUILD), "-j", jobs, "--target", *targets])


def run_cases(test, cases):
    """The cases of a test program; a filter that fits none is a failure too."""
    program = next(BUILD.rglob(test))
    status, output = run([str(program), f"--gtest_filter={cases}", "--gtest_fail_fast",
                          f"--gtest_random_seed={SEED}"], TEST_SECONDS)
    if "Running 0 tests" in output:
        raise TableError(f"{test} has no case like {cases}")
    return status, output


def first_failure(output):
    """The name of the first test case that failed, for people."""
    failed = [line.split()[3].rstrip(",") for line in output.splitlines()
              if "[  FAILED  ]" in line and "." in line and len(line.split()) > 3]
    begun = [line.split()[3] for line in output.splitlines() if "[ RUN      ]" in line]
    if failed:
        return failed[0]
    return f"{begun[-1]}, which died" if begun else "its test program, which died"


def try_mutant(mutant):
    """(killed, what happened)."""
    path = COPY / mutant["file"]
    right = path.read_text()
    path.write_text(mutate(right, mutant))
    try:
        status, output = build([mutant["test"]])
        if status:
            raise TableError(f"{mutant['name']}: does not compile\n{output[-2000:]}")
        status, output = run_cases(mutant["test"], mutant["cases"])
    finally:
        path.write_text(right)
    if status == 0:
        return False, "every test passed"
    return True, "noticed by " + first_failure(output)


def check_unbroken(mutants):
    """The same cases pass on the source as it is; otherwise their failing shows nothing."""
    tests = sorted({m["test"] for m in mutants})
    steps = [configure, lambda: build(tests)]
    for test in tests:
        cases = sorted({m["cases"] for m in mutants if m["test"] == test})
        steps.append(lambda test=test, cases=cases: run_cases(test, ":".join(cases)))
    for step in steps:
        status, output = step()
        if status:
            raise TableError("the unbroken tree fails:\n" + output[-4000:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", help="name of one mutant")
    parser.add_argument("--list", action="store_true", help="what there is, and nothing more")
    arguments = parser.parse_args()
    only = arguments.only
    mutants = [m for m in json.loads(TABLE.read_text()) if only in (None, m["name"])]
    if not mutants:
        print("mutants: none listed" if only is None else f"mutants: none is named {only}")
        return 1
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant['name']}: {mutant['why']}")
        return 0
    copy_tree()
    killed = 0
    try:
        for mutant in mutants:  # a stale table is found before anything is built
            mutate((COPY / mutant["file"]).read_text(), mutant)
        check_unbroken(mutants)
        for mutant in mutants:
            begin = time.monotonic()
            dead, what = try_mutant(mutant)
            killed += dead
            word = "killed" if dead else "SURVIVED"
            print(f"{word:9} {mutant['name']}: {what} ({time.monotonic() - begin:.0f} s)")
    except TableError as error:
        print(f"mutants: {error}")
        return 1
    print(f"mutants: {killed} of {len(mutants)} killed")
    return 0 if killed == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
