#!/usr/bin/env python3
"""Shows that each rule of tidy sees what it is for, and leaves right code alone."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tidy  # noqa: E402
import tidy_cpp  # noqa: E402
import tidy_file  # noqa: E402
import tidy_problem  # noqa: E402
import tidy_tree  # noqa: E402

HEADER = "src/dakkar/text/words.h"
SOURCE = "src/dakkar/text/words.cpp"


def rules_of(path, text):
    return [p.rule for p in tidy_file.check_file(path, text)]


def tree_rules(texts):
    sizes = {path: len(text) for path, text in texts.items()}
    return [p.rule for p in tidy_tree.check_tree(sorted(texts), texts, sizes)
            if p.rule not in ("readme", "dead-file")]


class ScannerTest(unittest.TestCase):
    def functions(self, text):
        return tidy_cpp.scan(tidy_cpp.strip_literals(text)).functions

    def test_counts_lines_from_the_signature_to_the_brace(self):
        found = self.functions("namespace dak {\nint f(int a,\n      int b) {\n  return a;\n}\n}\n")
        self.assertEqual([(f.name, f.line, f.lines) for f in found], [("f", 2, 4)])

    def test_a_constructor_with_braced_members_is_one_function(self):
        found = self.functions("struct A {\n A(int x) : a_{x}, b_(2) {\n  g();\n }\n int a_;\n};\n")
        self.assertEqual([(f.name, f.lines) for f in found], [("A", 3)])

    def test_brackets_in_literals_and_comments_do_not_count(self):
        text = 'void f() {  // {\n  g("}", \'{\', R"x(}})x", 1\'000);\n}\nvoid h() {}\n'
        self.assertEqual([f.name for f in self.functions(text)], ["f", "h"])

    def test_template_commas_are_not_parameters(self):
        found = self.functions("void f(std::map<int, int> a, Pair<A, B> b = {1, 2});\n")
        self.assertEqual(len(found[0].parameters), 2)

    def test_initialised_tables_are_no_functions(self):
        text = "constexpr Row kRows[] = {{1, f(2)}, {3, g(4)}};\nstd::array<int, 2> x{h(1)};\n"
        self.assertEqual(self.functions(text), [])

    def test_nesting_counts_control_flow_only(self):
        text = "void f() { if (a) { for (;;) { g([&] { return Foo{1}; }); } } else { h(); } }\n"
        self.assertEqual(self.functions(text)[0].nesting, 2)


class FileRuleTest(unittest.TestCase):
    def test_clean_code_passes(self):
        text = ("#pragma once\n\n#include <string>\n\nnamespace dak {\n\n"
                "inline constexpr int kNewest = 3;\n\n/// Says new things; throw nothing.\n"
                "class Word final {\n public:\n  Word(const Word&) = delete;\n"
                "  static Word open(int size);\n\n private:\n  int size_ = 0;\n};\n\n"
                "}  // namespace dak\n")
        self.assertEqual(rules_of(HEADER, text), [])

    def test_widths_and_ends(self):
        self.assertEqual(rules_of(SOURCE, "int f();" + " " * 93 + "\n"),
                         ["trailing-space", "line-width"])
        self.assertEqual(rules_of(SOURCE, "int f();"), ["final-newline"])
        self.assertEqual(rules_of(SOURCE, "\tint f();\n"), ["tab"])

    def test_file_lengths_by_kind(self):
        self.assertEqual(rules_of(HEADER, "#pragma once\n" * 251), ["file-length"])
        self.assertEqual(rules_of(SOURCE, "\n" * 400), [])
        self.assertEqual(rules_of(SOURCE, "\n" * 401), ["file-length"])

    def test_function_length_is_60_and_100_in_device_code(self):
        def body_of(lines):
            return "void f() {\n" + "  g();\n" * (lines - 2) + "}\n"
        self.assertEqual(rules_of(SOURCE, body_of(60)), [])
        self.assertEqual(rules_of(SOURCE, body_of(61)), ["function-length"])
        self.assertEqual(rules_of("src/dakkar/device/cpu/a.cpp", body_of(100)), [])
        self.assertEqual(rules_of("src/dakkar/device/cpu/a.cpp", body_of(101)),
                         ["function-length"])

    def test_five_parameters_and_bools(self):
        self.assertEqual(rules_of(SOURCE, "int f(int a, int b, int c, int d);\n"), [])
        self.assertEqual(rules_of(SOURCE, "int f(int a, int b, int c, int d, int e);\n"),
                         ["parameters"])
        self.assertEqual(rules_of(SOURCE, "int f(bool strict);\n"), ["bool-parameter"])
        self.assertEqual(rules_of(SOURCE, "int f(int key, bool fallback);\n"), [])

    def test_nesting(self):
        deep = "void f() { if (a) { if (b) { for (;;) { while (c) { g(); } } } } }\n"
        self.assertEqual(rules_of(SOURCE, deep), ["nesting"])

    def test_comment_blocks(self):
        self.assertEqual(rules_of(SOURCE, "// a\n" * 8), [])
        self.assertEqual(rules_of(SOURCE, "// a\n" * 9), ["comment-block"])

    def test_banned_words_outside_of_comments_and_literals(self):
        for code in ("std::shared_ptr<int> f();", "int* f() { return new int(1); }",
                     "void f(int* p) { delete p; }", "void f() { thread_local const int x = 1; }",
                     "void f() { getenv(\"A\"); }", "void f() { throw 1; }",
                     "using namespace std;"):
            self.assertIn("banned-word", rules_of(SOURCE, code + "\n"), code)
        self.assertEqual(rules_of(SOURCE, '// new shared_ptr, throw\nauto f() { g("new"); }\n'), [])

    def test_vague_names(self):
        self.assertEqual(rules_of(SOURCE, "int string_utils();\n"), ["vague-name"])
        self.assertEqual(rules_of(SOURCE, "class PageManager final {};\n"), ["vague-name"])
        self.assertEqual(rules_of("src/dakkar/text/common.cpp", "\n"), ["vague-name"])
        self.assertEqual(rules_of(SOURCE, "double utilization();\n"), [])

    def test_state_that_outlives_a_call(self):
        self.assertEqual(rules_of(SOURCE, "int f() { static int calls = 0; return ++calls; }\n"),
                         ["mutable-static"])
        self.assertEqual(rules_of(SOURCE, "int f() { static constexpr int k = 0; return k; }\n"),
                         [])
        self.assertEqual(rules_of(SOURCE, "std::atomic<int> calls{0};\n"), ["mutable-global"])
        self.assertEqual(rules_of(SOURCE, "const int kCalls = 0;\nusing A = int;\n"), [])

    def test_preprocessor_only_in_cuda(self):
        text = "#ifdef X\n#define Y 1\n#endif\n"
        self.assertEqual(rules_of(SOURCE, text), ["preprocessor"] * 3)
        self.assertEqual(rules_of("src/dakkar/device/cuda/a.cu", text), [])

    def test_headers_start_with_pragma_once(self):
        self.assertEqual(rules_of(HEADER, "int f();\n"), ["pragma-once"])

    def test_default_in_a_switch_over_an_enum(self):
        text = "int f(Kind k) {{ switch (k) {{ case {}: return 1; default: return 0; }} }}\n"
        self.assertEqual(rules_of(SOURCE, text.format("Kind::kOne")), ["enum-default"])
        self.assertEqual(rules_of(SOURCE, text.format("'a'")), [])

    def test_aggregate_temporaries_in_coroutines(self):
        for code in ("co_await send(Frame{1});", "co_await send({.size = 1});"):
            self.assertEqual(rules_of(SOURCE, f"Task f() {{ {code} }}\n"), ["coroutine-temporary"])
        self.assertEqual(rules_of(SOURCE, "Task f() { const Frame x{1}; co_await send(x); }\n"), [])

    def test_open_tasks_and_machine_paths(self):
        self.assertEqual(rules_of(SOURCE, "// TO" + "DO: later\n"), ["open-task"])
        self.assertEqual(rules_of(SOURCE, "// TO" + "DO(#12): later\n"), [])
        self.assertEqual(rules_of("docs/a.md", "see /wo" + "rk/x\n"), ["machine-path"])


class TreeRuleTest(unittest.TestCase):
    def test_arrows_point_down(self):
        down = {"src/dakkar/engine/a.cpp": '#include "dakkar/tensor/b.h"\n',
                "src/dakkar/tensor/b.h": "\n"}
        self.assertEqual(tree_rules(down), [])
        up = {"src/dakkar/tensor/a.cpp": '#include "dakkar/engine/b.h"\n',
              "src/dakkar/engine/b.h": "\n"}
        self.assertEqual(tree_rules(up), ["arrow"])
        commented = {"src/dakkar/tensor/a.cpp": '// #include "dakkar/engine/b.h"\n'}
        self.assertEqual(tree_rules(commented), [])

    def test_only_cli_names_a_backend(self):
        header = {"src/dakkar/device/cpu/b.h": "\n"}
        line = '#include "dakkar/device/cpu/b.h"\n'
        for path, expected in (("model/a.cpp", ["arrow"]), ("device/reference/a.cpp", ["arrow"]),
                               ("cli/main.cpp", []), ("device/cpu/a.cpp", []),
                               ("model/a_test.cpp", [])):
            self.assertEqual(tree_rules(header | {"src/dakkar/" + path: line}), expected, path)

    def test_dependencies_of_targets_follow_the_arrows(self):
        texts = {"src/dakkar/model/CMakeLists.txt": "dak_library(NAME model DEPS engine LINK x)\n"}
        self.assertEqual(tree_rules(texts), ["arrow"])

    def test_a_source_no_target_compiles_is_dead(self):
        texts = {SOURCE: "\n", "src/dakkar/text/CMakeLists.txt": "dak_library(NAME text)\n"}
        found = tidy_tree.check_targets(sorted(texts), texts)
        self.assertEqual([p.rule for p in found], ["dead-file"])
        texts["src/dakkar/text/CMakeLists.txt"] = "dak_library(NAME text SOURCES words.cpp)\n"
        self.assertEqual(tidy_tree.check_targets(sorted(texts), texts), [])

    def test_costly_headers_have_few_users(self):
        texts = {f"src/dakkar/server/a{i}.cpp": "#include <boost/asio.hpp>\n" for i in range(3)}
        self.assertEqual(tree_rules(texts), [])
        texts["src/dakkar/server/z.h"] = "#include <boost/beast.hpp>\n"
        texts["src/dakkar/server/z.cpp"] = '#include "dakkar/server/z.h"\n'
        self.assertEqual(tree_rules(texts), ["costly-header"])

    def test_libraries_with_one_home(self):
        self.assertEqual(tree_rules({SOURCE: "#include <spdlog/spdlog.h>\n"}), ["include-home"])
        self.assertEqual(tree_rules({SOURCE: "#include <fmt/core.h>\n"}), [])
        self.assertEqual(tree_rules({"src/dakkar/device/cuda/a.cu": "#include <fmt/core.h>\n"}),
                         ["include-home"])

    def test_sizes(self):
        found = tidy_tree.check_sizes({"tests/data/checkpoints/a": 9_000_000})
        self.assertEqual([p.rule for p in found], ["tree-size"])
        found = tidy_tree.check_sizes({"models/demo/a": 27_000_000, "x": 12_000_000})
        self.assertEqual([p.rule for p in found], ["tree-size"])

    def test_documents(self):
        self.assertEqual(tree_rules({"docs/a.md": "# A\n[b](b.md) [c](https://c.example)\n"}),
                         ["dead-link"])
        self.assertEqual(tree_rules({"docs/a.md": "no title\n"}), ["document"])
        decision = "# A\n## Context\n## Choice\n## Consequences\n## Evidence\n"
        self.assertEqual(tree_rules({"docs/decisions/0001-a.md": decision}), [])
        self.assertEqual(tree_rules({"docs/decisions/0001-a.md": decision + "\n" * 60}),
                         ["decision"])

    def test_the_readme_names_both_commands(self):
        texts = {"README.md": "# D\n`make serve`\n", "Makefile": "serve:\n"}
        self.assertEqual([p.rule for p in tidy_tree.check_readme(texts)], ["readme"])
        texts["README.md"] += "`make test`\n"
        texts["Makefile"] += "test:\n"
        self.assertEqual(tidy_tree.check_readme(texts), [])


class ExceptionTest(unittest.TestCase):
    def test_an_exception_covers_its_problem_and_an_unused_one_is_a_problem(self):
        text = "parameters a.cpp f: mirrors a C interface\nnesting a.cpp *: four loops by nature\n"
        exceptions, bad = tidy_problem.parse_exceptions("list", text)
        self.assertEqual(bad, [])
        problem = tidy_problem.Problem("parameters", "a.cpp", 1, "m", "f")
        left = tidy_problem.apply_exceptions("list", exceptions, [problem])
        self.assertEqual([(p.rule, p.line) for p in left], [("exception-unused", 2)])

    def test_an_exception_needs_a_reason(self):
        _, bad = tidy_problem.parse_exceptions("list", "parameters a.cpp f\n")
        self.assertEqual([p.rule for p in bad], ["exception-form"])


class WholeTreeTest(unittest.TestCase):
    def test_a_folder_without_git_is_checked_too(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "src/dakkar/text/words.cpp"
            path.parent.mkdir(parents=True)
            path.write_text("int f(bool a);\n")
            count, problems = tidy.check(Path(folder))
        self.assertEqual(count, 1)
        self.assertIn("bool-parameter", [p.rule for p in problems])


if __name__ == "__main__":
    unittest.main()
