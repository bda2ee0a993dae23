"""Packed training rows, made by worker processes from fresh documents.

A row holds whole documents up to `length` tokens: ids (uint16), document numbers in ascending
order (int16) and what each token is (uint8): not a target, prompt, answer, or LAST + the number of
the document's family for its last answer.
"""

import multiprocessing
import queue
import random as randomness

import numpy as np

from data import mix, render

IM_START, IM_END, THINK, END_THINK = 10, 11, 12, 13
NO_TARGET, PROMPT, ANSWER, LAST = 0, 1, 2, 3


class Writer:
    """Documents to ids and kinds of tokens."""

    def __init__(self, tokenizer_path):
        from tokenizers import Tokenizer
        self.template = render.load_template()
        self.tokenizer = Tokenizer.from_file(str(tokenizer_path))
        self.assistant = self.encode("assistant\n")

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def document(self, item):
        """(ids, kinds) of an item."""
        ids = self.encode(render.document(self.template, item))
        return ids, self.kinds(ids, LAST + mix.FAMILIES.index(item.family))

    def kinds(self, ids, last):
        """Answers are what the model says, from behind its generation prompt to its end of turn."""
        kinds, start, end = [PROMPT] * len(ids), 0, 0
        size = len(self.assistant)
        for place, token in enumerate(ids):
            if token != IM_START or ids[place + 1:place + 1 + size] != self.assistant:
                continue
            start = place + 1 + size + 2      # behind <think>\n or <think></think>
            end = ids.index(IM_END, place)
            kinds[place + 1:start] = [NO_TARGET] * (start - place - 1)
            kinds[start:end + 1] = [ANSWER] * (end + 1 - start)
        kinds[start:end + 1] = [last] * (end + 1 - start)
        return kinds


def fill(writer, random, options, shares=None):
    """One packed row, with a long document in it with probability `long_share`."""
    ids, segments, kinds = [], [], []
    number, misses = 0, 0
    length = options["length"]
    make = mix.long if random.random() < options["long_share"] else mix.short
    while misses < 4:
        item = make(random, "train", shares)
        part, kind = writer.document(item)
        make = mix.short
        if len(ids) + len(part) > length:
            misses += 1
            continue
        ids += part
        kinds += kind
        segments += [number] * len(part)
        number += 1
    rest = length - len(ids)
    return (np.array(ids + [0] * rest, np.uint16),
            np.array(segments + [number] * rest, np.int16),
            np.array(kinds + [NO_TARGET] * rest, np.uint8))


def work(tokenizer_path, options, queues, number):
    """A worker: puts batches of packed rows into the queue until it is ended."""
    rows, shares = queues
    random = randomness.Random(f"{options['seed']} {number}")
    writer = Writer(tokenizer_path)
    while True:
        now = list(shares)
        batch = [fill(writer, random, options, now) for _ in range(options["rows"])]
        rows.put(tuple(np.stack(part) for part in zip(*batch)))


class Feed:
    """Worker processes behind a queue of batches (ids, segments, kinds), each [rows, length].

    `shares` is read by all workers: how often each of mix.FAMILIES is drawn.
    """

    def __init__(self, tokenizer_path, options, workers, room=60):
        context = multiprocessing.get_context("fork")
        self.rows = context.Queue(room)
        self.base = [*mix.SHARES.values(), *mix.LONG_SHARES.values()]
        self.shares = context.Array("d", [float(share) for share in self.base], lock=False)
        self.workers = [context.Process(target=work, daemon=True,
                                        args=(tokenizer_path, options, (self.rows, self.shares),
                                              number))
                        for number in range(workers)]
        for worker in self.workers:
            worker.start()
        self.waited = 0

    def next(self):
        """The next batch; counts how often the queue was empty."""
        try:
            return self.rows.get_nowait()
        except queue.Empty:
            self.waited += 1
            return self.rows.get()

    def favour(self, failing):
        """Draws families more often the more often they fail; `failing` are shares in 0..1."""
        for place, (base, rate) in enumerate(zip(self.base, failing)):
            self.shares[place] = base * (0.3 + rate ** 0.5)

    def close(self):
        for worker in self.workers:
            worker.terminate()
