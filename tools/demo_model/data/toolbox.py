"""Made-up tools and requests for them: typed, optional and missing parameters, and their schemas.

A tool is a verb and a noun; a request names both and gives values. Tools whose verb and noun are
held out never appear in training.
"""

import dataclasses

from . import words

VERBS = """get set find book send open close start stop create delete update list check order
cancel move copy lock unlock print read write share rename scan track sort merge export""".split()
THINGS = """weather room ticket message door file report user account invoice meeting task note
photo song table flight train package order event contact folder alarm light heater camera printer
page playlist recipe budget contract ticket hotel server backup volume channel sensor""".split()

# parameter: (JSON type, description)
PARAMETERS = {
    "city": ("string", "Name of the city"), "name": ("string", "The name"),
    "title": ("string", "The title"), "query": ("string", "What to look for"),
    "user": ("string", "Name of the user"), "room": ("string", "The room"),
    "colour": ("string", "The colour"), "tag": ("string", "A tag"),
    "id": ("integer", "The number of the entry"), "count": ("integer", "How many"),
    "limit": ("integer", "Upper limit"), "page": ("integer", "Page number"),
    "days": ("integer", "Number of days"), "minutes": ("integer", "Number of minutes"),
    "price": ("number", "The price"), "weight": ("number", "The weight"),
    "ratio": ("number", "A ratio"), "level": ("number", "The level"),
    "urgent": ("boolean", "Whether it is urgent"), "public": ("boolean", "Whether all see it"),
    "silent": ("boolean", "Whether to be silent"), "force": ("boolean", "Whether to force it"),
    "unit": ("enum", "The unit"), "mode": ("enum", "The mode"), "size": ("enum", "The size"),
    "tags": ("array", "A list of tags"), "guests": ("array", "Names of guests"),
    "numbers": ("integers", "A list of numbers"),
}
ENUMS = {"unit": ["celsius", "kelvin", "metric", "imperial"],
         "mode": ["fast", "slow", "auto", "manual"], "size": ["small", "medium", "large"]}


@dataclasses.dataclass
class Tool:
    """A verb, a noun and its parameters in order; the first `required` of them must be given."""

    verb: str
    thing: str
    parameters: list
    required: int

    @property
    def name(self):
        return f"{self.verb}_{self.thing}"

    @property
    def action(self):
        return f"{self.verb} the {self.thing}"

    def definition(self):
        """The tool as a request to the API carries it."""
        properties = {name: schema(name) for name in self.parameters}
        return {"type": "function", "function": {
            "name": self.name, "description": f"{self.action.capitalize()}.",
            "parameters": {"type": "object", "properties": properties,
                           "required": self.parameters[:self.required]}}}


def schema(name):
    """The JSON schema of a parameter."""
    kind, description = PARAMETERS[name]
    if kind == "enum":
        return {"type": "string", "description": description, "enum": ENUMS[name]}
    if kind in ("array", "integers"):
        inner = "string" if kind == "array" else "integer"
        return {"type": "array", "description": description, "items": {"type": inner}}
    return {"type": kind, "description": description}


def tool(random, split):
    """A random tool on the right side."""
    def make():
        verb, thing = random.choice(VERBS), random.choice(THINGS)
        return ("tool", verb, thing), (verb, thing)
    verb, thing = words.draw(random, split, make)
    parameters = random.sample(list(PARAMETERS), random.randint(1, 4))
    required = random.randint(1, len(parameters))
    return Tool(verb, thing, parameters, required)


def toolset(random, split, size):
    """`size` tools with different names; the first is on the wanted side."""
    tools = {}
    while len(tools) < size:
        side = split if not tools or random.random() < 0.5 else "train"
        made = tool(random, side)
        tools.setdefault(made.name, made)
    return list(tools.values())


def value(random, split, name):
    """(how a request says it, the JSON value)."""
    kind, _ = PARAMETERS[name]
    if kind == "integer":
        number = int(words.number(random, random.randint(1, 4)))
        return str(number), number
    if kind == "number":
        text = f"{words.number(random, random.randint(1, 2))}.{random.randint(1, 9)}"
        return text, float(text)
    if kind == "boolean":
        truth = random.random() < 0.5
        said = random.choice(["true", "yes", "on"] if truth else ["false", "no", "off"])
        return said, truth
    if kind == "enum":
        word = random.choice(ENUMS[name])
        return word, word
    if kind == "array":
        made = [words.person(random, split) if name == "guests" else words.invented(random)
                for _ in range(random.randint(1, 3))]
        return words.join_and(made), made
    if kind == "integers":
        made = [int(words.number(random, random.randint(1, 2)))
                for _ in range(random.randint(2, 4))]
        return words.join_and(str(number) for number in made), made
    if name == "city":
        word = words.place(random, split)
    elif name in ("user", "name"):
        word = words.person(random, split)
    elif name in ("query", "title"):
        known = random.choice(words.ADJECTIVES)
        word = " ".join(known if i == 0 else random.choice((random.choice(words.NOUNS),
                                                            words.invented(random)))
                        for i in range(random.randint(1, 3)))
    else:
        word = words.invented(random) if random.random() < 0.6 else words.code(random)
    return word, word


def say_value(random, name, said):
    """How a request mentions one parameter."""
    form = random.choice(["{n} {v}", "{n}: {v}", "{n} = {v}", "{n} is {v}"])
    return form.format(n=name, v=said)


def request(random, split, made, leave_out=None):
    """(text without end mark, {parameter: value}) asking for tool `made`."""
    chosen = [name for i, name in enumerate(made.parameters)
              if name != leave_out and (i < made.required or random.random() < 0.5)]
    mentions, arguments = [], {}
    for name in chosen:
        said, arguments[name] = value(random, split, name)
        mentions.append((name, said))
    order = list(mentions)
    if random.random() < 0.3:
        random.shuffle(order)
    parts = [say_value(random, name, said) for name, said in order]
    text = made.action if random.random() < 0.8 else f"{made.verb} a {made.thing}"
    if parts:
        joint = random.choice([" with ", ", ", " using ", ": "])
        text += joint + (", ".join(parts) if random.random() < 0.6 else " and ".join(parts))
    return text, arguments
