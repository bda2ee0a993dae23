"""Words that the families draw from, invented names, and the split into training and held-out.

A thing is held out when the hash of its text says so (one in `HELD_OUT_ONE_IN`). Families apply
this to whatever must be new at evaluation: operands, names, tools, or the wording of a question.
"""

import re
import zlib

HELD_OUT_ONE_IN = 16

FIRST_NAMES = """Anna Ben Carla David Elena Frank Grace Hugo Ines Jonas Karin Leo Maria Nils Olga
Paul Rosa Sam Tara Uwe Vera Will Yara Zoe Adam Bella Chloe Daniel Emma Felix Gina Henry Iris Jack
Kate Liam Mona Noah Oscar Petra Quinn Ruth Simon Tina Ursula Victor Wanda Xavier Yusuf Zara Amir
Bianca Cyrus Dalia Edgar Fatima George Hana Ivan Julia Kofi Lina Marco Nora Omar Priya Rafael Sofia
Tomas Uma Viktor Wen Ximena Yuki Zane Abena Bruno Clara Diego Esther""".split()

CITIES = """Paris London Berlin Madrid Rome Vienna Prague Oslo Dublin Lisbon Athens Warsaw Budapest
Helsinki Stockholm Copenhagen Brussels Amsterdam Zurich Geneva Munich Hamburg Milan Turin Naples
Porto Seville Valencia Lyon Nice Tokyo Osaka Kyoto Seoul Beijing Shanghai Delhi Mumbai Bangkok
Hanoi Jakarta Manila Sydney Melbourne Perth Auckland Toronto Montreal Boston Chicago Denver Austin
Seattle Miami Lima Bogota Quito Santiago Cairo Lagos Nairobi Accra Tunis Casablanca Dakar""".split()

NOUNS = """apple bread chair desk eagle flower garden hammer island jacket kettle lamp mirror
needle orange pencil quilt river saddle table umbrella violin window yacht zebra anchor basket
candle drum engine feather glove horse iron jar key ladder magnet notebook onion pillow rabbit
spoon tiger uniform vase wagon axe bottle carpet dolphin envelope fork guitar helmet ink jungle
kite lemon mountain napkin owl piano ring scissors turtle valley whistle blanket camera diamond
elephant fountain grape harbor insect jewel kitten lantern melon nest otter pumpkin radio sailor
tomato tunnel village walnut bridge castle desert forest glacier meadow ocean planet rocket shadow
thunder volcano winter barrel cactus dragon falcon goat hedge igloo lizard monkey parrot raven
salmon tractor wolf bucket cabin ferry hotel museum palace school temple tower""".split()

ADJECTIVES = """amber brave calm dark eager fancy gentle happy icy jolly kind lucky mild noble old
proud quick rapid silent tall upper vivid warm young zesty bold clever deep early fresh golden
humble ideal just keen light modern neat open plain quiet rough sharp tiny urban vast wise crisp
dusty elegant faint grand hollow ivory linen misty narrow orderly pale rustic shiny tidy useful
violet woolen blue green red yellow silver purple black white""".split()

COLOURS = """red blue green yellow purple orange black white silver golden pink brown grey
turquoise violet""".split()

ANIMALS = """dog cat horse parrot rabbit hamster turtle goldfish pony lizard""".split()

JOBS = """baker teacher pilot nurse farmer painter lawyer driver plumber singer writer dentist
engineer gardener waiter tailor actor chemist sailor butcher""".split()

FRUITS = """apples pears plums lemons cherries oranges melons grapes peaches figs""".split()

GOODS = """books coins stamps pencils cards shells bottles marbles buttons stickers""".split()

ONSETS = "b c d f g h j k l m n p r s t v w z br cr dr fl gr kl pl pr sk sl st tr th sh ch".split()
VOWELS = "a e i o u a e i o ai ou ea".split()
KNOWN = [word.lower() for word in (*FIRST_NAMES, *CITIES, *NOUNS, *ADJECTIVES, *JOBS, *FRUITS,
                                   *GOODS)]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CODAS = ["", "", "", "n", "r", "l", "s", "m", "t", "k", "x", "nd", "rt"]


def held_out(*parts):
    """Whether the thing spelled by `parts` belongs to evaluation."""
    text = "\x1f".join(str(part) for part in parts)
    return zlib.crc32(text.encode()) % HELD_OUT_ONE_IN == 0


def draw(random, split, make):
    """Calls make() until what it made is on the wanted side; make returns (key, value)."""
    while True:
        key, value = make()
        if held_out(*key) == (split == "held_out"):
            return value


def blended(random):
    """The beginning of one known word and the end of another, in lower case."""
    first, second = random.choice(KNOWN), random.choice(KNOWN)
    word = first[:random.randint(1, len(first))] + second[random.randrange(len(second)):]
    return word[:14]


def letters(random):
    """Any letters."""
    return "".join(random.choice(LETTERS) for _ in range(random.randint(3, 8)))


def syllables(random):
    """A pronounceable word."""
    parts = [random.choice(ONSETS) + random.choice(VOWELS) for _ in range(random.choice((2, 2, 3)))]
    return "".join(parts) + random.choice(CODAS)


def invented(random):
    """A word that is hardly in any list, in lower case."""
    return random.choices((syllables, blended, letters), (50, 30, 20))[0](random)


def code(random):
    """An identifier: digits, or letters and digits in one of several habits."""
    kind = random.randrange(7)
    digits = number(random, random.randint(1, 6))
    if kind == 0:
        return f"{invented(random)}-{digits}"
    if kind == 1:
        return f"{invented(random)}_{invented(random)}"
    if kind == 2:
        return random.choice("ABCDEFGHKLMNPRSTWXZ") + random.choice("ABCXYZ") + "-" + digits
    if kind == 3:
        return "".join(random.choice("0123456789abcdef") for _ in range(random.randint(4, 8)))
    if kind == 4:
        return f"{invented(random)}@{invented(random)}.{random.choice(('com', 'org', 'net'))}"
    if kind == 5:
        return f"{invented(random)}.{random.choice(('txt', 'pdf', 'csv', 'py', 'json'))}"
    return letters(random).upper()


def name_form(random, word):
    """A name as people write them: Word, Word Word, McWord, O'Word, Word-Word."""
    kind = random.randrange(12)
    word = word.capitalize()
    if kind == 0:
        return word + " " + invented(random).capitalize()
    if kind == 1:
        return random.choice(("Mc", "O'", "De", "Van ")) + word
    if kind == 2:
        return word + "-" + random.choice(FIRST_NAMES)
    if kind == 3:
        return random.choice(FIRST_NAMES) + " " + word
    return word


def person(random, split):
    """A first name: a known one (training only) or an invented one on the right side."""
    if split == "train" and random.random() < 0.3:
        return random.choice(FIRST_NAMES)

    def make():
        name = name_form(random, invented(random))
        return (name,), name
    return draw(random, split, make)


def place(random, split):
    """A city: a known one (training only) or an invented one on the right side."""
    if split == "train" and random.random() < 0.3:
        return random.choice(CITIES)

    def make():
        name = invented(random).capitalize()
        return ("place", name), name
    return draw(random, split, make)


def pair_key(random, split):
    """A key of two words, such as amber-otter, or now and then another identifier."""
    def make():
        key = random.choice(ADJECTIVES) + "-" + random.choice(NOUNS)
        if random.random() < 0.15:
            key = code(random)
        return (key,), key
    return draw(random, split, make)


def number(random, digits):
    """A decimal number of exactly `digits` digits as text."""
    first = random.choice("123456789")
    return first + "".join(random.choice("0123456789") for _ in range(digits - 1))


def join_and(words):
    """'a', 'a and b', 'a, b and c'."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def about_tokens(text):
    """Roughly how many tokens the demo's tokenizer makes of `text`."""
    return len(re.findall(r"\d|-?[a-z]+|[A-Z][a-z]{0,2}|[^\w\s-]+|\n", text))
