"""Both engines behind one method: run(batch, input_tokens, output_tokens) -> times of a burst."""

import ctypes
import dataclasses
import importlib
import json
import os
import random
import subprocess
import sys
import time

import numpy as np

import nano8


@dataclasses.dataclass
class Burst:
    prefill_tok_s: float
    decode_tok_s: float
    details: dict


class Dakkar:
    """`dakkar bench offline --interactive`: the figures are its own, of a reader of the streams."""

    def __init__(self, binary, folder, most_requests, tokens, threads):
        command = [binary, "bench", "offline", str(folder), "--load-format", "dummy",
                   "--interactive", "--batch", str(most_requests), "--max-model-len", str(tokens),
                   "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("dakkar ended; its message is above")
        return json.loads(line)

    def run(self, batch, input_tokens, output_tokens):
        self.process.stdin.write(f"{batch} {input_tokens} {output_tokens}\n")
        self.process.stdin.flush()
        found = self.read()
        return Burst(found["prefill_tok_s"], found["decode_tok_s"], found)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def load_bindings(sdist, libraries):
    """llama-cpp-python's ctypes declarations over the libraries that CMake built."""
    os.environ["LLAMA_CPP_LIB_PATH"] = str(libraries)
    sys.path.insert(0, str(sdist))
    return importlib.import_module("llama_cpp.llama_cpp")


class LlamaCpp:
    """llama_decode in a loop, the likeliest token taken, as a server's inner loop would."""

    def __init__(self, bindings, path, most_requests, tokens, threads):
        self.api = bindings
        self.most_requests = most_requests
        self.log = bindings.llama_log_callback(lambda level, text, data: None)
        bindings.llama_log_set(self.log, None)
        bindings.llama_backend_init()
        self.model = bindings.llama_model_load_from_file(
            str(path).encode(), bindings.llama_model_default_params())
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        params = bindings.llama_context_default_params()
        params.n_ctx = most_requests * (tokens + 256) // 256 * 256
        params.n_batch = 2048
        params.n_ubatch = 512
        params.n_seq_max = most_requests
        params.n_threads = threads
        params.n_threads_batch = threads
        params.no_perf = True
        self.context = bindings.llama_init_from_model(self.model, params)
        if not self.context:
            raise RuntimeError(f"llama.cpp cannot make a context for {path}")
        self.batch = bindings.llama_batch_init(2048, 0, 1)
        self.random = random.Random(1)

    def decode(self, rows):
        """One llama_decode of (sequence, position, token, wants logits) rows; the tokens drawn."""
        for i, (sequence, position, token, wanted) in enumerate(rows):
            self.batch.token[i] = token
            self.batch.pos[i] = position
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = sequence
            self.batch.logits[i] = wanted
        self.batch.n_tokens = len(rows)
        if self.api.llama_decode(self.context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")
        return [self.likeliest(i) for i, row in enumerate(rows) if row[3]]

    def likeliest(self, row):
        logits = self.api.llama_get_logits_ith(self.context, row)
        address = ctypes.cast(logits, ctypes.POINTER(ctypes.c_float))
        return int(np.ctypeslib.as_array(address, (nano8.VOCAB,)).argmax())

    def prefill(self, prompts):
        """All prompts, at most 2,048 tokens in a call."""
        drawn = []
        for first in range(0, len(prompts), self.prompts_per_call(prompts)):
            group = list(enumerate(prompts))[first:first + self.prompts_per_call(prompts)]
            drawn += self.decode([(sequence, position, token, position + 1 == len(prompt))
                                  for sequence, prompt in group
                                  for position, token in enumerate(prompt)])
        return drawn

    @staticmethod
    def prompts_per_call(prompts):
        return max(1, 2048 // len(prompts[0]))

    def run(self, batch, input_tokens, output_tokens):
        self.api.llama_memory_clear(self.api.llama_get_memory(self.context), True)
        prompts = [[self.random.randrange(nano8.VOCAB) for _ in range(input_tokens)]
                   for _ in range(batch)]
        begin = time.perf_counter()
        tokens = self.prefill(prompts)
        first = time.perf_counter()
        for step in range(output_tokens - 1):
            tokens = self.decode([(sequence, input_tokens + step, token, True)
                                  for sequence, token in enumerate(tokens)])
        last = time.perf_counter()
        return Burst(batch * input_tokens / (first - begin),
                     batch * (output_tokens - 1) / (last - first), {})

    def close(self):
        self.api.llama_free(self.context)
        self.api.llama_model_free(self.model)
