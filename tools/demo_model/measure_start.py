"""Seconds from the start of the program to its first token, and tokens per second of a chat.

    python measure_start.py --dakkar build/release/dakkar [--model DIR] [--repeat 7]

The server: from its start, by asking again and again, to the first streamed words of its first
answer. `generate`, `chat`: to the first byte after the prompt. Medians, and the worst.
"""

import argparse
import contextlib
import http.client
import json
import re
import statistics
import subprocess
import time

import serving

BODY = json.dumps({"messages": [{"role": "user", "content": "What is 345 + 678?"}],
                   "stream": True, "temperature": 0})
QUESTIONS = "What is 345 + 678?\nTell me a joke.\nWhat can you do?\nWhat is 9876 - 1234?\n"


def command(options, name, *rest):
    return [options.dakkar, name, *([options.model] if options.model else []), *rest]


def first_words(port):
    """Whether the server has streamed some words; False while it does not listen or loads."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/chat/completions", BODY)
        reply = connection.getresponse()
        if reply.status != 200:
            reply.read()
            return False
        while line := reply.readline():
            if line.startswith(b"data: {"):
                delta = json.loads(line[6:])["choices"][0]["delta"]
                if delta.get("content") or delta.get("reasoning"):
                    return True
    return False


def time_server(options):
    """Seconds to the first streamed words."""
    port = serving.free_port()
    begin = time.monotonic()
    with subprocess.Popen(command(options, "serve", "--port", str(port)),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while time.monotonic() - begin < serving.START_SECONDS:
                with contextlib.suppress(ConnectionError):
                    if first_words(port):
                        return time.monotonic() - begin
                time.sleep(0.002)
            raise SystemExit("the server gave no words")
        finally:
            process.kill()


def time_program(arguments, said, marker):
    """(seconds to the first byte after `marker`, all that was printed)."""
    begin = time.monotonic()
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        process.stdin.write(said.encode())
        process.stdin.close()
        seen, seconds = b"", None
        while piece := process.stdout.read1():
            seen += piece
            if seconds is None and re.search(marker, seen):
                seconds = time.monotonic() - begin
    return seconds, seen.decode()


def show(what, seconds):
    print(f"{what}: first token after {statistics.median(seconds):.3f} s, at worst "
          f"{max(seconds):.3f} s, of {len(seconds)} starts")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dakkar", required=True)
    parser.add_argument("--model", default="")
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    turns = range(options.repeat)
    show("serve", [time_server(options) for _ in turns])
    generate = command(options, "generate", "--prompt", "Hello", "--max-tokens", "4")
    show("generate", [time_program(generate, "", rb".")[0] for _ in turns])
    chat = command(options, "chat", "--temperature", "0")
    chats = [time_program(chat, QUESTIONS, rb"\n> .") for _ in turns]
    show("chat", [seconds for seconds, _ in chats])
    speeds = [float(found) for _, text in chats for found in re.findall(r"([\d.]+) tok/s", text)]
    print(f"chat: {statistics.median(speeds):.0f} tok/s, {min(speeds):.0f} to {max(speeds):.0f}, "
          f"over {len(speeds)} answers, the prompt's time included")


if __name__ == "__main__":
    main()
