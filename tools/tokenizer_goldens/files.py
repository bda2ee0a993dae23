"""The tokenizer.json files that the tests use, built from nothing but `tokenizers`."""

import json
import random

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

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


def bpe_model(vocab, merges, **flags):
    return {"type": "BPE", "dropout": None, "unk_token": "<unk>",
            "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
            "byte_fallback": False, "ignore_merges": False, **flags,
            "vocab": vocab, "merges": merges}


def document(model, added, **components):
    parts = {"normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    parts.update(components)
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, **parts,
            "model": model}


def nemotron3_document(vocab, merges, added, pattern=NEMOTRON3_SPLIT):
    """A tokenizer.json laid out as Nemotron 3's is: Split, ByteLevel, BPE with ignore_merges."""
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
             "invert": False}
    return document(
        bpe_model(vocab, merges, ignore_merges=True), added,
        pre_tokenizer={"type": "Sequence", "pretokenizers": [split, byte_level_step()]},
        post_processor=byte_level_step(), decoder=byte_level_step())


def tiny_document():
    """The 256-entry tokenizer of the tiny checkpoints.

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
    return nemotron3_document(vocab, [list(pair) for pair in merges], added)


def seeded_corpus(words, lines=3000):
    """Text to train on: words of the pools in a seeded order, some joined, cased and numbered."""
    chance = random.Random(20260704)
    corpus = []
    for _ in range(lines):
        line = []
        for _ in range(chance.randint(3, 14)):
            word = words[min(int(chance.expovariate(0.02)), len(words) - 1)]
            line.append(word.capitalize() if chance.random() < 0.15 else word)
            if chance.random() < 0.1:
                line.append(str(chance.randint(0, 2100)))
        corpus.append(" ".join(line) + chance.choice([".", "\n", ";\n    ", "?", "!"]))
    return corpus


def small_document(words):
    """About 1,500 entries, byte-level, the family's control tokens at the family's ids."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.train_from_iterator(
        seeded_corpus(words),
        trainers.BpeTrainer(vocab_size=1500, show_progress=False, min_frequency=2,
                            initial_alphabet=sorted(byte_alphabet().values())))
    model = json.loads(trained.to_str())["model"]
    by_id = sorted(model["vocab"], key=model["vocab"].get)
    vocab = {token: i for i, token in enumerate(FAMILY_SPECIALS + by_id)}
    added = [added_token(i, token, special=not token.startswith(("<tool_", "</tool_")))
             for i, token in enumerate(FAMILY_SPECIALS)]
    extra = [
        added_token(len(vocab), "<mask>", lstrip=True, rstrip=True),
        added_token(len(vocab) + 1, "<word>", single_word=True),
        added_token(len(vocab) + 2, "Café", special=False),
        added_token(len(vocab) + 3, "<mask><mask>"),
        added_token(len(vocab) + 4, "<norm>", normalized=True, special=False),
        added_token(len(vocab) + 5, "日本語", special=False, normalized=True),
    ]
    return nemotron3_document(vocab, model["merges"], added + extra)


def cousin_document(words):
    """A cousin with a normalizer, a prepended mark, byte fallback and a decoder sequence."""
    trained = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    corpus = [line.lower() for line in seeded_corpus(words, lines=2000)]
    trained.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=700, show_progress=False, min_frequency=2,
                                    limit_alphabet=160))
    model = json.loads(trained.to_str())["model"]
    by_id = sorted(model["vocab"], key=model["vocab"].get)
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    tokens += [token for token in by_id if token not in tokens]
    vocab = {token: i for i, token in enumerate(tokens)}
    added = [added_token(i, token) for i, token in enumerate(tokens[:3])]
    added += [
        added_token(len(vocab), "<sep>", normalized=True),
        added_token(len(vocab) + 1, "ÀÉÎ", normalized=True, special=False, single_word=True),
        added_token(len(vocab) + 2, "  <gap>", special=False, lstrip=True),
    ]
    mark = "▁"
    normalizer = {"type": "Sequence", "normalizers": [
        {"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": r"\s{3,}"}, "content": "  "},
        {"type": "Lowercase"}, {"type": "Prepend", "prepend": mark},
        {"type": "Replace", "pattern": {"String": " "}, "content": mark}]}
    decoder = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": mark}, "content": " "},
        {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    post = {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    return document(bpe_model(vocab, model["merges"], fuse_unk=True, byte_fallback=True), added,
                    normalizer=normalizer, decoder=decoder, post_processor=post)


def write(path, content):
    """Writes a tokenizer.json and returns the library's reading of it."""
    text = json.dumps(content, ensure_ascii=False, indent=None, separators=(",", ":"))
    text = text.replace('"model":', '\n"model":').replace('"merges":', '\n"merges":')
    tokenizer = Tokenizer.from_str(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    return tokenizer
