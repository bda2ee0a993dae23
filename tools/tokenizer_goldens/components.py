"""Small tokenizers that put one component each, or one odd pairing, on trial."""

import json
import string

from tokenizers import Tokenizer

from tokenizer_goldens import files

TEXTS = [
    "", " ", "a", "Hello  World", " the end. ", "x-y--z", "12ab345", "don't STOP", "a\n\nb\t c",
    "e\u0301\xe9 \ufb01n", "\u0130\u01c4\u03a3", "tab\u3000wide\xa0nb", "\u65e5\u672c 12\xbd",
    "__a_b!?", "   lead", "trail   ", "<s>mid</s>", "a<s> <s>b", " <sep> x", "N\xc0\xefve",
    "\x01ctl\u200bzw\ufeff", "aaaabbbb", "-a-", "--", "\u2581under\u2581 score",
    "k\u212a \u017fs", "a\xb2b \xbc", "<0x41>", "\U0001f44d\U0001f3fd ok",
]


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def metaspace(scheme="always", cut=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}


def sequence(name, *parts):
    return {"type": "Sequence", name: list(parts)}


def strip(content, start, stop):
    return {"type": "Strip", "content": content, "start": start, "stop": stop}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def letter_model(**flags):
    """A text vocabulary with merges, bytes of ASCII as fallback tokens and an unknown token."""
    letters = string.ascii_letters + string.digits + "▁ .-!?'\n_éàï日"
    tokens = ["<unk>", "<s>", "</s>", *[f"<0x{b:02X}>" for b in range(128, 256)], *letters]
    merges = [["l", "l"], ["ll", "o"], ["▁", "t"], ["h", "e"], ["▁t", "he"], ["a", "a"],
              ["aa", "aa"], ["b", "b"], ["-", "-"], ["x", "-"], ["▁", "▁"], ["1", "2"]]
    tokens += [left + right for left, right in merges]
    tokens += ["end", "World"]
    return files.bpe_model({t: i for i, t in enumerate(tokens)}, merges, **flags)


def byte_model():
    letters = [files.byte_alphabet()[b] for b in range(256)]
    merges = [["Ġ", "t"], ["h", "e"], ["l", "l"], ["-", "-"], ["Ã", "©"], ["Ġ", "Ġ"], ["1", "2"]]
    tokens = ["<unk>", "<s>", "</s>", *letters, *[a + b for a, b in merges], "Ġend"]
    return files.bpe_model({t: i for i, t in enumerate(tokens)}, merges, ignore_merges=True)


def affix_model():
    """Tokens that know their place in a word: `##` inside, `</w>` at the end."""
    letters = string.ascii_lowercase
    tokens = ["<unk>", *letters, *["##" + c for c in letters], *[c + "</w>" for c in letters],
              *["##" + c + "</w>" for c in letters], "he", "hell", "##ll"]
    merges = [["h", "##e"], ["##l", "##l"], ["he", "##ll"]]
    return files.bpe_model({t: i for i, t in enumerate(tokens)}, merges,
                           continuing_subword_prefix="##", end_of_word_suffix="</w>")


def models():
    fallback = letter_model(byte_fallback=True)
    del fallback["vocab"]["<0xE6>"]  # so that some characters have all their bytes, some not
    return {"bytes": byte_model(), "letters": letter_model(), "fused": letter_model(fuse_unk=True),
            "silent": letter_model(unk_token=None), "fallback": fallback, "affix": affix_model(),
            "whole": letter_model(ignore_merges=True)}


def added():
    return [files.added_token(1, "<s>"), files.added_token(2, "</s>", rstrip=True),
            files.added_token(900, "<sep>", normalized=True, lstrip=True),
            files.added_token(901, "naïve", normalized=True, special=False, single_word=True)]


def pre_tokenizers():
    yield "none", None
    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        yield f"split {behavior}", split("-|l+", behavior)
        yield f"split inverted {behavior}", split("-|l+", behavior, invert=True)
        yield f"split string {behavior}", split("-", behavior, kind="String")
        yield f"punctuation {behavior}", {"type": "Punctuation", "behavior": behavior}
    yield "split on nothing", split("", kind="String")
    yield "split on empty matches", split("x*")
    yield "split at line ends", split("$|^")
    yield "split repeats of repeats", split(r"\p{L}{1,2}+|\d{,2}")
    yield "split on words", split(r"\w+|\W+")
    yield "split on word borders", split(r"\b")
    yield "split hex digits", split(r"\h+")
    yield "split lookbehind", split(r"(?<=a)b|(?<!-)-")
    yield "split case-insensitive", split(r"(?i:k|s|DON'T)")
    yield "split dot", split(r"(?m:.{3})|.")
    yield "split code points", split(r"[\x41-\x5A]|\u00e9|\x{65e5}|[\]\-\[]")
    yield "digits", {"type": "Digits", "individual_digits": False}
    yield "single digits", {"type": "Digits", "individual_digits": True}
    yield "whitespace", {"type": "Whitespace"}
    yield "whitespace split", {"type": "WhitespaceSplit"}
    yield "bert", {"type": "BertPreTokenizer"}
    yield "delimiter", {"type": "CharDelimiterSplit", "delimiter": "-"}
    yield "fixed length", {"type": "FixedLength", "length": 3}
    for scheme in ["always", "first", "never"]:
        for cut in [True, False]:
            yield f"metaspace {scheme} {cut}", metaspace(scheme, cut)


def byte_level_cases():
    words = split(r"\p{L}+")
    spaced = files.byte_level_step(add_prefix_space=True)
    gpt2 = files.byte_level_step(use_regex=True)
    yield "byte level", files.byte_level_step()
    yield "byte level gpt2", gpt2
    yield "byte level gpt2 prefixed", files.byte_level_step(use_regex=True, add_prefix_space=True)
    yield "split then prefixed byte level", sequence("pretokenizers", words, spaced)
    yield "byte level twice", sequence("pretokenizers", gpt2, files.byte_level_step())
    yield "byte level then split", sequence("pretokenizers", gpt2, split("Ġ", "MergedWithNext"))


def normalizers():
    for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"]:
        yield name, {"type": name}
    for left in [True, False]:
        yield f"strip {left}", {"type": "Strip", "strip_left": left, "strip_right": not left}
    yield "strip both", {"type": "Strip", "strip_left": True, "strip_right": True}
    yield "prepend", {"type": "Prepend", "prepend": "▁"}
    yield "replace string", replace("l", "LL")
    yield "replace empty string", replace("", "-")
    yield "replace regex", replace(r"\s+|a$", "_", "Regex")
    yield "several", sequence("normalizers", {"type": "NFD"}, {"type": "StripAccents"},
                              {"type": "Lowercase"}, replace(" ", "▁"))


def decoders():
    fallback = {"type": "ByteFallback"}
    fuse = {"type": "Fuse"}
    mark = replace("▁", " ")
    yield "no decoder", None
    yield "byte level", files.byte_level_step()
    yield "fallback", fallback
    yield "fuse", fuse
    yield "llama", sequence("decoders", mark, fallback, fuse, strip(" ", 1, 0))
    yield "strip joined", sequence("decoders", mark, fuse, strip("a", 2, 1))
    yield "replace joined", sequence("decoders", fuse, replace("a+b", "<>", "Regex"))
    yield "byte level after fuse", sequence("decoders", fuse, files.byte_level_step())
    for scheme in ["always", "never"]:
        yield f"metaspace {scheme}", metaspace(scheme)


def variants():
    """(name, model name, components) of each tokenizer."""
    for name, step in pre_tokenizers():
        yield "pre: " + name, "letters", {"pre_tokenizer": step}
    for name, step in byte_level_cases():
        yield "pre: " + name, "bytes", {"pre_tokenizer": step, "decoder": files.byte_level_step()}
    for name, step in normalizers():
        yield "normalizer: " + name, "letters", {"normalizer": step}
    yield "normalizer before metaspace first", "letters", {
        "normalizer": {"type": "Strip", "strip_left": True, "strip_right": False},
        "pre_tokenizer": metaspace("first")}
    for name, step in decoders():
        yield "decoder: " + name, "fallback", {"decoder": step}
    for model in ["bytes", "fused", "silent", "fallback", "whole"]:
        yield "model: " + model, model, {}
    yield "model: affix", "affix", {"pre_tokenizer": {"type": "WhitespaceSplit"}}
    cls = {"sep": ["</s>", 2], "cls": ["<s>", 1]}
    yield "post: bert", "letters", {"post_processor": {"type": "BertProcessing", **cls}}
    yield "post: roberta", "letters", {"post_processor": {
        "type": "RobertaProcessing", **cls, "trim_offsets": True, "add_prefix_space": False}}


def decoded_or_none(tokenizer, ids):
    """The library's text, or None where it panics: `Strip` does on texts shorter than the cut."""
    try:
        return tokenizer.decode(ids, skip_special_tokens=False)
    except BaseException as error:  # a Rust panic is no Exception
        if type(error).__name__ != "PanicException":
            raise
        return None


def record():
    """{"models": name -> JSON text, "variants": [{name, model, head, cases}]}."""
    texts = {name: json.dumps(model, ensure_ascii=False, separators=(",", ":"))
             for name, model in models().items()}
    rows = []
    for name, model, parts in variants():
        content = files.document(None, added(), **parts)
        del content["model"]
        head = json.dumps(content, ensure_ascii=False, separators=(",", ":"))[:-1]
        tokenizer = Tokenizer.from_str(f'{head},"model":{texts[model]}}}')
        cases = []
        for text in TEXTS:
            ids = tokenizer.encode(text).ids
            cases.append([text, ids, decoded_or_none(tokenizer, ids)])
        rows.append({"name": name, "model": model, "head": head, "cases": cases})
    return {"models": texts, "variants": rows}
