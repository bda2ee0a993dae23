"""Seeded strings, byte strings and id lists; the tests make the same ones from the same pools.

Recipe (all numbers unsigned 64 bit). `Chance` is SplitMix64 started with `seed * 1000003 + index`.
A mixed string takes 1 + next % 20 atoms; each comes from the pool `recipe[next % len(recipe)]`, the
atom is `pool[next % len(pool)]`, and when next % 12 is 0 it is repeated 1 + next % 8 times. The
pool "code_points" is a list of ranges: the atom is the (next % total)-th character of them. A
random Unicode string takes 1 + next % 40 atoms of that pool. A broken string is a mixed one with
1 + next % 5 edits: at next % size, next % 4 says replace, erase, insert or cut off there; new bytes
are 0x80 + next % 0x80. If it is still UTF-8, 0xFF goes to next % (size + 1). An id list has
next % 30 ids: next % 32 when next % 4 is 0, else next % (vocabulary + 2).
"""

MASK = (1 << 64) - 1


class Chance:
    """SplitMix64 (Steele, Lea and Flood 2014)."""

    def __init__(self, seed, index):
        self.state = (seed * 1000003 + index) & MASK

    def below(self, limit):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % limit


class Strings:
    def __init__(self, pools):
        self.pools = pools["lists"]
        self.recipe = pools["recipe"]
        self.ranges = pools["code_points"]
        self.total = sum(last - first + 1 for first, last in self.ranges)

    def code_point(self, chance):
        at = chance.below(self.total)
        for first, last in self.ranges:
            if at <= last - first:
                return chr(first + at)
            at -= last - first + 1
        raise AssertionError("the ranges hold `total` characters")

    def mixed(self, chance):
        text = ""
        for _ in range(1 + chance.below(20)):
            name = self.recipe[chance.below(len(self.recipe))]
            if name == "code_points":
                atom = self.code_point(chance)
            else:
                pool = self.pools[name]
                atom = pool[chance.below(len(pool))]
            text += atom * (1 + chance.below(8) if chance.below(12) == 0 else 1)
        return text

    def random_unicode(self, chance):
        return "".join(self.code_point(chance) for _ in range(1 + chance.below(40)))

    def broken(self, chance):
        data = bytearray(self.mixed(chance).encode())
        for _ in range(1 + chance.below(5)):
            if not data:
                break
            at, edit = chance.below(len(data)), chance.below(4)
            if edit == 0:
                data[at] = 0x80 + chance.below(0x80)
            elif edit == 1:
                del data[at]
            elif edit == 2:
                data.insert(at, 0x80 + chance.below(0x80))
            else:
                del data[at:]
        try:
            data.decode()
            data.insert(chance.below(len(data) + 1), 0xFF)
        except UnicodeDecodeError:
            pass
        return bytes(data)


def id_list(chance, vocabulary):
    return [chance.below(32) if chance.below(4) == 0 else chance.below(vocabulary + 2)
            for _ in range(chance.below(30))]


def fingerprint(data):
    """FNV-1a, 64 bit, folded to 32."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return (value ^ (value >> 32)) & 0xFFFFFFFF
