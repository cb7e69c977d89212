"""What Sentry is told of one run."""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_lib.errors import ExitCode, SentinelError, UsageError
from sentinel_lib.monitoring.failure import cell_error, event_of
from sentinel_lib.records.stage import RunRecord, StageOutcome
from sentinel_lib.settings.environment import Environment

if TYPE_CHECKING:
    from sentinel_lib.monitoring.delivery import Delivery, Event

STOPPED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


class _Nowhere:
    """There is no ``SENTRY_DSN``."""

    def send(self, event: Event, error: BaseException | None = None) -> None:
        """Sends nothing."""

    def close(self) -> None:
        """Has nothing to wait for."""


@contextmanager
def watching(environment: Environment) -> Iterator[Monitor]:
    """Watches one run, and has told Sentry everything when the block is left.

    An exception that leaves the block is a crash of the pipeline: it is reported and goes on. A
    command that was mistyped and Ctrl-C are nobody's failure: who sat there knows.
    """
    monitor = Monitor(_delivery(environment), environment.sentry_monitor_slug)
    try:
        yield monitor
    except BaseException as error:
        monitor.crashed(error)
        raise
    finally:
        monitor.close()


def _delivery(environment: Environment) -> Delivery:
    if environment.sentry_dsn is None:
        return _Nowhere()
    from sentinel_lib.monitoring.delivery import ToSentry  # the SDK takes a while to import

    return ToSentry(environment)


class Monitor:
    """Gathers what happens in a run, and sends each failure as it happens."""

    def __init__(self, delivery: Delivery, slug: str | None) -> None:
        self._delivery = delivery
        self._slug = slug
        self._check_in = uuid.uuid4().hex
        self._trace = {"trace_id": uuid.uuid4().hex, "span_id": _span_id()}
        self._tags: dict[str, str] = {}
        self._run: dict[str, Any] = {}
        self._symbols: Collection[str] = ()
        self._spans: list[dict[str, Any]] = []
        self._crumbs: list[dict[str, Any]] = []
        self._began = time.time()
        self._crash: BaseException | None = None
        self._is_told = False
        self._is_told_terminated = False
        self._is_open = False

    def run_began(self, run_id: str, as_of: datetime, symbols: Collection[str]) -> None:
        """The run has the lock and its plan: it is about ``symbols``."""
        self._tags = {"run_id": run_id}
        self._run = {"run_id": run_id, "as_of": as_of.astimezone(UTC).isoformat()}
        self._symbols = symbols
        self._began = time.time()
        self._is_open = True
        self._send_check_in("in_progress")

    def stage_ended(self, outcome: StageOutcome, notebook: str, executed: Path) -> None:
        """A stage was executed: ``notebook`` by name, kept with its outputs at ``executed``."""
        ended = time.time()
        is_well = outcome.status in ("ok", "degraded")
        self._spans.append(
            {
                **self._trace,
                "span_id": _span_id(),
                "parent_span_id": self._trace["span_id"],
                "op": "stage",
                "description": outcome.name,
                "start_timestamp": ended - outcome.seconds,
                "timestamp": ended,
                "status": "ok" if is_well else "internal_error",
                "data": {"status": outcome.status, "notebook": notebook},
            }
        )
        if outcome.status in ("failed", "blocked") and outcome.error_name != "KeyboardInterrupt":
            self._is_told_terminated |= outcome.error_name == "Terminated"
            self._tell(event_of(outcome, notebook, cell_error(executed), self._symbols))
        message = f"{outcome.name}: {outcome.status}"
        level = "info" if is_well else "error"
        crumb = {"category": "stage", "message": message, "level": level, "timestamp": ended}
        self._crumbs.append(crumb)

    def run_ended(self, record: RunRecord) -> None:
        """The run's record was kept. A failure that belongs to no stage is reported now."""
        code = ExitCode(record.exit_code)
        if code == ExitCode.TERMINATED:
            self._tell_terminated()
        elif record.status == "failed" and not self._is_told:
            found = ", ".join(record.conditions) or code.name.lower()
            fingerprint = ["run failed", *(record.conditions or [code.name])]
            self._tell(
                {"level": "error", "message": f"run failed: {found}", "fingerprint": fingerprint}
            )
        self._end("cancelled" if code in STOPPED else _status(record.status != "failed"))

    def crashed(self, error: BaseException) -> None:
        """The pipeline itself ended with ``error``; the same one twice is reported once."""
        if error is self._crash:
            return
        self._crash = error
        if isinstance(error, KeyboardInterrupt):
            if type(error) is not KeyboardInterrupt:  # SIGTERM, for which the pipeline has its own
                self._tell_terminated()
            self._end("cancelled")
        elif not isinstance(error, UsageError | SystemExit | GeneratorExit):
            level = "error" if isinstance(error, SentinelError) else "fatal"
            self._tell({"level": level}, error)

    def close(self) -> None:
        """Send what is left, and wait for it; a run that was begun and not ended has failed."""
        self._end(_status(False))
        self._delivery.close()

    def _tell_terminated(self) -> None:
        if not self._is_told_terminated:
            self._is_told_terminated = True
            words = {"type": "Terminated", "value": "stopped by SIGTERM between stages"}
            self._tell(
                {
                    "level": "warning",
                    "exception": {"values": [words]},
                    "fingerprint": ["terminated"],
                }
            )

    def _tell(self, event: Event, error: BaseException | None = None) -> None:
        self._is_told = True
        common = {
            "contexts": self._contexts(),
            "breadcrumbs": {"values": list(self._crumbs)},
            "tags": {**self._tags, **event.get("tags", {})},
        }
        self._delivery.send({**event, **common}, error)

    def _end(self, status: str) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._delivery.send(
            {
                "type": "transaction",
                "transaction": "run",
                "transaction_info": {"source": "task"},
                "contexts": self._contexts(op="run", status=status),
                "tags": self._tags,
                "spans": self._spans,
                "start_timestamp": self._began,
                "timestamp": time.time(),
            }
        )
        self._send_check_in("ok" if status == "ok" else "error")

    def _send_check_in(self, status: str) -> None:
        if self._slug is None:
            return
        ended = {} if status == "in_progress" else {"duration": time.time() - self._began}
        self._delivery.send(
            {
                "type": "check_in",
                "monitor_slug": self._slug,
                "check_in_id": self._check_in,
                "status": status,
                **ended,
            }
        )

    def _contexts(self, **trace: str) -> dict[str, Any]:
        python = {"name": platform.python_implementation(), "version": platform.python_version()}
        found = {"trace": {**self._trace, **trace}, "runtime": python, "pipeline": self._run}
        return {name: context for name, context in found.items() if context}


def _status(is_well: bool) -> str:
    return "ok" if is_well else "internal_error"


def _span_id() -> str:
    return uuid.uuid4().hex[:16]
