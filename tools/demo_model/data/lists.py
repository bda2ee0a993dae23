"""Tasks over a list of words or numbers: order, places, counting, replacing, smallest, sorted."""

from . import words
from .item import Item, ask, exact

check = exact

PLACES = ["first", "second", "third", "fourth", "fifth", "sixth"]


def joined(entries):
    return ", ".join(entries)


def reverse(random, entries):
    steps = joined(f"{i + 1} {word}" for i, word in enumerate(entries))
    return (random.choice(["Reverse", "Turn around", "Write backwards"]) + " this list",
            joined(entries[::-1]), f"The entries are {steps}. I read them from the end.")


def first(random, entries):
    return (random.choice(["What is the first entry of", "Which entry comes first in",
                           "Give the first of"]) + " this list",
            entries[0], f"The list starts with {entries[0]}.")


def last(random, entries):
    return (random.choice(["What is the last entry of", "Which entry comes last in",
                           "Give the last of"]) + " this list",
            entries[-1], f"The list ends with {entries[-1]}.")


def nth(random, entries):
    index = random.randrange(min(len(entries), len(PLACES)))
    steps = joined(f"{i + 1} {word}" for i, word in enumerate(entries[:index + 1]))
    return (random.choice(["What is the", "Which is the", "Give the"])
            + f" {PLACES[index]} entry of this list", entries[index], f"I count: {steps}.")


def count(random, entries):
    steps = joined(f"{i + 1} {word}" for i, word in enumerate(entries))
    return (random.choice(["How many entries has", "Count the entries of", "How long is"])
            + " this list", str(len(entries)), f"I count: {steps}.")


def remove(random, entries):
    gone = random.choice(entries)
    rest = joined(word for word in entries if word != gone)
    return (random.choice(["Remove", "Delete", "Leave out"]) + f" {gone} from this list",
            rest, f"I copy all but {gone}.")


def append(random, entries):
    extra = random.choice(words.NOUNS)
    return (random.choice([f"Add {extra} to the end of", f"Append {extra} to",
                           f"Put {extra} at the end of"]) + " this list",
            joined(entries + [extra]), f"I copy the list and end with {extra}.")


def prepend(random, entries):
    extra = random.choice(words.NOUNS)
    return (random.choice([f"Put {extra} at the front of", f"Add {extra} to the start of"])
            + " this list", joined([extra] + entries), f"I start with {extra} and copy the list.")


def replace(random, entries):
    old, fresh = random.choice(entries), random.choice(words.NOUNS)
    return (random.choice([f"Replace {old} by {fresh} in", f"Change {old} to {fresh} in"])
            + " this list", joined(fresh if word == old else word for word in entries),
            f"I copy the list and write {fresh} for {old}.")


def contains(random, entries):
    inside = random.random() < 0.5
    word = random.choice(entries if inside else words.NOUNS)
    inside = word in entries
    where = f"is entry {entries.index(word) + 1}" if inside else "does not appear"
    return (random.choice([f"Is {word} in", f"Does {word} appear in"]) + " this list",
            "Yes." if inside else "No.", f"{word} {where}.")


def take(random, entries):
    size = random.randint(2, max(2, len(entries) - 1))
    steps = joined(f"{i + 1} {word}" for i, word in enumerate(entries[:size]))
    return (random.choice(["Take", "Give", "Write"]) + f" the first {size} entries of this list",
            joined(entries[:size]), f"I count: {steps}.")


def numbered(random, entries):
    lines = "\n".join(f"{i + 1}. {word}" for i, word in enumerate(entries))
    return (random.choice(["Number", "Write numbers before"]) + " the entries of this list",
            lines, f"There are {len(entries)} lines to write.")


def bullets(random, entries):
    lines = "\n".join(f"- {word}" for word in entries)
    return (random.choice(["Write bullets for", "Make bullet points of"]) + " this list",
            lines, "I write one line for each entry.")


def after(random, entries):
    index = random.randrange(len(entries) - 1)
    return (random.choice(["What comes after", "What follows"])
            + f" {entries[index]} in this list", entries[index + 1],
            f"I find {entries[index]} and read on.")


def before(random, entries):
    index = random.randrange(1, len(entries))
    return (random.choice(["What comes before", "What stands before"])
            + f" {entries[index]} in this list", entries[index - 1],
            f"I find {entries[index]} and read what stands before it.")


def smallest(random, entries):
    best, steps = entries[0], [entries[0]]
    for value in entries[1:]:
        best = min(best, value, key=int)
        steps.append(best)
    return (random.choice(["What is the smallest number of", "Find the minimum of"])
            + " this list", best, "The smallest so far: " + joined(steps) + ".")


def largest(random, entries):
    best, steps = entries[0], [entries[0]]
    for value in entries[1:]:
        best = max(best, value, key=int)
        steps.append(best)
    return (random.choice(["What is the largest number of", "Find the maximum of"])
            + " this list", best, "The largest so far: " + joined(steps) + ".")


def ordered(random, entries):
    """Insertion into a sorted list, one entry a line."""
    done, steps = [], []
    for value in entries:
        done = sorted(done + [value], key=int)
        steps.append(" ".join(done))
    return (random.choice(["Sort", "Order", "Put in order"]) + " this list", joined(done),
            "I insert one by one:\n" + "\n".join(steps))


ON_WORDS = [reverse, first, last, nth, count, remove, append, prepend, replace, contains, take,
            numbered, bullets, after, before]
ON_NUMBERS = [smallest, largest, ordered, reverse, count, first, last]


def entries_for(random, split, numbers):
    """3 to 8 different entries; a list as a whole is seen in training or held out."""
    def make():
        if numbers:
            found = random.sample(range(1, 100), random.randint(3, 5))
            found = [str(value) for value in found]
        elif random.random() < 0.3:
            found = list(dict.fromkeys(words.invented(random)
                                       for _ in range(random.randint(3, 7))))
            random.shuffle(found)
        else:
            found = random.sample(words.NOUNS, random.randint(3, 8))
        return tuple(found), found
    return words.draw(random, split, make)


def sample(random, split):
    """One list task."""
    numbers = random.random() < 0.35
    entries = entries_for(random, split, numbers)
    request, answer, steps = random.choice(ON_NUMBERS if numbers else ON_WORDS)(random, entries)
    layout = random.randrange(3)
    if layout == 0:
        text = f"{request}: {joined(entries)}"
    elif layout == 1:
        text = f"{joined(entries)}\n{request}."
    else:
        text = f"{request}:\n" + "\n".join(entries)
    return Item(family="lists", messages=[ask(text)], content=answer, reasoning=steps,
                brief=steps.split(". ")[0].split(":")[0].rstrip(".") + ".",
                facts={"operation": request})
