"""A mail server for tests, on a port of loopback."""

from __future__ import annotations

import email.policy
import socket
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

PASSWORD = "c4nary-p4ss"


class Mailbox(Controller):
    """Keeps the mails it gets, and lets in who knows ``PASSWORD``.

    ``refuses`` is what it answers to a mail that it does not take.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = ""
        super().__init__(
            self, hostname="127.0.0.1", authenticator=self.let_in, auth_require_tls=False
        )

    def address(self, password: str = PASSWORD, port: int | None = None) -> str:
        """The address of this server, or of another port, as ``NOTIFY_URLS`` takes it."""
        where = f"127.0.0.1:{port or self.port}?from=pipeline@example.org&to=team@example.org"
        return f"mailto://ops:{password}@{where}"

    def let_in(self, _: Any, __: Any, ___: Envelope, ____: str, given: Any) -> AuthResult:
        return AuthResult(success=given.password == PASSWORD.encode(), handled=False)

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802
        if self.refuses:
            return self.refuses
        content = envelope.content
        assert isinstance(content, bytes)
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 OK"

    def _create_server(self) -> Any:
        """Listen where the system has room: of itself a controller would connect to port 0."""
        listening = socket.create_server((self.hostname, 0))
        self.port = listening.getsockname()[1]
        return self.loop.create_server(self._factory_invoker, sock=listening)


def part(mail: EmailMessage, kind: str) -> str:
    """The ``plain`` or ``html`` part of a mail."""
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())
