#!/usr/bin/env python3
"""Talks to a running server through the `openai` package, as a user's program would.

    openai_check.py --binary build/release/dakkar --model tests/data/checkpoints/latent_bf16
"""

import argparse
import contextlib
import socket
import subprocess
import sys
import time
import urllib.request

import openai

MESSAGES = [{"role": "user", "content": "hi"}]
START_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(server, url):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            raise SystemExit(f"the server ended with status {server.returncode}")
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url + "/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return
        time.sleep(0.1)
    raise SystemExit(f"the server was not ready after {START_SECONDS} s")


@contextlib.contextmanager
def running_server(binary, model):
    port = free_port()
    server = subprocess.Popen([binary, "serve", model, "--port", str(port)])
    try:
        wait_until_ready(server, f"http://127.0.0.1:{port}")
        yield openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none",
                            max_retries=0, timeout=60)
        server.terminate()
        expect(server.wait(timeout=30) == 0, "SIGTERM ends the server with status 0")
    finally:
        server.kill()


def expect(condition, what):
    print(("ok      " if condition else "WRONG   ") + what)
    if not condition:
        raise SystemExit(1)


def check_chat(client, model):
    whole = client.chat.completions.create(
        model=model, messages=MESSAGES, max_tokens=12, temperature=0, logprobs=True,
        top_logprobs=2)
    choice = whole.choices[0]
    expect(choice.finish_reason in ("length", "stop"), "a chat completion says why it ended")
    expect(0 < whole.usage.completion_tokens <= 12, "max_tokens holds and usage counts it")
    expect(len(choice.logprobs.content[0].top_logprobs) == 2, "logprobs come with alternatives")

    stream = client.chat.completions.create(
        model=model, messages=MESSAGES, max_tokens=12, temperature=0, stream=True,
        stream_options={"include_usage": True})
    text, usage = "", None
    for chunk in stream:
        usage = chunk.usage or usage
        for part in chunk.choices:
            text += part.delta.content or ""
    expect(text == (choice.message.content or ""), "streamed and whole answers are the same")
    expect(usage is not None and usage.completion_tokens == whole.usage.completion_tokens,
           "the stream's usage is the same")


def check_completions(client, model):
    first = client.completions.create(model=model, prompt="abc", max_tokens=8, temperature=1,
                                      seed=7)
    again = client.completions.create(model=model, prompt="abc", max_tokens=8, temperature=1,
                                      seed=7)
    expect(first.choices[0].text == again.choices[0].text, "the same seed gives the same text")
    two = client.completions.create(model=model, prompt="abc", max_tokens=4, n=2)
    expect([c.index for c in two.choices] == [0, 1], "n=2 gives two choices")


def check_refusals(client, model):
    for what, arguments in (
            ("temperature", {"temperature": 9}),
            ("messages", {"messages": []})):
        body = {"model": model, "messages": MESSAGES} | arguments
        try:
            client.chat.completions.create(**body)
            expect(False, f"a wrong {what} is refused")
        except openai.BadRequestError as error:
            expect(what in str(error), f"a wrong {what} gives 400 and names it")
    try:
        client.chat.completions.create(model="no-such-model", messages=MESSAGES)
        expect(False, "an unknown model is refused")
    except openai.NotFoundError:
        expect(True, "an unknown model gives 404")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--model", required=True)
    args = parser.parse_args()
    with running_server(args.binary, args.model) as client:
        models = client.models.list().data
        expect(len(models) >= 1, "the server lists its model")
        check_chat(client, models[0].id)
        check_completions(client, models[0].id)
        check_refusals(client, models[0].id)
    print("openai: every check passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
