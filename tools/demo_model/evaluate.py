"""The held-out tasks through a running server over HTTP: exact match per family.

    dakkar serve models/demo --port 8000 &
    python evaluate.py --url http://127.0.0.1:8000 [--count 1000] [--report FILE]

Prompts are rendered here and sent to /v1/completions, so that a server needs no tool parser;
answers are taken apart by the same code as in score.py. Needs jinja2, not torch or tokenizers.
"""

import argparse
import concurrent.futures
import json
import pathlib
import sys
import time
import urllib.request

from data import item as items
from data import mix, render

FAMILIES = [*mix.SHARES, "recall_8k"]
LONGEST = 320
FLOOR = 95.0


def complete(url, prompt):
    """The server's greedy continuation of a prompt, with the end of turn where it ended itself."""
    body = json.dumps({"prompt": prompt, "temperature": 0, "max_tokens": LONGEST,
                       "skip_special_tokens": False}).encode()
    request = urllib.request.Request(url + "/v1/completions", body,
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as reply:
        choice = json.load(reply)["choices"][0]
    ended = choice["finish_reason"] == "stop" and "<|im_end|>" not in choice["text"]
    return choice["text"] + ("<|im_end|>" if ended else "")


def judge(options, pool, family):
    """The report of one family."""
    template, start = render.load_template(), time.time()
    count = options.count if not family.startswith("recall_") else max(1, options.count * 2 // 5)
    tasks = mix.evaluation(family, count, seed=7)
    texts = list(pool.map(lambda item: complete(options.url, render.prompt(template, item)), tasks))
    failures = []
    for item, text in zip(tasks, texts):
        if not mix.check(item, items.parse_answer(text, item)):
            failures.append({"mode": item.mode, "asked": item.messages[-1]["content"][-300:],
                             "wanted": item.content or str(item.calls), "said": text[-400:]})
    exact = 100 * (1 - len(failures) / len(tasks))
    return {"family": family, "items": len(tasks), "exact": round(exact, 2),
            "seconds": round(time.time() - start, 1), "failures": failures[:6]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=32, help="requests in flight")
    parser.add_argument("--report")
    parser.add_argument("--families", nargs="*", default=FAMILIES)
    options = parser.parse_args()
    reports = []
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        for family in options.families:
            reports.append(judge(options, pool, family))
            print(json.dumps({key: value for key, value in reports[-1].items()
                              if key != "failures"}), flush=True)
            if options.report:
                pathlib.Path(options.report).write_text(json.dumps(reports, indent=1) + "\n")
    poor = [report["family"] for report in reports if report["exact"] < FLOOR]
    print(f"below {FLOOR}%: {', '.join(poor) or 'none'}")
    sys.exit(len(poor) > 0)


if __name__ == "__main__":
    main()
