"""Texts to be said again, letter by letter: the plainest test of copying."""

from . import words
from .item import Item, ask, exact

check = exact

REQUESTS = ["Repeat: {}", "Repeat after me: {}", "Echo {}", "Write exactly: {}",
            "Copy this text: {}", "Copy: {}", "Please repeat this: {}", "{}\nRepeat that."]


def piece(random):
    """A word of any kind."""
    kind = random.randrange(8)
    if kind < 2:
        return random.choice(words.NOUNS)
    if kind < 4:
        return words.invented(random)
    if kind == 4:
        return words.code(random)
    if kind == 5:
        return words.number(random, random.randint(1, 6))
    if kind == 6:
        return words.name_form(random, words.invented(random))
    return words.invented(random) + random.choice(",.!?;:")


def sample(random, split):
    """One text of 1 to 12 words."""
    def make():
        text = " ".join(piece(random) for _ in range(random.randint(1, 12)))
        return (text,), text
    text = words.draw(random, split, make)
    return Item(family="repeat", messages=[ask(random.choice(REQUESTS).format(text))],
                content=text, reasoning="I copy the text.", brief="I copy.")
