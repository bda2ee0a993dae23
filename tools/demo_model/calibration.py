"""Calibration text for `dakkar quantize`: training documents as the model reads them.

    python calibration.py build/calibration.jsonl [--short 200] [--long 4]

One document a line, {"text": ...}, special tokens written out. Needs jinja2, not torch or
tokenizers.
"""

import argparse
import json
import pathlib
import random as randomness

from data import mix, render


def documents(options):
    """Texts of short documents of every family, then of some of 4K to 8K tokens."""
    random = randomness.Random(options.seed)
    template = render.load_template()
    makers = [mix.short] * options.short + [mix.long] * options.long
    return [render.document(template, make(random, "train")) for make in makers]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--short", type=int, default=200, help="documents of all families")
    parser.add_argument("--long", type=int, default=4, help="documents of 4K to 8K tokens")
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    out = pathlib.Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents(options)))


if __name__ == "__main__":
    main()
