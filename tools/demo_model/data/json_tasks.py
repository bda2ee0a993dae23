"""JSON on request: objects and arrays from named values or from a sentence."""

import json

from . import words
from .item import Item, ask, thought_as_asked

KEYS = """name city age price count active job colour owner title status level score weight size
country email phone code enabled visible rank total brand model year speed width height depth
quantity paid open kind group team""".split()
PLAIN = ["Give me", "Write", "Return", "Create", "I need", "Make"]


def check(item, answer):
    """The content is the asked JSON value and nothing else."""
    if not thought_as_asked(item, answer):
        return False
    try:
        return json.loads(answer.content) == json.loads(item.content)
    except ValueError:
        return False


def value_for(random, split):
    """(how the request says it, the value)."""
    kind = random.randrange(6)
    if kind == 0:
        value = random.random() < 0.5
        return ("true" if value else "false"), value
    if kind == 1:
        value = int(words.number(random, random.randint(1, 4)))
        return str(value), value
    if kind == 2:
        value = f"{words.number(random, random.randint(1, 2))}.{random.randint(1, 9)}"
        return value, float(value)
    if kind == 3:
        value = words.person(random, split)
        return value, value
    if kind == 4:
        value = words.invented(random) if random.random() < 0.6 else words.code(random)
        return value, value
    value = random.choice(words.NOUNS + words.COLOURS)
    return value, value


def link(random):
    return random.choice([" ", " = ", ": ", " is ", " set to "])


def flat(random, split):
    """An object from named values."""
    keys = random.sample(KEYS, random.randint(1, 5))
    joint, parts, result = link(random), [], {}
    for key in keys:
        said, value = value_for(random, split)
        parts.append(f"{key}{joint}{said}")
        result[key] = value
    text = f"{random.choice(PLAIN)} a JSON object with {words.join_and(parts)}."
    return text, result, "The keys are " + words.join_and(keys) + "."


def array(random, split):
    """An array of words or numbers."""
    if random.random() < 0.5:
        result = [int(words.number(random, random.randint(1, 3)))
                  for _ in range(random.randint(2, 6))]
    else:
        result = [words.invented(random) if random.random() < 0.5 else random.choice(words.NOUNS)
                  for _ in range(random.randint(2, 6))]
    said = words.join_and(str(value) for value in result)
    text = f"{random.choice(PLAIN)} a JSON array of {said}."
    return text, result, f"The array has {len(result)} entries."


def nested(random, split):
    """An object in an object."""
    outer, inner, first, second = random.sample(KEYS, 4)
    said = [value_for(random, split) for _ in range(3)]
    text = (f"{random.choice(PLAIN)} a JSON object with {outer} {said[0][0]} and an object {inner} "
            f"that has {first} {said[1][0]} and {second} {said[2][0]}.")
    result = {outer: said[0][1], inner: {first: said[1][1], second: said[2][1]}}
    return text, result, f"The object {inner} goes inside."


SENTENCES = [
    ("{name} is a {age} year old {job} from {city}.", ["name", "age", "job", "city"]),
    ("{name} lives in {city} and works as a {job}.", ["name", "city", "job"]),
    ("The {job} {name} is {age} years old.", ["job", "name", "age"]),
    ("My friend {name}, who is {age}, likes {colour}.", ["name", "age", "colour"]),
    ("{name} owns a {colour} {item} that costs {price} euros.",
     ["name", "colour", "item", "price"]),
    ("A {colour} {item} was sold in {city} for {price} euros.",
     ["colour", "item", "city", "price"]),
    ("{name} moved to {city} at the age of {age}.", ["name", "city", "age"]),
]


def extraction(random, split):
    """Fields of a sentence, in the order asked for."""
    sentence, fields = random.choice(SENTENCES)
    values = {"name": words.person(random, split), "city": words.place(random, split),
              "age": random.randint(18, 90), "job": random.choice(words.JOBS),
              "colour": random.choice(words.COLOURS), "item": random.choice(words.NOUNS),
              "price": random.randint(2, 999)}
    wanted = random.sample(fields, random.randint(1, len(fields)))
    text = sentence.format(**values)
    request = random.choice([f"Extract {words.join_and(wanted)} as JSON: {text}",
                             f"{text}\nGive {words.join_and(wanted)} as JSON.",
                             f"Write {words.join_and(wanted)} as a JSON object. Text: {text}"])
    return request, {key: values[key] for key in wanted}, f"I look for {words.join_and(wanted)}."


def sample(random, split):
    """One task; invented words and the request as a whole are on the right side."""
    form = random.choice([flat, flat, array, nested, extraction, extraction])

    def make():
        text, result, steps = form(random, split)
        return (text,), (text, result, steps)
    text, result, steps = words.draw(random, split, make)
    return Item(family="json", messages=[ask(text)], content=json.dumps(result), reasoning=steps
                + " I write only JSON.", brief="Only JSON.", facts={"value": result})
