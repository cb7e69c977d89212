"""Sends a message to people, by mail or any other service that an address names.

Apprise is known here alone. Its addresses hold passwords and tokens: they come in as ``SecretStr``,
and nothing that this module says, logs or raises holds what an address hides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging import DEBUG, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from pydantic import SecretStr

from sentinel_lib.errors import AlertError, ConfigError, nearest

if TYPE_CHECKING:
    from apprise import AppriseResult, NotifyBase

VARIABLE = "NOTIFY_URLS"
EXAMPLE = "mailtos://user:password@smtp.example.org?from=pipeline@example.org&to=team@example.org"
SET_IT = "set it in the environment, .env or .env.local"
SENDER = "Dataflow Sentinel"
TIMEOUT_SECONDS = 60.0

_MASK = "***"
_SEPARATORS = re.compile(r"[/:@?&=#,;\s]+")


Kind = Literal["info", "success", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. A service that shows HTML gets ``html``, the others ``text``; many show the
    ``kind`` by a colour or a sign, or choose by it whom they wake.
    """

    subject: str
    text: str
    html: str
    kind: Kind = "info"


def send(
    message: Message,
    to: Sequence[SecretStr],
    *,
    attach: Path | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> list[str]:
    """Send ``message`` to every address, and give the services that took it, without secrets.

    Raises ``ConfigError`` before anything is sent if there is no address or a wrong one, and
    ``AlertError`` with the words of each service that did not take it; the others have it then.
    """
    if not to:
        raise ConfigError(
            f"environment variable {VARIABLE} is not set, so there is nobody to notify",
            expected=f"one or more addresses such as {EXAMPLE}",
            next_step=SET_IT,
        )
    taken, refused = [], []
    with _own_log():
        services = [_service(number, len(to), one) for number, one in enumerate(to, start=1)]
        for service, address in zip(services, to, strict=True):
            shown = _address_shown(service)
            name = f"{service.service_name} at {_place(shown)}"
            outcome = _notify(service, message, attach, timeout_seconds)
            if outcome:
                taken.append(name)
            else:
                secrets = _parts(address.get_secret_value()) - _parts(shown)
                secrets |= {str(service.password or ""), address.get_secret_value()}
                refused.append(f"{name}: {masked(_words(outcome), secrets)}")
    if refused:
        raise AlertError(
            f"{len(refused)} of {len(to)} services did not take the message",
            observed="; ".join(refused),
            expected="every service that an address names to take it",
            next_step=f"mend the service or its address in {VARIABLE}, and notify again",
        )
    return taken


def _service(number: int, count: int, address: SecretStr) -> NotifyBase:
    """The service that an address names. Of a wrong address, which may be secret, nothing shows."""
    from apprise import Apprise, AppriseAsset

    written = address.get_secret_value()
    if service := Apprise.instantiate(written, asset=AppriseAsset(app_id=SENDER)):
        return service
    scheme, separator, _ = written.partition("://")
    known = _schemes()
    if not separator:
        problem = "has no service in front, as in mailtos://"
    elif scheme.lower() not in known:
        problem = f"names no service that is known{nearest(scheme, known)}"
    else:
        problem = f"is not a complete {scheme.lower()}:// address"
    raise ConfigError(
        f"environment variable {VARIABLE}: address {number} of {count} {problem}",
        expected=f"such as {EXAMPLE}; a character that ends a part is written as %2F, %40, %3A",
        next_step=SET_IT,
    )


def _schemes() -> list[str]:
    from apprise.manager_plugins import NotificationManager

    return sorted(NotificationManager().schemas())  # type: ignore[no-untyped-call] # apprise's own


def _notify(
    service: NotifyBase, message: Message, attach: Path | None, timeout_seconds: float
) -> AppriseResult:
    """What came of one service; its log goes with it, down to what the server answered."""
    from apprise import Apprise, NotifyFormat

    is_html = service.resolve_format() == NotifyFormat.HTML
    return Apprise(service).notify(
        title=message.subject,
        body=message.html if is_html else message.text,
        notify_type=message.kind,
        body_format=NotifyFormat.HTML if is_html else NotifyFormat.TEXT,
        attach=str(attach) if attach else None,
        timeout=timeout_seconds,
        log_level=DEBUG,
    )


def _address_shown(service: NotifyBase) -> str:
    """The address as apprise shows it: tokens and passwords are cut short or struck out."""
    return str(service.url(privacy=True))  # type: ignore[no-untyped-call] # apprise's own


def _place(shown: str) -> str:
    return shown.partition("?")[0].partition("://")[2].split("/")[0]


def _words(outcome: AppriseResult) -> str:
    """What a service logged: its warnings, and what was thrown or answered behind them."""
    said = [
        entry.message
        for entry in outcome.logs()
        if entry.level in ("WARNING", "ERROR", "CRITICAL") or "exception" in entry.message.lower()
    ]
    words = "; ".join(dict.fromkeys(said)) or f"{outcome.status.name.lower()} without a reason"
    return " ".join(words.split())


def masked(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every one of ``secrets`` struck out that is not part of a longer word."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _MASK, text)
    return text


def _parts(address: str) -> set[str]:
    """The words between the marks of an address, as they are written and as they are meant.

    The names of its options are none of them.
    """
    place, _, options = address.partition("?")
    values = [option.partition("=")[2] for option in options.split("&")]
    written = set(_SEPARATORS.split(" ".join([place, *values])))
    meant = {unquote(part) for part in written}
    return written | meant | {word for part in meant for word in _SEPARATORS.split(part)}


@contextmanager
def _own_log() -> Iterator[None]:
    """Have apprise log all, to its results alone: its log quotes addresses."""
    log = getLogger("apprise")
    level, propagate = log.level, log.propagate
    log.setLevel(DEBUG)
    log.propagate = False
    try:
        yield
    finally:
        log.setLevel(level)
        log.propagate = propagate
