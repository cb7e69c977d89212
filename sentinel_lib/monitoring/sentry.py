"""What Sentry is told of one run."""

import platform
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import sentry_sdk
from sentry_sdk.crons import capture_checkin
from sentry_sdk.tracing import NoOpSpan, Transaction

from sentinel_lib.errors import ExitCode, SentinelError, UsageError
from sentinel_lib.logger import log
from sentinel_lib.monitoring import delivery
from sentinel_lib.monitoring.failure import cell_error, event_of
from sentinel_lib.monitoring.monitor import Monitor
from sentinel_lib.records.stage import RunRecord, StageOutcome
from sentinel_lib.settings.environment import Environment

_FAILED = ("failed", "blocked")
_STOPPED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


@contextmanager
def reporting(environment: Environment) -> Iterator[Monitor]:
    """Tells Sentry of the run within the block, and has sent everything when it is left."""
    client = delivery.client(environment)
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        runtime = {"name": platform.python_implementation(), "version": platform.python_version()}
        scope.set_context("runtime", runtime)
        monitor = SentryMonitor(environment.sentry_monitor_slug)
        try:
            yield monitor
        except BaseException as error:
            monitor.crashed(error)
            raise
        finally:
            monitor.end("internal_error")  # unless it has ended well before
            delivery.close(client)


@contextmanager
def _harmless() -> Iterator[None]:
    """Watching a run must not be what ends it."""
    try:
        yield
    except Exception:
        log().warning("Sentry could not be told", exc_info=True)


class SentryMonitor(Monitor):
    """Sends each failure as it happens, and the whole run at its end."""

    def __init__(self, slug: str | None) -> None:
        self._slug = slug
        self._check_in = uuid4().hex
        self._began = time.time()
        self._symbols: Collection[str] = ()
        self._transaction: Transaction | NoOpSpan | None = None
        self._crash: BaseException | None = None
        self._is_told = False
        self._is_told_terminated = False

    @_harmless()
    def run_began(self, run_id: str, as_of: datetime, symbols: Collection[str]) -> None:
        """Open the transaction that the events of the run belong to, and check in."""
        self._symbols = symbols
        self._began = time.time()
        scope = sentry_sdk.get_isolation_scope()
        scope.set_tag("run_id", run_id)
        scope.set_context(
            "pipeline", {"run_id": run_id, "as_of": as_of.astimezone(UTC).isoformat()}
        )
        self._transaction = sentry_sdk.start_transaction(op="run", name="run", source="task")
        sentry_sdk.get_current_scope().span = self._transaction
        self._send_check_in("in_progress")

    @_harmless()
    def stage_ended(self, outcome: StageOutcome, notebook: str, executed: Path) -> None:
        """A span of the transaction, and an event if the stage failed."""
        ended = time.time()
        is_well = outcome.status in ("ok", "degraded")
        if self._transaction:
            span = self._transaction.start_child(
                op="stage", name=outcome.name, start_timestamp=ended - outcome.seconds
            )
            span.set_status("ok" if is_well else "internal_error")
            span.update_data({"status": outcome.status, "notebook": notebook})
            span.finish(end_timestamp=ended)
        if outcome.status in _FAILED and outcome.error_name != "KeyboardInterrupt":
            self._is_told_terminated |= outcome.error_name == "Terminated"
            self._tell(event_of(outcome, notebook, cell_error(executed), self._symbols))
        sentry_sdk.add_breadcrumb(
            category="stage",
            message=f"{outcome.name}: {outcome.status}",
            level="info" if is_well else "error",
        )

    @_harmless()
    def run_ended(self, record: RunRecord) -> None:
        """An event for a failure that belongs to no stage; and the transaction is sent."""
        code = ExitCode(record.exit_code)
        if code == ExitCode.TERMINATED:
            self._tell_terminated()
        elif record.status == "failed" and not self._is_told:
            causes = ", ".join(record.conditions) or code.name.lower()
            fingerprint = ["run failed", *(record.conditions or [code.name])]
            message = f"run failed: {causes}"
            self._tell({"level": "error", "message": message, "fingerprint": fingerprint})
        if code in _STOPPED:
            self.end("cancelled")
        else:
            self.end("internal_error" if record.status == "failed" else "ok")

    @_harmless()
    def crashed(self, error: BaseException) -> None:
        """An event with the stack of ``error``, unless it has one or a person caused it."""
        if error is self._crash:
            return
        self._crash = error
        if isinstance(error, KeyboardInterrupt):
            if type(error) is not KeyboardInterrupt:  # SIGTERM, for which the pipeline has its own
                self._tell_terminated()
            self.end("cancelled")
        elif not isinstance(error, UsageError | SystemExit | GeneratorExit):
            self._is_told = True
            level = "error" if isinstance(error, SentinelError) else "fatal"
            sentry_sdk.capture_exception(error, level=level)

    @_harmless()
    def end(self, status: str) -> None:
        """Send the transaction with ``status`` and check in for the last time, once."""
        if self._transaction is None:
            return
        self._transaction.set_status(status)
        self._transaction.finish()
        self._transaction = None
        self._send_check_in("ok" if status == "ok" else "error")

    def _tell_terminated(self) -> None:
        if not self._is_told_terminated:
            self._is_told_terminated = True
            error = {"type": "Terminated", "value": "stopped by SIGTERM between stages"}
            exception = {"values": [error]}
            fingerprint = ["terminated"]
            self._tell({"level": "warning", "exception": exception, "fingerprint": fingerprint})

    def _tell(self, event: Any) -> None:
        self._is_told = True
        sentry_sdk.capture_event(event)

    def _send_check_in(self, status: str) -> None:
        if self._slug:
            seconds = None if status == "in_progress" else time.time() - self._began
            capture_checkin(self._slug, self._check_in, status, seconds)
