#!/usr/bin/env python3
"""Makes the tokenizer files that the tests use and records what `tokenizers` does with them.

    python3 tools/record_tokenizer_goldens.py --tiny-only tests/data/tokenizer/tiny256.json

Needs the PyPI package `tokenizers`.
"""

import argparse
import json
import pathlib

from tokenizers import Tokenizer

FAMILY_SPECIALS = [
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "<|im_start|>", "<|im_end|>",
    "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>",
]

NEMOTRON3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_alphabet():
    """The printable character that stands for each byte in a byte-level vocabulary."""
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in kept]
    letters = {b: chr(b) for b in kept}
    letters.update({b: chr(256 + i) for i, b in enumerate(others)})
    return letters


def added_token(token_id, content, **flags):
    entry = {"id": token_id, "content": content, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False, "special": True}
    entry.update(flags)
    return entry


def byte_level_step(**flags):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False,
            "use_regex": False, **flags}


def nemotron3_document(vocab, merges, added):
    """A tokenizer.json laid out as Nemotron 3's is: Split, ByteLevel, BPE with ignore_merges."""
    split = {"type": "Split", "pattern": {"Regex": NEMOTRON3_SPLIT}, "behavior": "Isolated",
             "invert": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level_step()]},
        "post_processor": byte_level_step(),
        "decoder": byte_level_step(),
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>",
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
                  "vocab": vocab, "merges": merges},
    }


def write_tiny(path):
    """Writes the 256-entry tokenizer of the tiny checkpoints.

    18 control tokens, tab, line feed, carriage return, printable ASCII and every byte that valid
    UTF-8 beyond ASCII can hold; the 25 places left are merges. Other control characters are <unk>.
    """
    letters = byte_alphabet()
    text_bytes = [9, 10, 13, *range(0x20, 0x7F), *range(0x80, 0xC0), *range(0xC2, 0xF5)]
    merges = [("Ġ", "t"), ("h", "e"), ("i", "n"), ("a", "n"), ("e", "r"), ("Ġ", "a"), ("o", "n"),
              ("r", "e"), ("Ġt", "he"), ("a", "t"), ("e", "n"), ("n", "d"), ("Ġ", "s"), ("o", "r"),
              ("Ġ", "w"), ("i", "s"), ("e", "s"), ("Ġ", "o"), ("in", "g"), ("an", "d"),
              ("Ġ", "Ġ"), ("l", "l"), ("o", "u"), ("Ġ", "i"), ("e", "d")]
    tokens = FAMILY_SPECIALS + [letters[b] for b in text_bytes] + [a + b for a, b in merges]
    vocab = {token: i for i, token in enumerate(tokens)}
    assert len(tokens) == len(vocab) == 256
    added = [added_token(i, token) for i, token in enumerate(FAMILY_SPECIALS)]
    document = nemotron3_document(vocab, [list(pair) for pair in merges], added)
    text = json.dumps(document, ensure_ascii=False, indent=1)
    tokenizer = Tokenizer.from_str(text)
    assert tokenizer.get_vocab_size() == 256
    assert tokenizer.token_to_id("</s>") == 2 and tokenizer.token_to_id("<|im_end|>") == 11
    sample = "The thing on the <tool_call> 100% Ω été 日本 👍\r\n\tend"
    ids = tokenizer.encode(sample).ids
    assert 0 not in ids and tokenizer.decode(ids, skip_special_tokens=False) == sample
    pathlib.Path(path).write_text(text + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny-only", metavar="OUT", help="write only tiny256.json, to OUT")
    arguments = parser.parse_args()
    if arguments.tiny_only:
        write_tiny(arguments.tiny_only)


if __name__ == "__main__":
    main()
