#!/usr/bin/env python3
"""Makes the tokenizer files that the tests use and records what `tokenizers` does with them.

    python3 tools/record_tokenizer_goldens.py                  tests/data/tokenizer, all of it
    python3 tools/record_tokenizer_goldens.py --tiny-only OUT  only tiny256.json
    python3 tools/record_tokenizer_goldens.py --large FILE     FILE.golden beside a tokenizer.json

A `.golden` file holds little-endian 32-bit fingerprints, see `record`. `pools.json` is written by
hand but for its character ranges: those that the library's own parts, which carry tables of
different Unicode versions, agree about, none newer than Unicode 14. Needs `tokenizers`.
"""

import argparse
import json
import pathlib
import struct

from tokenizers import Tokenizer
from tokenizer_goldens import components, files, strings

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "tokenizer"
TEXTS, BROKEN, ID_LISTS = 20000, 2000, 2000
SEEDS = {"text": 1, "broken": 2, "ids": 3}
CASES = 60

SPELT_OUT = [
    "", "Hello, world!", "I'll DON'T it's", "  two  spaces ", "a\nb\r\n\r\nc",
    "x = 12345 + 6;\n\t\treturn",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\n", "no<think>space</think>no",
    "text <mask>  text", "<mask><mask> <mask>", "a <word> b<word> <word>c", "Café au lait",
    "日本語と日本", "👍🏽 👨‍👩‍👧", "e\u0301 a\u0315\u0328", "ÀÉÎ àéî ÀÉÎx", "A  <gap>b",
    "\u180e\u2028\u00a0",
]


def tiny(path):
    tokenizer = files.write(path, files.tiny_document())
    assert tokenizer.get_vocab_size() == 256
    assert tokenizer.token_to_id("</s>") == 2 and tokenizer.token_to_id("<|im_end|>") == 11
    sample = "The thing on the <tool_call> 100% Ω été 日本 👍\r\n\tend"
    ids = tokenizer.encode(sample).ids
    assert 0 not in ids and tokenizer.decode(ids, skip_special_tokens=False) == sample
    return tokenizer


def of_ids(ids):
    return strings.fingerprint(struct.pack(f"<{len(ids)}i", *ids))


def record(path, tokenizer, pools):
    """Fingerprints, in order: ids of 20,000 texts (every fourth random Unicode, odd ones with
    special tokens added), ids of 2,000 broken texts, then two for each of 2,000 id lists: its text
    with special tokens and without."""
    source = strings.Strings(pools)
    texts, marks = [], []
    for i in range(TEXTS):
        chance = strings.Chance(SEEDS["text"], i)
        texts.append(source.random_unicode(chance) if i % 4 == 3 else source.mixed(chance))
    for add in (0, 1):
        for encoded in tokenizer.encode_batch_fast(texts[add::2], add_special_tokens=bool(add)):
            marks.append(of_ids(encoded.ids))
    half = TEXTS // 2
    marks = [marks[i // 2 + (i % 2) * half] for i in range(TEXTS)]
    for i in range(BROKEN):
        data = source.broken(strings.Chance(SEEDS["broken"], i))
        text = data.decode(errors="replace")
        marks.append(of_ids(tokenizer.encode(text, add_special_tokens=False).ids))
    for i in range(ID_LISTS):
        ids = strings.id_list(strings.Chance(SEEDS["ids"], i), tokenizer.get_vocab_size())
        for skip in (False, True):
            text = tokenizer.decode(ids, skip_special_tokens=skip)
            marks.append(strings.fingerprint(text.encode()))
    path.write_bytes(struct.pack(f"<{len(marks)}I", *marks))
    print(f"{path}: {len(marks)} fingerprints")


def spelt_out(name, tokenizer, pools):
    """Some cases in full, for reading when a fingerprint differs."""
    source = strings.Strings(pools)
    texts = SPELT_OUT + [source.mixed(strings.Chance(9, i)) for i in range(CASES)]
    rows = []
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        rows.append({"tokenizer": name, "text": text, "ids": ids,
                     "with_special": tokenizer.encode(text).ids,
                     "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                     "skipped": tokenizer.decode(ids, skip_special_tokens=True)})
    return rows


def write_json(path, rows):
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def record_all(pools):
    words = pools["lists"]["words"]
    made = {"tiny256": tiny(DATA / "tiny256.json"),
            "small": files.write(DATA / "small.json", files.small_document(words)),
            "cousin": files.write(DATA / "cousin.json", files.cousin_document(words))}
    cases = []
    for name, tokenizer in made.items():
        cases += spelt_out(name, tokenizer, pools)
        record(DATA / f"{name}.golden", tokenizer, pools)
    write_json(DATA / "cases.json", cases)
    trials = components.record()
    (DATA / "models.json").write_text(
        json.dumps(trials["models"], ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    write_json(DATA / "components.json", trials["variants"])
    print(f"{len(cases)} cases, {len(trials['variants'])} variants")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny-only", metavar="OUT", help="write only tiny256.json, to OUT")
    parser.add_argument("--large", metavar="FILE", help="record FILE.golden for this tokenizer")
    arguments = parser.parse_args()
    if arguments.tiny_only:
        tiny(pathlib.Path(arguments.tiny_only))
        return
    pools = json.loads((DATA / "pools.json").read_text(encoding="utf-8"))
    if arguments.large:
        large = pathlib.Path(arguments.large)
        record(large.with_suffix(".golden"), Tokenizer.from_file(str(large)), pools)
        return
    record_all(pools)


if __name__ == "__main__":
    main()
