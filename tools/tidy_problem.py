"""What a rule of tidy reports, and the list of agreed exceptions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    rule: str
    path: str
    line: int
    message: str
    symbol: str = ""  # function or word at fault, "" where the whole file is

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


@dataclass
class Exception_:
    rule: str
    path: str
    symbol: str
    line: int
    used: bool = False

    def covers(self, problem):
        return (self.rule == problem.rule and self.path == problem.path
                and self.symbol in ("*", problem.symbol))


def parse_exceptions(path, text):
    """(exceptions, problems) of a file of lines `rule path symbol: reason`; `*` is any symbol."""
    exceptions, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, _, reason = line.partition(": ")
        fields = key.split()
        if len(fields) != 3 or len(reason.split()) < 3:
            problems.append(Problem("exception-form", path, number,
                                    "write `rule path symbol: reason in a few words`"))
            continue
        exceptions.append(Exception_(*fields, line=number))
    return exceptions, problems


def apply_exceptions(path, exceptions, problems):
    """The problems no exception covers, and one for each exception that covers nothing."""
    left = []
    for problem in problems:
        covering = [e for e in exceptions if e.covers(problem)]
        for exception in covering:
            exception.used = True
        if not covering:
            left.append(problem)
    for exception in exceptions:
        if not exception.used:
            left.append(Problem("exception-unused", path, exception.line,
                                f"{exception.rule} of {exception.path} is no problem any more: "
                                "remove the line"))
    return left
