"""``/healthz`` over HTTP, answered beside the runs."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

from sentinel_lib.service.health import HealthResponse
from sentinel_lib.settings.document import read_document
from sentinel_lib.settings.schedule import Health

PATH = "/healthz"


class _Server(ThreadingHTTPServer):
    def __init__(self, health: Health, answer: Callable[[], HealthResponse]) -> None:
        if ":" in health.host:
            self.address_family = socket.AF_INET6
        self.answer = answer
        super().__init__((health.host, health.port), _Handler)

    def server_bind(self) -> None:
        """Without the host's full name, which may take a slow name server seconds."""
        TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5.0  # for a client that connects and says nothing
    server_version, sys_version = "healthz", ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self._send(HTTPStatus.NOT_FOUND, {"error": f"only {PATH} is here"})
            return
        response = self.server.answer()
        self._send(response.http_status, response.body)

    do_HEAD = do_GET  # noqa: N815 (the name that http.server calls)

    def _send(self, status: int, body: dict[str, object]) -> None:
        content = json.dumps(body, ensure_ascii=False).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Logs nothing: requests come every few seconds."""


@contextmanager
def answering(
    health: Health | None, answer: Callable[[], HealthResponse], config_file: Path
) -> Iterator[str]:
    """Answers within the block; gives the address, or nothing where ``health`` is switched off.

    Raises ``ConfigError`` about ``config_file`` if nothing can listen there.
    """
    if health is None:
        yield ""
        return
    try:
        server = _Server(health, answer)
    except OSError as failed:
        raise read_document(config_file).error(
            ("schedule", "health", "port"),
            f"{health.host}:{health.port} cannot be listened on: {failed.strerror or failed}",
            expected="an address of this machine, and a port that is not in use",
            next_step="set another port, or health: null to do without",
        ) from failed
    with server:
        thread = threading.Thread(target=server.serve_forever, args=[0.1], daemon=True)
        thread.start()
        try:
            host = f"[{health.host}]" if ":" in health.host else health.host
            yield f"http://{host}:{server.server_address[1]}{PATH}"
        finally:
            server.shutdown()
            thread.join()
