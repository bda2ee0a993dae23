"""Which families are drawn how often, in training and for evaluation."""

import random as randomness

from . import arithmetic, chat, dakkar, json_tasks, lists, memory, recall, repeat, tools
from .item import MODES, say

# family: (module with check, share of short documents)
SHARES = {"chat": 7, "dakkar": 9, "arithmetic": 18, "lists": 14, "json": 11, "memory": 8,
          "recall": 9, "tool_call": 9, "tool_parallel": 5, "tool_missing": 5, "tool_none": 3,
          "tool_result": 4, "repeat": 8}
# the same for documents of 4K to 8K tokens
LONG_SHARES = {"recall_long": 55, "memory_long": 17, "tool_long": 28}
FAMILIES = [*SHARES, *LONG_SHARES]
CHECKS = {"chat": chat.check, "dakkar": dakkar.check, "arithmetic": arithmetic.check,
          "lists": lists.check, "json": json_tasks.check, "memory": memory.check,
          "recall": recall.check, "repeat": repeat.check, "recall_8k": recall.check,
          **{f"recall_{size}k": recall.check for size in (16, 32, 64, 128)},
          "recall_long": recall.check,
          "memory_long": memory.check, "tool_long": tools.check,
          **{form: tools.check for form in tools.FORMS}}
SYSTEMS = ["", "", "", "", "You are a helpful assistant.", "You are Dakkar's demo model.",
           "Answer briefly.", "Be polite and short."]
CHAINED = ("chat", "dakkar", "lists", "json", "repeat")


def one(random, split, family):
    """One item of `family` in a random mode."""
    mode = random.choices(MODES, (40, 40, 20))[0]
    if family == "arithmetic":
        item = arithmetic.sample(random, split, mode)
    elif family in tools.FORMS:
        item = tools.sample(random, split, family)
    elif family == "json":
        item = json_tasks.sample(random, split)
    else:
        item = {"chat": chat, "dakkar": dakkar, "lists": lists, "memory": memory,
                "recall": recall, "repeat": repeat}[family].sample(random, split)
    item.mode = mode
    system = random.choice(SYSTEMS)
    if system:
        item.messages = [{"role": "system", "content": system}] + item.messages
    return item


def short(random, split, shares=None):
    """A training document: an item, at times after a few other turns of talk or tool use.

    `shares` (one for each of FAMILIES) take the place of the given ones.
    """
    family = random.choices(list(SHARES), (shares or list(SHARES.values()))[:len(SHARES)])[0]
    if family in tools.FORMS and random.random() < 0.6:
        item = tools.sample(random, split, family, turns=random.randint(1, 4))
        item.mode = random.choices(MODES, (40, 40, 20))[0]
        return item
    item = one(random, split, family)
    if item.tools or item.family in ("memory", "recall") or random.random() < 0.3:
        return item
    head = []
    for _ in range(random.randint(1, 5)):
        before = one(random, split, random.choice(CHAINED))
        head += [m for m in before.messages if m["role"] != "system"] + [say(before.content)]
    at = 1 if item.messages[0]["role"] == "system" else 0
    item.messages = item.messages[:at] + head + item.messages[at:]
    return item


def long(random, split, shares=None):
    """A training document of about 4K to 8K tokens with many supervised turns."""
    tokens = random.randint(3900, 7400)
    shares = shares[len(SHARES):] if shares else list(LONG_SHARES.values())
    family = random.choices(list(LONG_SHARES), shares)[0]
    if family == "recall_long":
        item = recall.sample(random, split, tokens, questions=random.randint(8, 20))
    elif family == "memory_long":
        item = memory.sample(random, split, turns=tokens // 44)
    else:
        item = tools.sample(random, split, size=random.randint(3, 8), turns=tokens // 150)
    item.mode = random.choices(MODES, (40, 40, 20))[0]
    item.family = family
    return item


def evaluation(family, count, seed):
    """`count` held-out items of a family, a third of them in each mode where modes differ."""
    random = randomness.Random(f"{family} {seed}")
    lengths = {"recall_8k": 7300, "recall_16k": 14600, "recall_32k": 29200,
               "recall_64k": 58400, "recall_128k": 116000}
    items = []
    for number in range(count):
        if family in lengths:
            item = recall.sample(random, "held_out", lengths[family], questions=1)
            item.mode = MODES[number % 3]
        else:
            item = one(random, "held_out", family)
        item.family = family
        items.append(item)
    return items


def check(item, answer):
    """Whether an answer to `item` is right."""
    return CHECKS[item.family](item, answer)
