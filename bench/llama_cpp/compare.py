"""Alternates Dakkar with llama.cpp on the same model in one run and prints medians and ratios.

See README.md for what to prepare.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys

import gguf_model
import nano8
from engines import Dakkar, LlamaCpp, load_bindings

NAMES = {"dakkar": "Dakkar", "same": "llama.cpp, same bytes", "best": "llama.cpp, best formats"}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dakkar", required=True, help="the dakkar program")
    parser.add_argument("--sdist", required=True, help="unpacked sdist of llama-cpp-python")
    parser.add_argument("--libraries", required=True, help="folder of the built libllama.so")
    parser.add_argument("--work", required=True, help="folder for the model files, 8 GB")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--requests", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--input-len", type=int, default=512)
    parser.add_argument("--output-len", type=int, default=48)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--formats", nargs="+", default=["same", "best"], choices=["same", "best"])
    parser.add_argument("--step", action="store_true",
                        help="wait for a line on stdin before each round, to still the machine")
    parser.add_argument("--json", help="also write every burst to this file")
    return parser.parse_args()


def open_engines(args):
    work = pathlib.Path(args.work)
    tokens = args.input_len + args.output_len
    most = max(args.requests)
    folder = nano8.write_folder(work / "nano8")
    engines = {"dakkar": Dakkar(args.dakkar, folder, most, tokens, args.threads)}
    bindings = load_bindings(args.sdist, args.libraries)
    for which in args.formats:
        path = work / f"nano8-{which}.gguf"
        if not path.exists():
            part = path.with_suffix(".part")
            gguf_model.write_gguf(part, which)
            part.rename(path)
        engines[which] = LlamaCpp(bindings, path, most, tokens, args.threads)
    return engines


def measure(engines, args):
    """{requests: {engine: [bursts]}}; a first round, not kept, warms up."""
    found = {}
    for requests in args.requests:
        rounds = {name: [] for name in engines}
        for number in range(args.repeat + 1):
            print(f"{requests} requests, round {number}", file=sys.stderr, flush=True)
            if args.step and not sys.stdin.readline():
                raise SystemExit("stdin ended before the last round")
            for name, engine in engines.items():
                burst = engine.run(requests, args.input_len, args.output_len)
                if number > 0:
                    rounds[name].append(burst)
        found[requests] = rounds
    return found


def median(bursts, field):
    return statistics.median(getattr(burst, field) for burst in bursts)


def ratio(rounds, other, field):
    """Median over the rounds of ours over theirs, as they ran next to each other."""
    return statistics.median(getattr(ours, field) / getattr(theirs, field)
                             for ours, theirs in zip(rounds["dakkar"], rounds[other]))


def print_table(found, args):
    others = [name for name in args.formats]
    print("| tok/s | " + " | ".join(NAMES[name] for name in ["dakkar", *others]) + " | "
          + " | ".join(f"ratio to {name}" for name in others) + " | share of floor |")
    print("|---|" + "---|" * (2 + 2 * len(others)))
    for requests, rounds in found.items():
        for label, field, share in (("prefill", "prefill_tok_s", "prefill_share"),
                                    ("decode", "decode_tok_s", "decode_share")):
            what = f"{label}, {requests} x {args.input_len} tokens"
            cells = [f"{median(rounds[name], field):.1f}" for name in rounds]
            cells += [f"{ratio(rounds, name, field):.2f}" for name in others]
            shares = [burst.details[share] for burst in rounds["dakkar"]]
            print(f"| {what} | " + " | ".join(cells) + f" | {statistics.median(shares):.0%} |")


def print_notes(found):
    for requests, rounds in found.items():
        details = [burst.details for burst in rounds["dakkar"]]

        def of(key):
            return statistics.median(one[key] for one in details)

        print(f"{requests} requests: decode without lm_head {of('decode_share_no_head'):.0%} of its"
              f" floor, {of('decode_step_bytes') / 1e6:.0f} MB a step, prefill"
              f" {of('prefill_flops') / 1e9:.0f} GFLOP; peaks: read {of('read_bytes_s') / 1e9:.1f}"
              f" GB/s, f32 {of('f32_flops_s') / 1e9:.0f}, bf16 {of('bf16_flops_s') / 1e9:.0f}"
              " GFLOP/s")


def write_json(found, path):
    plain = {str(requests): {name: [vars(burst) for burst in bursts]
                             for name, bursts in rounds.items()}
             for requests, rounds in found.items()}
    pathlib.Path(path).write_text(json.dumps(plain, indent=1))


def main():
    args = parse_arguments()
    engines = open_engines(args)
    found = measure(engines, args)
    for engine in engines.values():
        engine.close()
    print_table(found, args)
    print_notes(found)
    if args.json:
        write_json(found, args.json)


if __name__ == "__main__":
    main()
