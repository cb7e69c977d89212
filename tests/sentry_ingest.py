"""A Sentry of our own on loopback: it takes envelopes as the real one does, and keeps them."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "c0ffee00c0ffee00c0ffee00c0ffee00"


class Ingest:
    """What has arrived. ``raw`` are the envelopes as text, ``items`` what they hold."""

    def __init__(self, port: int) -> None:
        self.dsn = f"http://{KEY}@127.0.0.1:{port}/1"
        self.raw: list[str] = []
        self.items: list[tuple[str, dict[str, Any]]] = []

    def take(self, envelope: bytes) -> None:
        """Keep an envelope: a line of headers, then two lines an item."""
        self.raw.append(envelope.decode())
        _, *lines = envelope.decode().splitlines()
        for head, body in zip(lines[::2], lines[1::2], strict=True):
            self.items.append((json.loads(head)["type"], json.loads(body)))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The items of one type: event, transaction or check_in."""
        return [item for found, item in self.items if found == kind]


@contextmanager
def ingest() -> Iterator[Ingest]:
    """A server that answers as Sentry does, stopped when the block is left."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            is_known = self.path == "/api/1/envelope/" and KEY in self.headers["X-Sentry-Auth"]
            if is_known:
                found.take(body)
            self.send_response(200 if is_known else 403)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """A test has no use for it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Ingest(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent_dsn() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://{KEY}@127.0.0.1:{listening.getsockname()[1]}/1"


def closed_dsn() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"http://{KEY}@127.0.0.1:{port}/1"
