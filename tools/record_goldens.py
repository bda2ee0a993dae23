#!/usr/bin/env python3
"""Makes the tiny checkpoints and records their goldens: tests/data/checkpoints, tests/data/goldens.

    record_goldens.py             writes everything and prints what the goldens can see
    record_goldens.py --check     derives everything again and compares; writes nothing
    record_goldens.py --only NAME restricts either to one checkpoint

Needs numpy, ml_dtypes, safetensors, torch and transformers >= 5.17. Set OMP_NUM_THREADS=1. What is
asserted on the way is listed in goldens/judge.py.
"""

import argparse
import pathlib
import sys

from goldens import produce
from goldens.design import DESIGNS

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--only", choices=sorted(DESIGNS), action="append")
    arguments = parser.parse_args()
    for name in arguments.only or DESIGNS:
        act = produce.check if arguments.check else produce.make
        act(DESIGNS[name], DATA)
    return 0


if __name__ == "__main__":
    sys.exit(main())
