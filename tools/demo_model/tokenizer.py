"""The demo model's tokenizer: byte-level BPE of 4,096 entries, trained on generated text.

Digits stand alone, so that arithmetic sees columns. Ids 0 to 17 are the family's special tokens.

    python tokenizer.py OUT [--documents 20000] [--seed 1]
"""

import argparse
import json
import pathlib
import random as randomness

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tokenizers import AddedToken

from data import mix, render

VOCABULARY = 4096
SPECIAL = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
           "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "<|im_start|>", "<|im_end|>",
           "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>",
           "</tool_response>"]
# Tags of tools are text to a parser, so decoding keeps them.
VISIBLE = {"<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"}
PATTERN = (r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
           r"|\s+(?!\S)|\s+")
CONFIG = {"bos_token": "<s>", "eos_token": "<|im_end|>", "unk_token": "<unk>",
          "pad_token": "<unk>", "add_bos_token": False, "add_eos_token": False,
          "clean_up_tokenization_spaces": False, "model_max_length": 131072,
          "tokenizer_class": "PreTrainedTokenizerFast"}


def blank():
    """A tokenizer of the right shape without a vocabulary."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)])
    tokenizer.post_processor = processors.ByteLevel(
        add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel(
        add_prefix_space=False, trim_offsets=False, use_regex=False)
    return tokenizer


def texts(documents, seed):
    """Generated training documents; special tokens are cut out by the trainer."""
    random = randomness.Random(f"tokenizer {seed}")
    template = render.load_template()
    for number in range(documents):
        make = mix.long if number % 40 == 0 else mix.short
        text = render.document(template, make(random, "train"))
        for token in SPECIAL:
            text = text.replace(token, "\n")
        yield text


def train(documents, seed):
    tokenizer = blank()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, show_progress=False,
        special_tokens=[AddedToken(text, special=True, normalized=False) for text in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts(documents, seed), trainer)
    return tokenizer


def save(tokenizer, folder):
    """Writes tokenizer.json and tokenizer_config.json."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    whole = json.loads(tokenizer.to_str())
    for entry in whole["added_tokens"]:
        entry["special"] = entry["content"] not in VISIBLE
    text = json.dumps(whole, ensure_ascii=False, indent=1)
    (folder / "tokenizer.json").write_text(text + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--documents", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tokenizer = train(options.documents, options.seed)
    assert tokenizer.get_vocab_size() == VOCABULARY, tokenizer.get_vocab_size()
    for index, text in enumerate(SPECIAL):
        assert tokenizer.token_to_id(text) == index, text
    save(tokenizer, options.out)


if __name__ == "__main__":
    main()
