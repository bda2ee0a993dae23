"""A running server, started here or elsewhere, asked in OpenAI's chat format."""

import contextlib
import http.client
import json
import socket
import subprocess
import threading
import time
import urllib.parse

START_SECONDS = 60
ANSWER_SECONDS = 3600     # a prompt of 128K tokens on a busy processor


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """One server's address; every thread that asks keeps a connection of its own."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80
        self.mine = threading.local()
        self.opened = []

    def connect(self):
        """A new connection for this thread."""
        self.mine.connection = http.client.HTTPConnection(self.host, self.port,
                                                          timeout=ANSWER_SECONDS)
        self.opened.append(self.mine.connection)
        return self.mine.connection

    def close(self):
        """After the last thread has asked."""
        for connection in self.opened:
            connection.close()

    def ask(self, method, path, body=None):
        """(status, parsed reply); a connection that was closed in between is opened again."""
        data = None if body is None else json.dumps(body).encode()
        for last in (False, True):
            connection = getattr(self.mine, "connection", None)
            fresh = connection is None
            if fresh:
                connection = self.connect()
            try:
                connection.request(method, path, data, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                return reply.status, json.loads(reply.read() or b"null")
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                self.mine.connection = None
                if fresh or last:
                    raise

    def chat(self, body):
        """The whole reply of a chat completion."""
        status, reply = self.ask("POST", "/v1/chat/completions", body)
        if status != 200:
            raise RuntimeError(f"status {status}: {json.dumps(reply)[:400]}")
        return reply

    def model(self):
        """The name under which the server shows its model."""
        status, reply = self.ask("GET", "/v1/models")
        if status != 200:
            raise RuntimeError(f"/v1/models answers with status {status}")
        return reply["data"][0]["id"]


def wait_until_ready(process, client):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with status {process.returncode}")
        with contextlib.suppress(OSError):
            if client.ask("GET", "/readyz")[0] == 200:
                return
        time.sleep(0.05)
    raise SystemExit(f"the server was not ready after {START_SECONDS} s")


@contextlib.contextmanager
def started(binary, model, flags):
    """A client of `dakkar serve` on a free port; without a model the program finds its demo."""
    port = free_port()
    command = [binary, "serve", *([model] if model else []), "--port", str(port), *flags]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            client = Client(f"http://127.0.0.1:{port}")
            wait_until_ready(process, client)
            yield client
            client.close()
            process.terminate()
            if process.wait(timeout=60) != 0:
                raise SystemExit(f"the server ended with status {process.returncode}")
        finally:
            process.kill()
