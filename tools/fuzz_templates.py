"""Compares random template expressions between jinja2, set up as transformers does, and Dakkar.

    python tools/fuzz_templates.py DRIVER [--seconds 30] [--seed 1]

DRIVER reads lines {"template": ..., "vars": {...}} and answers lines {"ok": text} or
{"error": message}; the build target dakkar_template_lines is one. Prints each difference.
"""
import argparse
import json
import random
import subprocess
import sys
import time
import warnings

from transformers.utils import chat_template_utils

VARS = {
    "m": {"role": "user", "content": "Hi <b> \u00fc", "n": None, "items": 3, "x y": 1},
    "l": [1, 2.0, "a", None, True, [1, "q'"], {"k": "v"}],
    "s": "Hello w\u00f6rld\nline two  ",
    "n": 7, "f": 2.5, "t": True, "e": "", "neg": -3, "nums": [3, 1, 2, 2],
    "words": ["b", "A", "c", "a"],
    "ms": [{"role": "system", "content": "S"}, {"role": "user", "content": "a b"},
           {"role": "assistant", "content": "b", "calls": [{"name": "f", "args": {"x": 1}}]}],
}
ATOMS = [
    'm', 'l', 's', 'n', 'f', 't', 'e', 'neg', 'nums', 'words', 'ms', 'undef', 'none', 'true',
    'false', '0', '1', '2', '-1', '1.5', '1e20', "''", "'a'", "'role'", "' x y '", "'%s-%d'",
    '[]', '{}', "[1,'x']", '(1,)', "{'a': 1, 'b': [2]}", 'range(4)', 'm.role', 'ms[0]',
    'ms[1].content', 'm.undef', 'l[5]', "'A-b c'", '"it\'s"', 'namespace(a=1)', 'dict(z=1)',
]
BINARY = [
    '+', '-', '*', '/', '//', '%', '**', '~', '==', '!=', '<', '<=', '>', '>=', 'in', 'not in',
    'and', 'or',
]
FILTERS = [
    'upper', 'lower', 'length', 'trim', 'string', 'items', 'join', "join(', ')", "default('d')",
    "default('d', true)", 'list', 'safe', 'first', 'last', 'int', 'float', 'abs', 'round',
    'round(1)', 'sort', 'unique', 'reverse', 'sum', 'max', 'min', 'capitalize', 'title',
    'tojson', 'escape', 'tojson(indent=2)', "replace('a','b')", 'indent', 'dictsort',
    "map('upper')", 'select', "reject('odd')", "map(attribute='role')", "selectattr('role')",
    "selectattr('role','eq','user')", 'wordcount', 'batch(2)', 'slice(2)', 'truncate(5)',
    'urlencode', 'format(1)', "attr('role')", "groupby('role')", 'sort(reverse=true)',
    "join('-', attribute='role')", 'center(9)', 'count', 'e', "select('string')",
    "rejectattr('calls')", 'int(3)', "round(0,'floor')", 'tojson(sort_keys=true)', "trim('a')",
    'd',
]
TESTS = [
    'defined', 'undefined', 'none', 'string', 'number', 'integer', 'float', 'boolean', 'true',
    'false', 'mapping', 'sequence', 'iterable', 'callable', 'odd', 'even', 'upper', 'lower',
    'divisibleby(2)', 'eq(1)', "in([1,'a'])", 'sameas(none)', 'gt(1)', 'escaped',
]
METHODS = [
    'split()', "split('a')", "split(' ',1)", "rsplit(' ',1)", 'strip()', "lstrip('H')",
    'rstrip()', 'upper()', 'title()', "replace('a','')", "startswith('H')",
    "endswith(('a','b'))", 'items()', 'keys()', 'values()', "get('role')", "get('zz', 1)",
    "count('a')", "index('a')", "find('l')", 'join(words)', 'splitlines()', 'isdigit()',
    'isalpha()', 'zfill(5)', 'format(1, 2)', "partition(' ')", 'role', 'content', 'items',
    'nothing', 'append(1)', 'pop()', 'copy()', '0', 'capitalize()', 'swapcase()', 'isupper()',
    'ljust(8)', 'center(8)', "rjust(8,'*')", 'expandtabs()', "removeprefix('H')", '__class__',
    'isspace()', "rfind('l')", 'count(1)', 'index(1)',
]


class Grammar:
    def __init__(self, rng):
        self.rng = rng

    def pick(self, items):
        return self.rng.choice(items)

    def expr(self, depth):
        kind = self.rng.random()
        if depth <= 0 or kind < 0.12:
            return self.pick(ATOMS)
        sub = lambda: self.expr(depth - 1)
        if kind < 0.32:
            return f"({sub()} {self.pick(BINARY)} {sub()})"
        if kind < 0.55:
            return f"{self.wrap(sub())}|{self.pick(FILTERS)}"
        if kind < 0.72:
            return f"{self.wrap(sub())}.{self.pick(METHODS)}"
        if kind < 0.79:
            return f"({sub()} is {self.pick(['', 'not '])}{self.pick(TESTS)})"
        if kind < 0.84:
            return f"{self.wrap(sub())}[{sub()}]"
        if kind < 0.90:
            bounds = [self.pick(["", "0", "1", "-1", "2", "-3", "n"]) for _ in range(3)]
            # Names only: jinja2 folds a slice of a constant, which is then never an error.
            name = self.pick(['l', 's', 'nums', 'words', 'ms', 'm', 'n', 'undef'])
            return f"{name}[{':'.join(bounds)}]"
        if kind < 0.94:
            return f"({sub()} if {sub()} else {sub()})"
        if kind < 0.97:
            return f"({self.pick(['not ', '-', '+'])}{sub()})"
        return f"[{sub()}, {sub()}]"

    def wrap(self, text):
        return text if text.isidentifier() else f"({text})"

    def body(self, depth):
        kind = self.rng.random()
        sub = lambda: self.template(depth - 1)
        ws = lambda: self.pick(["", "-", "", "+"])
        sp = lambda: self.pick(["", " ", "\n", "  \n  ", "text ", "x\n"])
        tag = lambda text: f"{sp()}{{%{ws()} {text} {ws()}%}}{sp()}"
        if depth <= 0 or kind < 0.35:
            left, right = self.pick(["", "-"]), self.pick(["", "-"])
            return f"{sp()}{{{{{left} {self.expr(self.rng.randint(1, 3))} {right}}}}}{sp()}"
        name = self.pick(["a", "b", "n", "s", "x"])
        if kind < 0.5:
            return f"{tag('if ' + self.expr(2))}{sub()}{tag('else')}{sub()}{tag('endif')}"
        if kind < 0.68:
            cond = self.pick(["", "", f" if {self.expr(1)}"])
            extra = self.pick(["{{ loop.index }}", "{{ loop.last }}", "{{ loop.length }}", "", "",
                               "{% if loop.index == 2 %}{% break %}{% endif %}",
                               "{{ loop.previtem }}", "{{ loop.nextitem }}",
                               "{% if loop.first %}{% continue %}{% endif %}"])
            return (f"{tag(f'for {name} in ' + self.expr(2) + cond)}{{{{ {name} }}}}{extra}{sub()}"
                    f"{self.pick(['', tag('else') + sub()])}{tag('endfor')}")
        if kind < 0.82:
            return f"{tag(f'set {name} = ' + self.expr(2))}{{{{ {name} }}}}"
        if kind < 0.87:
            return f"{tag(f'set {name}')}{sub()}{tag('endset')}{{{{ {name} }}}}"
        if kind < 0.92:
            head = tag(f"macro {name}(p, q={self.expr(1)})")
            return (f"{head}{{{{ p }}}}{{{{ q }}}}{sub()}{tag('endmacro')}"
                    f"{{{{ {name}({self.expr(1)}) }}}}")
        if kind < 0.96:
            return f"{tag(f'with {name} = ' + self.expr(1))}{sub()}{{{{ {name} }}}}{tag('endwith')}"
        head = tag("filter " + self.pick(["upper", "trim", "replace(1, 2)", "length"]))
        return f"{head}{sub()}{tag('endfilter')}"

    def template(self, depth):
        return "".join(self.body(depth) for _ in range(self.rng.randint(1, 2)))


def python_result(template):
    try:
        compiled = chat_template_utils._compile_jinja_template(template)
        return "ok", compiled.render(**VARS)
    except Exception as error:
        return "error", f"{type(error).__name__}: {error}"


def unpredictable(text):
    marks = (" at 0x", "<function", "<built-in", "<class", "generator object", " bt 0x")
    return any(mark in text.lower() for mark in marks)


def beyond_64_bits(ours):
    return "64 bits" in ours or "not supported" in ours or "too l" in ours


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    process = subprocess.Popen([options.driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    grammar = Grammar(random.Random(options.seed))
    end = time.monotonic() + options.seconds
    tried = different = both_ok = 0
    while time.monotonic() < end and different < 25:
        if grammar.rng.random() < 0.6:
            template = "{{ " + grammar.expr(grammar.rng.randint(1, 4)) + " }}"
        else:
            template = grammar.template(2)
        theirs = python_result(template)
        process.stdin.write((json.dumps({"template": template, "vars": VARS}) + "\n").encode())
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            sys.exit(f"driver died on {template!r}")
        reply = json.loads(line)
        tried += 1
        both_ok += theirs[0] == "ok" and "ok" in reply
        same = reply.get("ok") == theirs[1] if theirs[0] == "ok" else "ok" not in reply
        if same or unpredictable(theirs[1]) or beyond_64_bits(reply.get("error", "")):
            continue
        different += 1
        print(f"{template!r}\n  python {theirs}\n  ours   {reply}")
    print(f"{tried} templates, {both_ok} rendered by both, {different} differences")


if __name__ == "__main__":
    main()
