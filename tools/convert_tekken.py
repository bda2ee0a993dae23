#!/usr/bin/env python3
"""Makes a 131,072-entry tokenizer.json from the tekken file that PyPI's `mistral-common` carries.

    python3 tools/convert_tekken.py OUT.json [TEKKEN.json]

The vocabulary of Nemotron 3 descends from this one. Like it, the result has 1,000 control tokens
first, the 256 bytes next, and every way of joining two tokens into a third as a merge. Takes about
five seconds.
"""

import base64
import importlib.util
import json
import pathlib
import sys

from tokenizer_goldens import files


def find_tekken():
    package = importlib.util.find_spec("mistral_common")
    if package is None:
        sys.exit("convert_tekken.py: install mistral-common, or name a tekken file")
    return pathlib.Path(package.origin).parent / "data" / "tekken_240911.json"


def all_merges(ranks, letters):
    """Every pair of tokens that makes a token, by the rank of the result, then of the parts."""
    def spell(token):
        return "".join(letters[b] for b in token)

    merges = []
    for token in ranks:
        pairs = [(ranks[token[:i]], ranks[token[i:]], token[:i], token[i:])
                 for i in range(1, len(token)) if token[:i] in ranks and token[i:] in ranks]
        merges += [[spell(left), spell(right)] for _, _, left, right in sorted(pairs)]
    return merges


def convert(tekken):
    config = tekken["config"]
    control = config["default_num_special_tokens"]
    words = tekken["vocab"][:config["default_vocab_size"] - control]
    ranks = {base64.b64decode(word["token_bytes"]): word["rank"] for word in words}
    letters = files.byte_alphabet()
    names = files.FAMILY_SPECIALS + [f"<SPECIAL_{i}>"
                                     for i in range(len(files.FAMILY_SPECIALS), control)]
    vocab = {name: i for i, name in enumerate(names)}
    vocab.update({"".join(letters[b] for b in token): control + rank
                  for token, rank in ranks.items()})
    assert len(vocab) == config["default_vocab_size"]
    added = [files.added_token(i, name) for i, name in enumerate(names)]
    return files.nemotron3_document(vocab, all_merges(ranks, letters), added,
                                    pattern=config["pattern"])


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    source = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else find_tekken()
    tokenizer = files.write(pathlib.Path(sys.argv[1]), convert(json.loads(source.read_text())))
    print(f"{sys.argv[1]}: {tokenizer.get_vocab_size()} entries")


if __name__ == "__main__":
    main()
