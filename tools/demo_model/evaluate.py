"""The held-out tasks through a server over HTTP: exact match per family, greedy.

    python evaluate.py --dakkar build/release/dakkar --model models/demo --save bf16.json
    python evaluate.py --url http://127.0.0.1:8000 --against bf16.json

Tasks go to /v1/chat/completions as any client would send them: messages, tools as OpenAI
definitions, thinking by chat_template_kwargs; reasoning and tool calls are what the server's
parsers made of the answer. Exit status 1: a bar of judge.py is broken. Needs nothing but Python.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import pathlib
import shlex
import sys
import time
import zlib

import judge
import serving
from data import item as items
from data import mix

LONGEST = 320      # tokens of an answer
SEED = 7
# family: (share of --count, requests in flight)
LONG = {"recall_8k": (0.4, 8), "recall_16k": (0.048, 6), "recall_32k": (0.036, 4),
        "recall_64k": (0.024, 4), "recall_128k": (0.012, 2)}
FAMILIES = [*mix.SHARES, judge.NEEDLE]
SHORT_COUNT = 40   # items a family of --short, and deviations by which its bars are lower
SHORT_NEEDLES = 4
SHORT_DEVIATIONS = 2.5


def wire_message(message, ids):
    """A message of an item in OpenAI's form: arguments as text, results with their call's id."""
    if message["role"] == "tool":
        return {**message, "tool_call_id": ids.pop(0)}
    calls = []
    for call in message.get("tool_calls", []):
        ids.append(f"call_{len(ids)}")
        function = {"name": call["function"]["name"],
                    "arguments": json.dumps(call["function"]["arguments"])}
        calls.append({"id": ids[-1], "type": "function", "function": function})
    return {**message, "tool_calls": calls} if calls else message


def request_of(item):
    """The body that asks for an item's answer, but for the model's name."""
    ids = []
    body = {"messages": [wire_message(message, ids) for message in item.messages],
            "temperature": 0, "max_tokens": LONGEST,
            "chat_template_kwargs": item.template_arguments()}
    if item.tools:
        body["tools"] = item.tools
    return body


def answer_of(choice):
    """What the server made of the model's words."""
    message = choice["message"]
    calls = [(call["function"]["name"], json.loads(call["function"]["arguments"]))
             for call in message.get("tool_calls") or []]
    return items.Answer(message.get("reasoning"), message.get("content") or "", calls,
                        choice["finish_reason"] in ("stop", "tool_calls"))


def typed_text(calls):
    """Calls as text, in which 1, 1.0, true and "1" differ."""
    return json.dumps([[name, dict(sorted(arguments.items()))] for name, arguments in calls])


def is_right(item, answer):
    """The family's own check, and what only the server's parsers can get wrong."""
    silent = item.mode != "off" or answer.reasoning is None
    return (silent and typed_text(answer.calls) == typed_text(item.calls)
            and mix.check(item, answer))


def count_of(options, family):
    """How many items of a family are asked for."""
    if options.short:
        return SHORT_NEEDLES if family in LONG else SHORT_COUNT
    return max(1, int(options.count * LONG.get(family, (1.0, 0))[0]))


class Progress:
    """One line that is written again and again on a terminal."""

    def __init__(self, family, total):
        self.family, self.total, self.done, self.wrong = family, total, 0, 0
        self.shown = sys.stderr.isatty()

    def add(self, good):
        self.done, self.wrong = self.done + 1, self.wrong + (not good)
        if self.shown:
            end = "\n" if self.done == self.total else ""
            print(f"\r{self.family}: {self.done} of {self.total}, {self.wrong} wrong ", end=end,
                  file=sys.stderr, flush=True)


def run_family(options, clients, family):
    """The judge.FamilyRun of one family, its requests spread over the clients."""
    begin = time.monotonic()
    tasks = mix.evaluation(family, count_of(options, family), options.seed)
    bodies = [request_of(item) for item in tasks]
    progress = Progress(family, len(tasks))

    def ask(number):
        client, model = clients[number % len(clients)]
        reply = client.chat({**bodies[number], "model": model})
        answer = answer_of(reply["choices"][0])
        good = is_right(tasks[number], answer)
        progress.add(good)
        return good, answer, reply["usage"]

    at_once = min(options.at_once, LONG.get(family, (0, options.at_once))[1])
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(ask, range(len(tasks))))
    failures = [{"number": number, "mode": item.mode, "asked": item.messages[-1]["content"][-300:],
                 "wanted": item.content or typed_text(item.calls),
                 "said": dataclasses.asdict(answer)}
                for number, (item, (good, answer, _)) in enumerate(zip(tasks, results)) if not good]
    return judge.FamilyRun(
        family, digest=f"{zlib.crc32(json.dumps(bodies).encode()):08x}",
        right="".join(str(int(good)) for good, _, _ in results),
        reasoned="".join(str(int(bool((answer.reasoning or "").strip())))
                         for _, answer, _ in results),
        asked="".join(str(int(item.mode != "off")) for item in tasks),
        prompt_tokens=sum(usage["prompt_tokens"] for _, _, usage in results),
        answer_tokens=sum(usage["completion_tokens"] for _, _, usage in results),
        seconds=round(time.monotonic() - begin, 1), failures=failures[:12])


def line_of(run):
    """A family's row of the printed table."""
    on, off = run.by_thinking("1"), run.by_thinking("0")
    shares = [f"{100 * good / count:6.2f}" if count else "     -" for good, count in (on, off)]
    bar = "" if judge.is_barred(run.family) else "  (no bar)"
    return (f"{run.family:<14} {len(run.right):>5} {100 * run.share():>7.2f} {shares[0]} "
            f"{shares[1]} {run.prompt_tokens / len(run.right):>8.0f} {run.seconds:>7.1f}{bar}")


def save(path, model, options, runs):
    whole = {"model": model, "seed": options.seed,
             "runs": [dataclasses.asdict(run) for run in runs]}
    pathlib.Path(path).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def load(path):
    """(model, runs) of a file that `save` wrote."""
    whole = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    return whole["model"], [judge.FamilyRun(**run) for run in whole["runs"]]


def print_differences(path, runs):
    """The paired differences from an earlier run; whether all hold."""
    model, before = load(path)
    print(f"\nless {model}, points: {'items':>8} {'mean':>7} {'2 SE':>6}")
    held = True
    for family, found in judge.compare(before, runs):
        holds = found.holds() or not judge.is_barred(family)
        held = held and holds
        print(f"{family:<22} {found.count:>8} {100 * found.mean:>+7.2f} "
              f"{200 * found.error:>6.2f}{'' if holds else '  too far'}")
    return held


@contextlib.contextmanager
def asked_servers(options):
    """[(client, model name)] of the servers that are asked."""
    if options.url:
        clients = [serving.Client(url) for url in options.url]
        yield [(client, client.model()) for client in clients]
        for client in clients:
            client.close()
        return
    with serving.started(options.dakkar, options.model, shlex.split(options.flags)) as client:
        yield [(client, client.model())]


def evaluate(options):
    """Asks, prints and saves; the exit status."""
    runs = []
    with asked_servers(options) as clients:
        model = clients[0][1]
        print(f"{model}\n{'family':<14} {'items':>5} {'right %':>7} {'think':>6} {'off':>6} "
              f"{'prompt':>8} {'seconds':>7}")
        for family in options.families:
            runs.append(run_family(options, clients, family))
            print(line_of(runs[-1]), flush=True)
            if options.save:
                save(options.save, model, options, runs)
    if options.merge:
        runs = [*(run for run in load(options.merge)[1] if run.family not in options.families),
                *runs]
        save(options.save, model, options, runs)
    problems = judge.broken_bars(runs, SHORT_DEVIATIONS if options.short else 0.0)
    if options.against and not print_differences(options.against, runs):
        problems.append("the difference is larger than 1 point and 2 standard errors")
    if options.expect and model != options.expect:
        problems.append(f"the server shows {model}, not {options.expect}")
    print("\n" + ("\n".join("BROKEN " + text for text in problems) or "every bar holds"))
    return int(bool(problems))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", nargs="+", help="running servers of the same model")
    where.add_argument("--dakkar", help="a program to start a server with")
    parser.add_argument("--model", default="", help="what it serves; without it, its own demo")
    parser.add_argument("--flags", default="", help="more flags for it, in one word")
    parser.add_argument("--expect", help="the model's name that the server has to show")
    parser.add_argument("--count", type=int, default=1000, help="items of a short family")
    parser.add_argument("--short", action="store_true", help=f"{SHORT_COUNT} items, lower bars")
    parser.add_argument("--families", nargs="+", default=FAMILIES, metavar="FAMILY",
                        choices=[*mix.SHARES, *LONG])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--at-once", type=int, default=32, help="requests in flight")
    parser.add_argument("--save", metavar="FILE", help="keep the results")
    parser.add_argument("--merge", metavar="FILE", help="add earlier results of other families")
    parser.add_argument("--against", metavar="FILE", help="compare with results that were kept")
    sys.exit(evaluate(parser.parse_args()))


if __name__ == "__main__":
    main()
