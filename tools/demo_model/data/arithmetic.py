"""Sums, differences, products, quotients and short word problems, worked out digit by digit.

With thinking on the work is written column by column, short thinking writes the same tersely. With
thinking off only operands are drawn that a direct answer is fair for.
"""

import re

from . import phrases, words
from .item import Item, ask, thought_as_asked

ASK = {
    "+": ["What is {a} + {b}?", "{a} + {b} = ?", "Add {a} and {b}.", "What is {a} plus {b}?",
          "Compute {a} + {b}.", "How much is {a} plus {b}?", "Sum {a} and {b}.", "{a}+{b}"],
    "-": ["What is {a} - {b}?", "{a} - {b} = ?", "Subtract {b} from {a}.",
          "What is {a} minus {b}?", "Compute {a} - {b}.", "How much is {a} minus {b}?", "{a}-{b}"],
    "x": ["What is {a} x {b}?", "{a} x {b} = ?", "Multiply {a} by {b}.", "What is {a} times {b}?",
          "Compute {a} x {b}.", "How much is {a} times {b}?", "{a}*{b}"],
    "/": ["What is {a} / {b}?", "{a} / {b} = ?", "Divide {a} by {b}.",
          "What is {a} divided by {b}?", "Compute {a} / {b}."],
}
STORIES = [
    ("{who} has {a} {things} and {finds|buys|gets} {b} more.", "+"),
    ("{who} has {a} {things} and {loses|sells|gives away} {b}.", "-"),
    ("{who} {fills|packs} {b} {boxes|bags} with {a} {things} each.", "x"),
]


def check(item, answer):
    """The stated result is right, whatever wording surrounds it."""
    numbers = re.findall(r"\d+", answer.content)
    return (thought_as_asked(item, answer) and bool(numbers)
            and int(numbers[-1]) == item.facts["result"])


def add_columns(a, b):
    """(lines, result) of a column addition, from the ones upwards."""
    left, right = str(a)[::-1], str(b)[::-1]
    lines, carry, digits = [], 0, ""
    for i in range(max(len(left), len(right))):
        terms = [part[i] for part in (left, right) if i < len(part)]
        if carry:
            terms.append("1")
        total = sum(map(int, terms))
        carry, digit = divmod(total, 10)
        digits = str(digit) + digits
        carried = " carry 1" if carry else ""
        lines.append(f"{' + '.join(terms)} = {total}, write {digit}{carried}: {digits}")
    if carry:
        digits = "1" + digits
        lines.append(f"write 1: {digits}")
    return lines, int(digits)


def subtract_columns(a, b):
    """(lines, result) of a column subtraction of b <= a."""
    left, right = str(a)[::-1], str(b)[::-1]
    lines, borrow, digits = [], 0, ""
    for i, digit in enumerate(left):
        top = int(digit) - borrow
        low = int(right[i]) if i < len(right) else 0
        taken = " - 1" if borrow else ""
        borrow = int(top < low)
        value = top + 10 * borrow - low
        digits = str(value) + digits
        ten = f"10 + {digit}" if borrow else digit
        lines.append(f"{ten}{taken} - {low} = {value}{' borrow 1' if borrow else ''}: {digits}")
    return lines, int(digits)


def times_digit(a, b):
    """(lines, result) of a times the single digit b."""
    lines, carry, digits = [], 0, ""
    for digit in str(a)[::-1]:
        product = int(digit) * b
        total = product + carry
        plus = f" + {carry} = {total}" if carry else ""
        carry, low = divmod(total, 10)
        digits = str(low) + digits
        carried = f" carry {carry}" if carry else ""
        lines.append(f"{digit} x {b} = {product}{plus}, write {low}{carried}: {digits}")
    if carry:
        digits = str(carry) + digits
        lines.append(f"write {carry}: {digits}")
    return lines, int(digits)


def multiply(a, b):
    """(lines, result); a two-digit b goes through its two partial products."""
    if b < 10:
        return times_digit(a, b)
    tens, ones = divmod(b, 10)
    lines = [f"{a} x {ones}:"]
    first, low = times_digit(a, ones)
    second, high = times_digit(a, tens)
    lines += first + [f"{a} x {tens}:"] + second + [f"{low} + {high * 10}:"]
    summed, result = add_columns(low, high * 10)
    return lines + summed, result


def divide(a, b):
    """(lines, result) of a long division by a single digit that leaves no rest."""
    lines, rest, digits = [], 0, ""
    for digit in str(a):
        value = rest * 10 + int(digit)
        quotient, rest = divmod(value, b)
        digits += str(quotient)
        lines.append(f"{value} / {b} = {quotient} rest {rest}: {digits}")
    return lines, int(digits)


SOLVE = {"+": add_columns, "-": subtract_columns, "x": multiply, "/": divide}


def operands(random, sign, direct):
    """Operands of one operation; `direct` keeps to what is answered without working."""
    if sign in "+-":
        longest = 3 if direct else 5
        a = int(words.number(random, random.randint(1, longest)))
        b = int(words.number(random, random.randint(1, longest)))
        return (max(a, b), min(a, b)) if sign == "-" else (a, b)
    if sign == "x":
        a = int(words.number(random, random.randint(1, 2 if direct else 3)))
        b = random.randint(2, 9)
        if not direct and a < 100 and random.random() < 0.4:
            b = random.randint(11, 99)
        return a, b
    b = random.randint(2, 9)
    return b * int(words.number(random, random.randint(1, 1 if direct else 3))), b


def wording(random, sign, a, b):
    """A question for a sign b, at times as a little story."""
    if random.random() < 0.25:
        stories = [text for text, operation in STORIES if operation == sign]
        if stories:
            text = random.choice(stories).replace("{who}", random.choice(words.FIRST_NAMES))
            things = random.choice(words.GOODS + words.FRUITS)
            text = text.replace("{things}", things).replace("{a}", str(a)).replace("{b}", str(b))
            return phrases.expand(random, text) + f" How many {things} is that?"
    text = random.choice(ASK[sign])
    return text.replace("{a}", str(a)).replace("{b}", str(b))


def sample(random, split, mode="on"):
    """A task whose operands training has not seen together when held out."""
    direct = mode == "off"
    sign = random.choice("+-x/" if not direct else "++--x/")

    def make():
        a, b = operands(random, sign, direct)
        return (sign, a, b), (a, b)
    # Single digits are seen whole: there are too few to hold any out.
    a, b = words.draw(random, split, make)
    lines, result = SOLVE[sign](a, b)
    work = "\n".join([f"{a} {sign} {b}", *lines, f"The result is {result}."])
    terse = "; ".join(line.replace(", write", "").replace("carry", "c") for line in lines)
    return Item(family="arithmetic", messages=[ask(wording(random, sign, a, b))],
                content=f"{a} {sign} {b} = {result}", reasoning=work, brief=terse,
                mode=mode, facts={"result": result})
