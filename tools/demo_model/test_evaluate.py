"""Tests of the evaluation: it passes right answers and fails wrong ones; items are held out.

    python test_evaluate.py

A server made of the reference answers stands in for the program; each test spoils one thing.
"""

import argparse
import contextlib
import http.server
import io
import json
import pathlib
import random
import tempfile
import threading
import unittest

import evaluate
import judge
import serving
from data import mix

FAMILIES = ["chat", "arithmetic", "tool_call", "tool_result", "recall"]
COUNT = 40


def reference_reply(item):
    """What a perfect server answers to an item."""
    message = {"role": "assistant", "content": item.content or None}
    if item.mode != "off":
        message["reasoning"] = item.reasoning if item.mode == "on" else item.brief
    if item.calls:
        message["tool_calls"] = [
            {"id": f"c{i}", "type": "function",
             "function": {"name": name, "arguments": json.dumps(arguments)}}
            for i, (name, arguments) in enumerate(item.calls)]
    return {"choices": [{"index": 0, "message": message,
                         "finish_reason": "tool_calls" if item.calls else "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 3}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16   # head and body in one packet

    def reply(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply({"data": [{"id": "reference"}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        del asked["model"]
        answer = self.server.answers.get(json.dumps(asked))
        self.reply(answer or {"error": "unknown"}, 200 if answer else 400)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def reference_server(spoil):
    """A client of a server whose replies went through spoil(item, reply)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers = {}
    for family in FAMILIES:
        for item in mix.evaluation(family, COUNT, evaluate.SEED):
            reply = reference_reply(item)
            spoil(item, reply)
            server.answers[json.dumps(evaluate.request_of(item))] = reply
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def options(url, **changes):
    given = {"url": [url], "families": FAMILIES, "count": COUNT, "short": False, "at_once": 4,
             "seed": evaluate.SEED, "save": None, "merge": None, "against": None, "expect": None}
    return argparse.Namespace(**{**given, **changes})


def outcome(spoil, **changes):
    """(exit status, what was printed) of an evaluation of spoiled replies."""
    printed = io.StringIO()
    with reference_server(spoil) as url, contextlib.redirect_stdout(printed):
        status = evaluate.evaluate(options(url, **changes))
    return status, printed.getvalue()


def message_of(reply):
    return reply["choices"][0]["message"]


def untouched(_item, _reply):
    pass


def first_call(change):
    """A spoiler: changes the first call's arguments of every item that has calls."""
    def spoil(item, reply):
        if item.calls:
            call = message_of(reply)["tool_calls"][0]["function"]
            call["arguments"] = json.dumps(change(json.loads(call["arguments"])))
    return spoil


class BarsTest(unittest.TestCase):
    def test_right_answers_pass(self):
        status, text = outcome(untouched)
        self.assertEqual(status, 0, text)

    def test_wrong_words_fail(self):
        def spoil(item, reply):
            if item.family in ("chat", "recall"):
                message_of(reply)["content"] += " indeed"
        status, text = outcome(spoil)
        self.assertEqual(status, 1)
        self.assertIn("chat: 0.00% is below 85%", text)
        self.assertIn("only one family may be below 95%: chat 0.00%, recall 0.00%", text)

    def test_the_wrong_type_of_an_argument_fails(self):
        status, text = outcome(first_call(lambda found: {key: str(value)
                                                         for key, value in found.items()}))
        self.assertEqual(status, 1)
        self.assertIn("tool calls:", text)

    def test_a_missing_argument_fails(self):
        status, text = outcome(first_call(lambda found: dict(list(found.items())[1:])))
        self.assertEqual(status, 1)
        self.assertIn("tool_call: 0.00%", text)

    def test_reasoning_with_thinking_off_fails(self):
        done = []

        def spoil(item, reply):
            if item.mode == "off" and not done:
                done.append(item)
                message_of(reply)["reasoning"] = "Hm."
        status, text = outcome(spoil)
        self.assertEqual(status, 1)
        self.assertIn("1 answers reason although thinking is off", text)

    def test_no_reasoning_with_thinking_on_fails(self):
        status, text = outcome(lambda _, reply: message_of(reply).pop("reasoning", None))
        self.assertEqual(status, 1)
        self.assertIn("do not reason although thinking is on", text)

    def test_answers_that_did_not_end_fail(self):
        status, _ = outcome(lambda _, reply: reply["choices"][0].update(finish_reason="length"))
        self.assertEqual(status, 1)

    def test_another_model_than_expected_fails(self):
        self.assertEqual(outcome(untouched, expect="demo")[0], 1)
        self.assertEqual(outcome(untouched, expect="reference")[0], 0)

    def test_one_family_may_be_lower_and_no_second(self):
        def run(family, right):
            return judge.FamilyRun(family, "", "1" * right + "0" * (100 - right), "0" * 100,
                                   "0" * 100)
        self.assertEqual(judge.broken_bars([run("lists", 90), run("json", 95)]), [])
        self.assertTrue(judge.broken_bars([run("lists", 84), run("json", 95)]))
        self.assertTrue(judge.broken_bars([run("lists", 90), run("json", 94)]))
        self.assertTrue(judge.broken_bars([run("recall_8k", 94)]))
        self.assertTrue(judge.broken_bars([run("tool_call", 96)]))
        self.assertEqual(judge.broken_bars([run("recall_32k", 10)]), [])


class DifferenceTest(unittest.TestCase):
    def test_counts_only_items_that_changed(self):
        found = judge.difference("1" * 100, "1" * 90 + "0" * 10)
        self.assertAlmostEqual(found.mean, -0.1)
        self.assertAlmostEqual(found.error, (0.1 * 0.9 / 99) ** 0.5)
        self.assertFalse(found.holds())
        self.assertTrue(judge.difference("1" * 1000, "1" * 995 + "0" * 5).holds())

    def test_a_saved_run_is_compared_on_the_same_items(self):
        def spoil(item, reply):
            if item.family in ("arithmetic", "recall") and item.mode == "off":
                message_of(reply)["content"] = "0"
        with tempfile.TemporaryDirectory() as folder:
            kept = str(pathlib.Path(folder) / "kept.json")
            self.assertEqual(outcome(untouched, save=kept)[0], 0)
            self.assertEqual(outcome(untouched, against=kept)[0], 0)
            status, text = outcome(spoil, against=kept)
            self.assertEqual(status, 1)
            self.assertIn("BROKEN the difference", text)
            with self.assertRaises(ValueError):
                outcome(untouched, against=kept, families=["chat"], count=20)


class ServerTest(unittest.TestCase):
    def test_a_refusal_is_an_error_and_no_wrong_answer(self):
        with reference_server(untouched) as url:
            client = serving.Client(url)
            with self.assertRaisesRegex(RuntimeError, "status 400"):
                client.chat({"messages": [], "model": "reference"})
            client.close()


class HeldOutTest(unittest.TestCase):
    """Nothing that is asked is in the training data of the same family."""

    def test_no_question_of_the_evaluation_is_ever_drawn_for_training(self):
        for family in mix.SHARES:
            drawn = random.Random(11)
            trained = {self.words(mix.one(drawn, "train", family)) for _ in range(1200)}
            asked = {self.words(item) for item in mix.evaluation(family, 300, evaluate.SEED)}
            self.assertEqual(trained & asked, set(), family)
            self.assertGreater(len(asked), 100, family)

    def test_the_comparison_would_notice_items_of_training(self):
        drawn = random.Random(11)
        trained = {self.words(mix.one(drawn, "train", "chat")) for _ in range(1200)}
        other = random.Random(12)
        asked = {self.words(mix.one(other, "train", "chat")) for _ in range(300)}
        self.assertTrue(trained & asked)

    @staticmethod
    def words(item):
        return "\n".join(message["content"] for message in item.messages
                         if message["role"] != "system")


if __name__ == "__main__":
    unittest.main()
