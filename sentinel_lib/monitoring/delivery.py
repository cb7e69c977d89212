"""The way of an event to Sentry: scrubbed, in the background, and never at the run's expense."""

import time
from typing import Any

import sentry_sdk
from sentry_sdk.transport import HttpTransport

from sentinel_lib.logger import log
from sentinel_lib.settings.environment import Environment
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.settings.secrets import Scrubber

PATIENCE_SECONDS = 1.6
"""How long the end of a run waits for a server that is slow. With what it costs to notice, a run
loses at most two seconds to it.
"""


class _Transport(HttpTransport):
    """The SDK's own, which remembers why events were lost."""

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self.losses: list[str] = []

    def on_dropped_event(self, reason: str) -> None:
        """Called by the SDK, in its thread, for an event that will not arrive."""
        self.losses.append(reason)
        super().on_dropped_event(reason)


def client(environment: Environment) -> sentry_sdk.Client:
    """A client that delivers to ``SENTRY_DSN`` what has no secret left in it.

    Not the global one of ``sentry_sdk.init``: that would watch the whole process, import an
    integration for every library it finds, and wait at the interpreter's exit.
    """
    assert environment.sentry_dsn is not None
    scrubber = Scrubber(environment)
    return sentry_sdk.Client(
        dsn=environment.sentry_dsn.get_secret_value(),
        environment=environment.environment,
        release=environment.release,
        before_send=lambda event, _: scrubber.scrub_tree(event),
        before_send_transaction=lambda event, _: scrubber.scrub_tree(event),
        transport=_Transport,
        traces_sample_rate=1.0,
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        enable_backpressure_handling=False,
        send_client_reports=False,
        include_local_variables=False,
        in_app_include=["sentinel_lib"],
        project_root=str(PROJECT_ROOT),
        shutdown_timeout=PATIENCE_SECONDS,
        debug=False,
        spotlight=False,
    )


def close(client: sentry_sdk.Client) -> None:
    """Wait until everything has left, but not for long; what is lost by then is logged."""
    transport = client.transport
    began = time.monotonic()
    try:
        client.close(timeout=PATIENCE_SECONDS)
    except Exception:  # watching a run must not be what ends it
        log().warning("Sentry could not be closed", exc_info=True)
    lost = transport.losses if isinstance(transport, _Transport) else []
    if time.monotonic() - began >= PATIENCE_SECONDS:
        lost = [*lost, f"no answer within {PATIENCE_SECONDS} s"]
    if lost:
        log().warning("Sentry did not get everything", because=sorted(set(lost)))
