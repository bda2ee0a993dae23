"""Finds functions, parameters and scopes in C++ text without a compiler.

Good enough for this project's own style: no macros that open braces, one declarator a line.
"""

import re
from dataclasses import dataclass

RAW_STRING = re.compile(r'(?:u8|u|U|L)?R"([^()\\\s]{0,16})\(')
CONTROL = re.compile(r"\b(?:if|for|while|switch|do)\b|\belse\b(?!\s*if\b)")
CONSTEXPR = re.compile(r"\s*(?:constexpr\b\s*)?")
DROPPED_GROUP = re.compile(
    r"\b(?:decltype|alignas|noexcept|explicit|requires|__attribute__|__launch_bounds__|"
    r"__align__)\s*$")


@dataclass
class Function:
    name: str
    line: int
    lines: int
    parameters: list
    body: str  # code between the braces; empty for a declaration
    nesting: int
    is_definition: bool


@dataclass
class Statement:
    """A statement at namespace scope that is no function and no type."""
    text: str
    line: int


def blank(text):
    """Keeps line breaks, replaces everything else by spaces."""
    return re.sub(r"[^\n]", " ", text)


def end_of_quoted(text, start):
    """Index just behind the literal that opens at `start`."""
    quote, i = text[start], start + 1
    while i < len(text) and text[i] != quote and text[i] != "\n":
        i += 2 if text[i] == "\\" else 1
    return min(i + 1, len(text))


def skip_literal(text, i):
    """End of the comment or literal that opens at `i`, or `i` when none does."""
    two = text[i:i + 2]
    if two == "//":
        end = text.find("\n", i)
        return len(text) if end < 0 else end
    if two == "/*":
        end = text.find("*/", i + 2)
        return len(text) if end < 0 else end + 2
    before = text[i - 1] if i else " "
    raw = RAW_STRING.match(text, i) if not (before.isalnum() or before == "_") else None
    if raw:
        end = text.find(")" + raw.group(1) + '"', raw.end())
        return len(text) if end < 0 else end + len(raw.group(1)) + 2
    if text[i] == '"' or (text[i] == "'" and not before.isalnum()):
        return end_of_quoted(text, i)
    return i


def strip_literals(text):
    """The text with comments and the insides of literals blanked, same length, same lines."""
    out, i = [], 0
    while i < len(text):
        if text[i] not in "/\"'uULR":
            out.append(text[i])
            i += 1
            continue
        end = skip_literal(text, i)
        if end == i:
            out.append(text[i])
            i += 1
        elif text[i] == "/":
            out.append(blank(text[i:end]))
            i = end
        else:
            out.append('"' + blank(text[i + 1:end - 1]) + '"')
            i = end
    return "".join(out)


def without_preprocessor(code):
    """Blanks directives, continued lines included."""
    return re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: blank(m.group()), code)


def closing(code, start, pair="{}"):
    """Index of the bracket that closes the one at `start`; the end of the text if none does."""
    depth = 0
    for i in range(start, len(code)):
        if code[i] == pair[0]:
            depth += 1
        elif code[i] == pair[1]:
            depth -= 1
            if depth == 0:
                return i
    return len(code) - 1


def split_arguments(text):
    """Splits at commas outside of any bracket, template brackets included."""
    parts, depth, current = [], 0, ""
    for i, c in enumerate(text):
        if c in "([{<":
            depth += 1
        elif c in ")]}" or (c == ">" and text[i - 1:i] != "-"):
            depth -= 1
        if c == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += c
    parts.append(current.strip())
    return [p for p in parts if p and p != "void"]


def clean_head(head):
    """A statement's text without template prefix, attributes and access labels."""
    head = re.sub(r"\[\[[^\]]*\]\]", " ", head)
    head = re.sub(r"\b(?:public|private|protected)\s*:(?!:)", " ", head)
    head = re.sub(r"\balignas\s*\([^)]*\)", " ", head)
    head = head.strip()
    while head.startswith("template"):
        opened = head.find("<")
        if opened < 0:
            break
        head = head[end_of_template(head, opened) + 1:].strip()
        head = re.sub(r"^requires\s*\([^)]*\)", "", head).strip()
    return head


def end_of_template(text, start):
    depth = 0
    for i in range(start, len(text)):
        if text[i] == "<":
            depth += 1
        elif text[i] == ">":
            depth -= 1
            if depth == 0:
                return i
    return len(text) - 1


def parameter_list(head):
    """(name, inside of the parentheses) of the function that `head` declares, or None."""
    i = 0
    while True:
        start = head.find("(", i)
        if start < 0:
            return None
        end = closing(head, start, "()")
        if DROPPED_GROUP.search(head[:start]):
            i = end + 1
            continue
        if re.search(r"\boperator\s*$", head[:start]):  # the call operator
            second = head.find("(", end)
            if second < 0:
                return None
            return "operator()", head[second + 1:closing(head, second, "()")]
        name = re.search(r"(operator\s*\S{1,3}|~?\w+)\s*(?:<[^()]*>)?\s*$", head[:start])
        if not name:
            return None
        return name.group(1), head[start + 1:end]


def is_function_head(head):
    found = parameter_list(head)
    if not found:
        return False
    before = head[:head.find("(")]
    if "{" in before or "=" in before and "operator" not in before:
        return False
    return not re.match(r"(?:using|typedef|friend\s+class|static_assert|return)\b", head)


def is_type_head(head):
    return bool(re.match(r"(?:typedef\s+)?(?:class|struct|union|enum)\b", head)) and "(" not in head


def opens_member_initialiser(head):
    """True where `{` follows a member's name in a constructor's initialiser list."""
    end = closing(head, head.find("("), "()") if "(" in head else -1
    after = head[end + 1:] if end >= 0 else ""
    if not re.match(r"\s*(?:noexcept\s*)?:(?!:)", after):
        return False
    return bool(re.search(r"[\w>]\s*$", after))


def max_nesting(body):
    """Deepest level of control statements inside a function's body."""
    deepest, stack, i, pending = 0, [], 0, False
    while i < len(body):
        c = body[i]
        if c == "{":
            stack.append(pending)
            pending = False
            deepest = max(deepest, sum(stack))
        elif c == "}":
            if stack:
                stack.pop()
        elif c == ";":
            pending = False
        elif c.isalpha() and not (i and (body[i - 1].isalnum() or body[i - 1] == "_")):
            word = CONTROL.match(body, i)
            if word:
                pending = True
                i = CONSTEXPR.match(body, word.end()).end()
                if i < len(body) and body[i] == "(":
                    i = closing(body, i, "()") + 1
                continue
        i += 1
    return deepest


class Scanner:
    """Walks the code once, collecting functions and namespace-scope statements."""

    def __init__(self, code):
        self.code = without_preprocessor(code)
        self.functions = []
        self.statements = []
        self.scopes = []  # "namespace" or "type"
        self.head_start = 0

    def line_at(self, index):
        return self.code.count("\n", 0, index) + 1

    def head_line(self):
        text = self.code[self.head_start:]
        return self.line_at(self.head_start + len(text) - len(text.lstrip()))

    def in_namespace(self):
        return all(scope == "namespace" for scope in self.scopes)

    def add_function(self, head, body_start, body_end):
        name, inside = parameter_list(head)
        first = self.head_line()
        body = self.code[body_start:body_end] if body_end > body_start else ""
        self.functions.append(Function(
            name=name, line=first, lines=self.line_at(body_end) - first + 1,
            parameters=split_arguments(inside), body=body, nesting=max_nesting(body),
            is_definition=body_end > body_start))

    def end_statement(self, index):
        head = clean_head(self.code[self.head_start:index])
        if head and is_function_head(head):
            self.add_function(head, index, index)
        elif head and self.in_namespace():
            self.statements.append(Statement(head, self.head_line()))
        self.head_start = index + 1

    def open_brace(self, index):
        """Handles `{` and returns the index to go on from."""
        head = clean_head(self.code[self.head_start:index])
        if re.match(r"(?:inline\s+)?namespace\b", head) or head.startswith('extern "'):
            self.scopes.append("namespace")
            self.head_start = index + 1
            return index + 1
        if is_type_head(head):
            if re.match(r"(?:typedef\s+)?enum\b", head):
                return closing(self.code, index) + 1
            self.scopes.append("type")
            self.head_start = index + 1
            return index + 1
        end = closing(self.code, index)
        if is_function_head(head) and not opens_member_initialiser(head):
            self.add_function(head, index, end)
            self.head_start = end + 1
        return end + 1

    def run(self):
        i, depth = 0, 0
        while i < len(self.code):
            c = self.code[i]
            if c == "(":
                depth += 1
            elif c == ")":
                depth -= 1
            elif c == "{":
                if depth > 0:
                    i = closing(self.code, i) + 1
                    continue
                i = self.open_brace(i)
                continue
            elif c == "}":
                if self.scopes:
                    self.scopes.pop()
                self.head_start = i + 1
            elif c == ";" and depth == 0:
                self.end_statement(i)
            i += 1
        return self


def scan(code):
    """Functions and namespace-scope statements of code that `strip_literals` has blanked."""
    return Scanner(code).run()
