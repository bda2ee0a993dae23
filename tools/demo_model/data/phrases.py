"""Paraphrases: texts with {one|or|another} choices, and openers and closers around a question."""

import re

from . import words

CHOICE = re.compile(r"\{([^{}]*)\}")

OPENERS = ("", "", "", "Hi, ", "Hello, ", "Hey, ", "Please, ", "OK, ", "So, ", "Now, ", "Well, ",
           "Quick question: ", "One question: ", "Excuse me, ", "Hi there, ", "Hmm, ", "And ",
           "Then ", "By the way, ", "Good day, ")
CONTRACTIONS = (("What is", "What's"), ("what is", "what's"), ("How is", "How's"),
                ("I am", "I'm"), ("do not", "don't"), ("You are", "You're"), ("you are", "you're"))
CLOSERS = ("", "", "", " please", ", please", " now", " then", " thanks", ", thank you", " today",
           " exactly", " by the way")


def expand(random, template):
    """Replaces every {a|b} by one of its choices."""
    return CHOICE.sub(lambda match: random.choice(match[1].split("|")), template)


def dress(random, question):
    """Puts an opener before a question and a closer before its final mark."""
    mark = question[-1] if question[-1] in "?.!" else ""
    body = question[:-1] if mark else question
    opener = random.choice(OPENERS)
    body = opener + (body[0].lower() + body[1:] if opener and body[:2] != "I " else body)
    body += random.choice(CLOSERS)
    if random.random() < 0.15:
        mark = ""
    text = body + mark
    return text


def contracted(text):
    """The text as people type it: what's, I'm, don't."""
    for long, short in CONTRACTIONS:
        text = text.replace(long, short)
    return text


def paraphrase(random, split, templates):
    """One wording of a question, on the right side of the split."""
    def make():
        text = dress(random, expand(random, random.choice(templates)))
        text = contracted(text) if random.random() < 0.2 else text
        text = text.lower() if random.random() < 0.15 else text
        return (text,), text
    return words.draw(random, split, make)
