"""Tables, lists of entries and needles in long texts, at any depth up to 8K tokens."""

from . import words
from .item import Item, ask, exact, say

check = exact

FIELDS = ["city", "price", "colour", "owner", "code", "stock"]
FILLER = """The morning was quiet and nothing moved in the street.
A letter lay on the table and nobody had opened it.
Some people like the sea, others like the mountains.
The train was late again, as it is every winter.
He closed the window because the wind had turned.
They talked about the harvest until the lamp went out.
On the hill stood an old mill that no longer turned.
She counted the steps, forgot the number, and began again.
The shop sold bread, candles, rope and little else.
Rain came in the evening and stayed for two days.
Nobody remembered who had planted the tall tree.
The clock in the hall was slow, but it was liked.
A dog slept in front of the door and did not wake.
In spring the river was high and the bridge was closed.
The children built a boat of paper and let it go.
There was soup at noon and there was soup at night.""".split("\n")


def cell(random, split, field):
    """A value of a column."""
    if field == "city":
        return words.place(random, split)
    if field == "price":
        return words.number(random, random.randint(1, 3))
    if field == "colour":
        return random.choice(words.COLOURS)
    if field == "owner":
        return words.person(random, split)
    if field == "code":
        return words.number(random, 4) if random.random() < 0.7 else words.code(random)
    return words.number(random, random.randint(1, 2))


def markdown(fields, rows):
    lines = ["| item | " + " | ".join(fields) + " |"]
    lines += [f"| {key} | " + " | ".join(values) + " |" for key, values in rows]
    return "\n".join(lines)


def comma(fields, rows):
    lines = ["item," + ",".join(fields)]
    return "\n".join(lines + [f"{key}," + ",".join(values) for key, values in rows])


def sentences(fields, rows):
    return "\n".join(f"{key}: " + ", ".join(f"{f} {v}" for f, v in zip(fields, values)) + "."
                     for key, values in rows)


def table(random, split, tokens):
    """(text, fields, rows) of about `tokens` tokens; most keys of a held-out table are known."""
    layout = random.choice([markdown, comma, sentences])
    fields = random.sample(FIELDS, random.randint(1, 3))
    rows, size = {}, 0
    while size < tokens or len(rows) < 3:
        side = split if not rows or random.random() < 0.25 else "train"
        key = words.pair_key(random, side)
        rows[key] = [cell(random, split, field) for field in fields]
        size += words.about_tokens(layout(fields, [(key, rows[key])]).split("\n")[-1]) + 1
    rows = list(rows.items())
    random.shuffle(rows)
    return layout(fields, rows), fields, rows


def question(random, split, fields, rows):
    """(question, answer, reasoning, depth) on one cell, or now and then on a missing row."""
    column = random.randrange(len(fields))
    field = fields[column]
    index = random.choice([i for i, (key, _) in enumerate(rows)
                           if words.held_out(key) == (split == "held_out")])
    key, values = rows[index]
    form = random.choice(["What is the {f} of {k}?", "Which {f} has {k}?", "{f} of {k}?",
                          "Tell me the {f} of {k}.", "Look up the {f} of {k}."])
    text = form.format(f=field, k=key)
    said = ", ".join(f"{f} {v}" for f, v in zip(fields, values))
    return (text, f"The {field} of {key} is {values[column]}.",
            f"I look for the row of {key}. It says: {said}.", index / len(rows))


def missing(random, split, fields, rows):
    """As `question`, for a row that is not there."""
    known = {key for key, _ in rows}
    key = words.pair_key(random, split)
    while key in known:
        key = words.pair_key(random, split)
    field = random.choice(fields)
    return (f"What is the {field} of {key}?", f"There is no entry for {key}.",
            f"I look for the row of {key}. There is none.", None)


def ask_table(random, split, tokens, questions):
    """A table followed by several questions over turns; the last is the item's."""
    text, fields, rows = table(random, split, tokens)
    lead = random.choice(["Here is a table.", "Use this data.", "Read this.", "Data:"])
    messages = []
    for number in range(questions):
        form = missing if random.random() < 0.06 and tokens < 1500 else question
        asked, answer, steps, depth = form(random, split, fields, rows)
        if number == 0:
            asked = f"{lead}\n{text}\n\n{asked}"
        messages.append(ask(asked))
        if number < questions - 1:
            messages.append(say(answer))
    return Item(family="recall", messages=messages, content=answer, reasoning=steps,
                brief="I look up the row.", facts={"depth": depth})


def needle(random, split, tokens, questions):
    """Sentences of filler with a few secrets; asks for one of them."""
    lines = [random.choice(FILLER) for _ in range(max(4, tokens // 12))]
    secrets = {}
    for _ in range(max(questions, random.randint(1, 8))):
        secrets[words.pair_key(random, split)] = words.number(random, random.randint(4, 6))
    places = {}
    for key, value in secrets.items():
        at = random.randrange(len(lines) + 1)
        lines.insert(at, f"The secret number of {key} is {value}.")
        places[key] = at / len(lines)
    messages = []
    for number in range(questions):
        key = random.choice(list(secrets))
        asked = f"What is the secret number of {key}?"
        if number == 0:
            text = (" " if random.random() < 0.5 else "\n").join(lines)
            asked = f"{text}\n\n{asked}"
        messages.append(ask(asked))
        if number < questions - 1:
            messages.append(say(f"The secret number of {key} is {secrets[key]}."))
    return Item(family="recall", messages=messages,
                content=f"The secret number of {key} is {secrets[key]}.",
                reasoning=f"I look for {key}. It says: {secrets[key]}.",
                brief="I look for the sentence.", facts={"depth": places[key]})


def sample(random, split, tokens=None, questions=None):
    """A table or a needle of about `tokens` tokens (up to 1,000 by default)."""
    if tokens is None:
        tokens = random.choice([100, 200, 300, 500, 800, 1000])
    if questions is None:
        questions = random.randint(1, 4)
    form = ask_table if random.random() < 0.7 else needle
    return form(random, split, tokens, questions)
