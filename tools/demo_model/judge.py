"""What an evaluation found, family by family: the bars, and two runs over the same items."""

import dataclasses
import math

FLOOR = 0.95            # every family
ONE_FAMILY_FLOOR = 0.85  # of which one may be as low as this
TOOL_FLOOR = 0.97       # items that need tool calls, all together
NEEDLE_FLOOR = 0.95     # at 8K
CALLING = ("tool_call", "tool_parallel")
NEEDLE = "recall_8k"
LOSS = 0.01             # what the other form may lose, besides two standard errors


@dataclasses.dataclass
class FamilyRun:
    """The answers to one family's items, in order, as strings of 0 and 1."""

    family: str
    digest: str        # of the requests: equal where the items are
    right: str
    reasoned: str      # whether the answer came with reasoning
    asked: str         # whether reasoning was asked for
    prompt_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0.0
    failures: list = dataclasses.field(default_factory=list)

    def share(self):
        return self.right.count("1") / len(self.right)

    def by_thinking(self, wanted):
        """(right, items) of those with thinking on or short ("1") or off ("0")."""
        chosen = [good for good, asked in zip(self.right, self.asked) if asked == wanted]
        return chosen.count("1"), len(chosen)


def is_barred(family):
    """Whether a family has a bar: all but needles beyond what the model was trained to."""
    return not family.startswith("recall_") or family == NEEDLE


def lowered(floor, count, deviations):
    """A bar for few items: below it by so many standard deviations of a binomial share."""
    return floor - deviations * math.sqrt(floor * (1 - floor) / count)


def broken_bars(runs, deviations=0.0):
    """What is not as it should be, in words; empty when every bar holds."""
    problems, low = [], []
    for run in runs:
        if not is_barred(run.family):
            continue
        share, count = run.share(), len(run.right)
        if share < lowered(FLOOR, count, deviations):
            low.append(run)
        if share < lowered(ONE_FAMILY_FLOOR, count, deviations):
            problems.append(f"{run.family}: {100 * share:.2f}% is below {ONE_FAMILY_FLOOR:.0%}")
        if run.family == NEEDLE and share < lowered(NEEDLE_FLOOR, count, deviations):
            problems.append(f"{run.family}: {100 * share:.2f}% is below {NEEDLE_FLOOR:.0%}")
    if len(low) > 1:
        names = ", ".join(f"{run.family} {100 * run.share():.2f}%" for run in low)
        problems.append(f"only one family may be below {FLOOR:.0%}: {names}")
    calling = "".join(run.right for run in runs if run.family in CALLING)
    if calling:
        share = calling.count("1") / len(calling)
        if share < lowered(TOOL_FLOOR, len(calling), deviations):
            problems.append(f"tool calls: {100 * share:.2f}% is below {TOOL_FLOOR:.0%}")
    return problems + broken_thinking(runs)


def broken_thinking(runs):
    """Thinking off has to emit none, thinking on some."""
    pairs = [pair for run in runs for pair in zip(run.asked, run.reasoned)]
    leaked, silent = pairs.count(("0", "1")), pairs.count(("1", "0"))
    asked = sum(asked == "1" for asked, _ in pairs)
    problems = []
    if leaked:
        problems.append(f"{leaked} answers reason although thinking is off")
    if asked and silent > asked * (1 - FLOOR):
        problems.append(f"{silent} of {asked} answers do not reason although thinking is on")
    return problems


@dataclasses.dataclass
class Difference:
    """The second run's share less the first's, on the same items."""

    count: int
    mean: float
    error: float   # standard error of the mean of paired differences

    def holds(self):
        return abs(self.mean) <= LOSS + 2 * self.error


def difference(first, second):
    """Of two strings of 0 and 1 over the same items."""
    steps = [int(b) - int(a) for a, b in zip(first, second)]
    count = len(steps)
    mean = sum(steps) / count
    spread = sum((step - mean) ** 2 for step in steps) / max(1, count - 1)
    return Difference(count, mean, math.sqrt(spread / count))


def compare(before, runs):
    """[(family, Difference)] and "all" at the end; a ValueError where the items differ."""
    old = {run.family: run for run in before}
    found, first, second = [], "", ""
    for run in runs:
        other = old.get(run.family)
        if other is None:
            continue
        if other.digest != run.digest or len(other.right) != len(run.right):
            raise ValueError(f"{run.family}: the two runs had different items")
        found.append((run.family, difference(other.right, run.right)))
        first, second = first + other.right, second + run.right
    if not found:
        raise ValueError("the two runs have no family in common")
    return [*found, ("all", difference(first, second))]
