"""Names and facts told in one turn and asked for in a later one, with other talk between."""

from . import arithmetic, chat, dakkar, lists, words
from .item import Item, ask, exact, say

check = exact

# fact: (how it is told, what is acknowledged, how it is asked, how it is answered)
FACTS = {
    "name": (["My name is {}.", "I am called {}.", "You can call me {}."],
             "Nice to meet you, {}.", ["What is my name?", "Who am I?", "How am I called?"],
             "Your name is {}."),
    "city": (["I live in {}.", "My home is in {}.", "I moved to {}."], "{} is noted.",
             ["Where do I live?", "Which city do I live in?", "Where is my home?"],
             "You live in {}."),
    "job": (["I work as a {}.", "My job is {}.", "I am a {} by trade."],
            "So you are a {}.", ["What is my job?", "What do I work as?"], "You are a {}."),
    "pet": (["My pet is called {}.", "I have a pet named {}."], "{} is a nice name for a pet.",
            ["What is my pet called?", "What is the name of my pet?"], "Your pet is called {}."),
    "colour": (["My favourite colour is {}.", "I like the colour {} most."],
               "I will remember {}.", ["What is my favourite colour?", "Which colour do I like?"],
               "Your favourite colour is {}."),
    "age": (["I am {} years old.", "My age is {}."], "So you are {}.",
            ["How old am I?", "What is my age?"], "You are {} years old."),
    "friend": (["My best friend is {}.", "{} is my best friend."], "Say hello to {}.",
               ["Who is my best friend?", "What is my best friend called?"],
               "Your best friend is {}."),
    "code": (["My code is {}.", "The code is {}."], "The code {} is noted.",
             ["What is my code?", "Which code did I give you?"], "Your code is {}."),
    "boss": (["My boss is {}.", "I work for {}."], "I see, {} is your boss.",
             ["Who is my boss?", "Who do I work for?"], "Your boss is {}."),
    "thing": (["I lost my {}.", "I cannot find my {}."], "I hope you find the {}.",
              ["What did I lose?", "What can I not find?"], "You lost your {}."),
    "meeting": (["My meeting is at {}:00.", "I have a meeting at {}:00."],
                "The meeting at {}:00 is noted.",
                ["When is my meeting?", "What time is my meeting?"], "Your meeting is at {}:00."),
    "dish": (["My favourite food is {}.", "I love to eat {}."], "{} it is.",
             ["What is my favourite food?", "What do I love to eat?"],
             "Your favourite food is {}."),
}
OPEN = ["", "", "By the way, ", "Also, ", "And ", "Please note: "]


def value_of(random, split, fact):
    """A fitting value for a fact."""
    if fact in ("name", "friend", "boss", "pet"):
        return words.person(random, split)
    if fact == "city":
        return words.place(random, split)
    if fact == "code":
        if random.random() < 0.5:
            return words.code(random)
        return words.number(random, random.randint(3, 6))
    if fact == "age":
        return str(random.randint(18, 99))
    if fact == "meeting":
        return str(random.randint(1, 23))
    source = {"job": words.JOBS, "colour": words.COLOURS, "thing": words.NOUNS,
              "dish": words.FRUITS}
    return random.choice(source[fact])


def small_talk(random, split):
    """A question with its answer that has nothing to do with the facts."""
    form = random.choice([chat.sample, dakkar.sample, lists.sample, None])
    item = form(random, split) if form else arithmetic.sample(random, split, "off")
    return [item.messages[0], say(item.content)]


def tell(random, split, fact, value):
    """The turns in which a fact is told and acknowledged."""
    told, noted, _, _ = FACTS[fact]
    opener = random.choice(OPEN)
    return [ask(opener + random.choice(told).format(value)),
            say(noted.format(value))]


def question(random, fact):
    return random.choice(FACTS[fact][2])


def sample(random, split, turns=None):
    """Facts over up to `turns` other turns; a fact may be corrected, or never told."""
    known = {}
    messages = []
    for fact in random.sample(list(FACTS), random.randint(1, 5)):
        known[fact] = value_of(random, split, fact)
        messages += tell(random, split, fact, known[fact])
        if random.random() < 0.5:
            messages += small_talk(random, split)
    for _ in range(random.randint(0, 2) if turns is None else turns):
        messages += small_talk(random, split)
    if random.random() < 0.15:
        fact = random.choice(list(known))
        known[fact] = value_of(random, split, fact)
        messages += tell(random, split, fact, known[fact])
    while random.random() < 0.6:
        fact, answer, _ = recall(random, known)
        messages += [ask(question(random, fact)), say(answer)]
    fact, answer, steps = recall(random, known)
    messages.append(ask(question(random, fact)))
    return Item(family="memory", messages=messages, content=answer, reasoning=steps,
                brief=f"It is about the {fact}.", facts={"fact": fact})


def recall(random, known):
    """(fact, answer, reasoning) for a fact that was told, or rarely for one that was not."""
    if random.random() < 0.1 and len(known) < len(FACTS):
        fact = random.choice([name for name in FACTS if name not in known])
        return fact, "You have not told me that.", f"The user asks for the {fact}. It was not told."
    fact = random.choice(list(known))
    return (fact, FACTS[fact][3].format(known[fact]),
            f"The user asks for the {fact}. The user said: {known[fact]}.")
