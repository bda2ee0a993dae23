"""Everyday tools with everyday requests; names and values are new when held out."""

from . import phrases, words

# name: (description, {parameter: (type, description, required)}, requests)
TOOLS = {
    "get_weather": ("Get the weather of a city.", {
        "city": ("string", "Name of the city", True),
        "unit": ("string", "celsius or fahrenheit", False)},
        ["{What is|How is|Tell me} the weather in <city>", "Weather in <city> in <unit>",
         "{Is it|Will it be} {warm|cold|raining} in <city>",
         "{What is|Tell me} the weather in <city> in <unit>"]),
    "get_time": ("Get the current time in a city.", {
        "city": ("string", "Name of the city", True)},
        ["What time is it in <city>", "{Tell me|Give me} the time in <city>",
         "How late is it in <city>"]),
    "send_email": ("Send an email.", {
        "to": ("string", "Who gets it", True), "subject": ("string", "The subject", True)},
        ["Send an email to <to> about <subject>", "Write <to> an email about <subject>",
         "Email <to> about <subject>"]),
    "set_timer": ("Set a timer.", {"minutes": ("integer", "Number of minutes", True)},
                  ["Set a timer for <minutes> minutes", "Wake me in <minutes> minutes",
                   "{Start|Run} a timer of <minutes> minutes"]),
    "search_web": ("Search the web.", {
        "query": ("string", "What to look for", True),
        "limit": ("integer", "Upper limit of results", False)},
        ["Search {the web |}for <query>", "Look up <query> on the web",
         "Find <limit> results for <query>"]),
    "convert_money": ("Convert money.", {
        "amount": ("number", "The amount", True), "source": ("string", "From", True),
        "target": ("string", "To", True)},
        ["Convert <amount> <source> to <target>", "How much is <amount> <source> in <target>",
         "Change <amount> <source> into <target>"]),
    "translate": ("Translate a text.", {
        "text": ("string", "The text", True), "language": ("string", "The language", True)},
        ["Translate <text> to <language>", "How do you say <text> in <language>",
         "What is <text> in <language>"]),
    "add_reminder": ("Add a reminder.", {
        "text": ("string", "What to remember", True), "hour": ("integer", "The hour", True)},
        ["Remind me of <text> at <hour>", "Add a reminder for <text> at <hour>"]),
    "book_flight": ("Book a flight.", {
        "source": ("string", "From", True), "target": ("string", "To", True),
        "seats": ("integer", "Number of seats", False)},
        ["Book a flight from <source> to <target>",
         "Book <seats> seats on a flight from <source> to <target>",
         "I want to fly from <source> to <target>"]),
    "play_song": ("Play a song.", {"title": ("string", "The title", True)},
                  ["Play <title>", "Put on <title>", "I want to hear <title>"]),
    "find_user": ("Find a user by name.", {"name": ("string", "The name", True)},
                  ["Find the user <name>", "Who is <name>", "Look for the user <name>"]),
}
MONEY = ["euros", "dollars", "pounds", "yen", "francs", "crowns", "rupees"]
LANGUAGES = ["German", "French", "Spanish", "Italian", "Dutch", "Latin", "Greek", "Polish"]


def definition(name):
    """The tool as a request to the API carries it."""
    description, parameters, _ = TOOLS[name]
    properties = {key: {"type": kind, "description": text}
                  for key, (kind, text, _) in parameters.items()}
    required = [key for key, (_, _, needed) in parameters.items() if needed]
    return {"type": "function", "function": {
        "name": name, "description": description,
        "parameters": {"type": "object", "properties": properties, "required": required}}}


def value(random, split, tool, name):
    """(how the request says it, the JSON value) of one parameter."""
    kind = TOOLS[tool][1][name][0]
    if kind == "integer":
        number = int(words.number(random, random.randint(1, 2)))
        return str(number), number
    if kind == "number":
        number = int(words.number(random, random.randint(1, 3))) + random.randint(1, 9) / 10
        return str(number), number
    if tool == "convert_money":
        word = random.choice(MONEY)
    elif name == "unit":
        word = random.choice(["celsius", "fahrenheit"])
    elif name == "language":
        word = random.choice(LANGUAGES)
    elif name in ("city", "source", "target"):
        word = words.place(random, split)
    elif name in ("to", "name"):
        word = words.person(random, split)
    else:
        word = " ".join([random.choice(words.ADJECTIVES), random.choice(words.NOUNS),
                         words.invented(random)][random.randrange(3):])
    return word, word


def request(random, split, tool):
    """(text without end mark, {parameter: value}) for a tool by name."""
    def make():
        text = phrases.expand(random, random.choice(TOOLS[tool][2]))
        arguments = {}
        for name in TOOLS[tool][1]:
            if f"<{name}>" in text:
                said, arguments[name] = value(random, split, tool, name)
                text = text.replace(f"<{name}>", said)
        return (text,), (text, arguments)
    return words.draw(random, split, make)


def conversation(random, split, size):
    """(text, name, arguments, tool definitions) with `size` tools on offer."""
    chosen = random.sample(list(TOOLS), min(size, len(TOOLS)))
    name = chosen[0]
    random.shuffle(chosen)
    text, arguments = request(random, split, name)
    return text, name, arguments, [definition(tool) for tool in chosen]
