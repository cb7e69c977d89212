"""Sends a message to people, by mail or any other service that an address names.

Apprise is known here alone. Its addresses hold passwords and tokens: nothing that this module says,
logs or raises shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import DEBUG, getLogger
from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from sentinel_lib.errors import AlertError, ConfigError, nearest
from sentinel_lib.settings.environment import Environment
from sentinel_lib.settings.secrets import Scrubber

if TYPE_CHECKING:
    from apprise import AppriseResult, NotifyBase

VARIABLE = "NOTIFY_URLS"
EXAMPLE = "mailtos://user:password@smtp.example.org?from=pipeline@example.org&to=team@example.org"
SET_IT = "set it in the environment, .env or .env.local"
SENDER = "Dataflow Sentinel"
TIMEOUT_SECONDS = 60.0

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


def send(message: Message, environment: Environment) -> list[str]:
    """Send ``message`` to every address of ``NOTIFY_URLS``; the services that took it, by name.

    Raises ``ConfigError`` before anything is sent if there is no address or a wrong one, and
    ``AlertError`` that quotes each service that did not take it; the others have it then.
    """
    addresses = environment.notify_addresses()
    if not addresses:
        raise ConfigError(
            f"environment variable {VARIABLE} is not set, so there is nobody to notify",
            expected=f"one or more addresses such as {EXAMPLE}",
            next_step=SET_IT,
        )
    scrubber = Scrubber(environment)
    accepted, rejected = [], []
    with _captured_log():
        services = [
            _service(number, len(addresses), address)
            for number, address in enumerate(addresses, start=1)
        ]
        for service in services:
            name = f"{service.service_name} at {_host(service)}"
            outcome = _notify(service, message)
            if outcome:
                accepted.append(name)
            else:
                rejected.append(f"{name}: {scrubber.scrub(_reason(outcome))}")
    if rejected:
        raise AlertError(
            f"{len(rejected)} of {len(addresses)} services did not take the message",
            observed="; ".join(rejected),
            expected="every service that an address names to take it",
            next_step=f"fix the service or its address in {VARIABLE}, then notify again",
        )
    return accepted


def _service(number: int, count: int, address: SecretStr) -> NotifyBase:
    """The service that an address names. Of a wrong address, which may be secret, nothing shows."""
    from apprise import Apprise, AppriseAsset
    from apprise.manager_plugins import NotificationManager

    written = address.get_secret_value()
    if service := Apprise.instantiate(written, asset=AppriseAsset(app_id=SENDER)):
        return service
    scheme = written.partition("://")[0].lower()
    known = sorted(NotificationManager().schemas())  # type: ignore[no-untyped-call] # apprise's own
    problem = f"names an unknown service{nearest(scheme, known)}"
    if scheme in known:
        problem = f"is not a complete {scheme}:// address"
    raise ConfigError(
        f"environment variable {VARIABLE}: address {number} of {count} {problem}",
        expected=f"such as {EXAMPLE}; inside a part write / as %2F, @ as %40 and : as %3A",
        next_step=SET_IT,
    )


def _notify(service: NotifyBase, message: Message) -> AppriseResult:
    """What came of one service; its log goes with it, down to what the server answered."""
    from apprise import Apprise, NotifyFormat

    is_html = service.resolve_format() == NotifyFormat.HTML
    return Apprise(service).notify(
        title=message.subject,
        body=message.html if is_html else message.text,
        notify_type=message.kind,
        body_format=NotifyFormat.HTML if is_html else NotifyFormat.TEXT,
        timeout=TIMEOUT_SECONDS,
        log_level=DEBUG,
    )


def _host(service: NotifyBase) -> str:
    """User and host of the address; apprise shortens tokens and hides passwords."""
    shown = str(service.url(privacy=True))  # type: ignore[no-untyped-call] # apprise's own
    return shown.partition("?")[0].partition("://")[2].split("/")[0]


def _reason(outcome: AppriseResult) -> str:
    """What a service logged: its warnings, and what was thrown or answered behind them."""
    logged = [
        entry.message
        for entry in outcome.logs()
        if entry.level in ("WARNING", "ERROR", "CRITICAL") or "exception" in entry.message.lower()
    ]
    reason = "; ".join(dict.fromkeys(logged)) or f"{outcome.status.name.lower()} without a reason"
    return " ".join(reason.split())


@contextmanager
def _captured_log() -> Iterator[None]:
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
