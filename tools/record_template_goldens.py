"""Records what transformers renders from tests/data/templates: every template with every fixture.

Writes tests/data/templates/goldens.json. Needs transformers, jinja2 and tokenizers, but no torch.
The clock of `strftime_now` is fixed; the special tokens are <s> and </s>.

    python tools/record_template_goldens.py [--check]
"""
import argparse
import datetime
import json
import pathlib
import sys

import jinja2
import transformers
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "templates"
CLOCK = (2026, 7, 4, 9, 5, 3)


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(*CLOCK)


def render(tokenizer, source, fixture):
    """Returns {"out": text} or {"raises": message of raise_exception, or null}."""
    try:
        text = tokenizer.apply_chat_template(
            fixture["messages"],
            tools=fixture.get("tools"),
            documents=fixture.get("documents"),
            chat_template=source,
            add_generation_prompt=fixture.get("add_generation_prompt", False),
            continue_final_message=fixture.get("continue_final_message", False),
            tokenize=False,
            **fixture.get("kwargs", {}),
        )
        return {"out": text}
    except Exception as error:  # whatever Python raises there must be an error here
        own_words = type(error) is jinja2.exceptions.TemplateError
        return {"raises": str(error) if own_words else None}


def record():
    chat_template_utils.datetime = FixedClock
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>"
    )
    fixtures = json.loads((ROOT / "fixtures.json").read_text(encoding="utf-8"))
    rendered = {}
    for path in sorted(ROOT.glob("*.jinja")):
        with open(path, encoding="utf-8", newline="") as file:
            source = file.read()
        rendered[path.stem] = {f["name"]: render(tokenizer, source, f) for f in fixtures}
    return {
        "versions": {"transformers": transformers.__version__, "jinja2": jinja2.__version__},
        "clock": datetime.datetime(*CLOCK).isoformat(),
        "bos_token": "<s>",
        "eos_token": "</s>",
        "rendered": rendered,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    goldens = record()
    path = ROOT / "goldens.json"
    text = json.dumps(goldens, ensure_ascii=False, indent=0, separators=(",", ":")) + "\n"
    cases = [case for by_fixture in goldens["rendered"].values() for case in by_fixture.values()]
    raised = sum("raises" in case for case in cases)
    print(f"{len(goldens['rendered'])} templates, {len(cases)} conversations, {raised} raise")
    if options.check:
        sys.exit(0 if path.read_text(encoding="utf-8") == text else "goldens.json differs")
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
