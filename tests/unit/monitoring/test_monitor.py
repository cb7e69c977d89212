"""What arrives at Sentry: a real SDK, a real server, and the calls that a run makes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest
import structlog
from pydantic import SecretStr

from sentinel_lib import logger
from sentinel_lib.errors import ConfigError, ExitCode, UsageError
from sentinel_lib.monitoring.delivery import PATIENCE_SECONDS
from sentinel_lib.monitoring.monitor import Monitor, watching
from sentinel_lib.pipeline.interruption import Terminated
from sentinel_lib.records.stage import AssetLedger, RunRecord, StageOutcome, StageRecord
from sentinel_lib.settings.environment import Environment
from sentinel_lib.settings.project import PROJECT_ROOT
from tests.sentry_ingest import KEY, Ingest, closed_dsn, ingest, silent_dsn

AS_OF = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN_ID = "20261123T120000Z-0000"
CANARY = "hunter2-hunter2"
NOTIFY = f"json://robot:{CANARY}@example.com"
SYMBOLS = ("AAPL", "BTC-USD")


@pytest.fixture
def sentry() -> Iterator[Ingest]:
    with ingest() as server:
        yield server


def environment(dsn: str, slug: str | None = "daily-run") -> Environment:
    return Environment.model_construct(
        environment="ci",
        sentry_dsn=SecretStr(dsn),
        sentry_release="dataflow-sentinel@1.2.3",
        sentry_monitor_slug=slug,
        notify_urls=SecretStr(NOTIFY),
    )


def begin(monitor: Monitor) -> None:
    monitor.run_began(RUN_ID, AS_OF, SYMBOLS)


def end_stage(
    monitor: Monitor,
    name: str = "validate",
    status: Literal["ok", "failed", "blocked"] = "failed",
    executed: Path = Path("nowhere.ipynb"),
    **outcome: Any,
) -> None:
    ended = StageOutcome(name=name, status=status, seconds=2.0, **outcome)
    monitor.stage_ended(ended, f"20_{name}.ipynb", executed)


def end(
    monitor: Monitor,
    code: ExitCode = ExitCode.UNEXPECTED,
    status: Literal["ok", "degraded", "failed", "interrupted"] = "failed",
    conditions: tuple[str, ...] = (),
) -> None:
    monitor.run_ended(
        RunRecord(
            run_id=RUN_ID,
            as_of=AS_OF,
            started_at_utc=AS_OF,
            finished_at_utc=AS_OF,
            status=status,
            exit_code=code,
            conditions=list(conditions),
        )
    )


def executed_notebook(path: Path, name: str, value: str, traceback: list[str]) -> Path:
    output = {"output_type": "error", "ename": name, "evalue": value, "traceback": traceback}
    cells = [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": [output]}]
    path.write_text(json.dumps({"cells": cells}))
    return path


def only_event(sentry: Ingest) -> dict[str, Any]:
    [event] = sentry.of("event")
    return event


def seconds_of(span: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(span[key]) for key in ("start_timestamp", "timestamp"))
    return (ended - began).total_seconds()


def title(event: dict[str, Any]) -> tuple[str, str]:
    [error] = event["exception"]["values"]
    return error["type"], error["value"]


def test_healthy_run_is_one_transaction_with_a_span_for_each_stage_and_check_ins(
    sentry: Ingest,
) -> None:
    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end_stage(monitor, "ingest", "ok")
        end_stage(monitor, "validate", "ok")
        end(monitor, ExitCode.OK, "ok")

    [transaction] = sentry.of("transaction")
    assert sentry.of("event") == []
    assert transaction["contexts"]["trace"]["status"] == "ok"
    assert [span["description"] for span in transaction["spans"]] == ["ingest", "validate"]
    assert {span["status"] for span in transaction["spans"]} == {"ok"}
    assert [seconds_of(span) for span in transaction["spans"]] == [pytest.approx(2, abs=1e-3)] * 2
    first, last = sentry.of("check_in")
    assert (first["status"], last["status"]) == ("in_progress", "ok")
    assert first["check_in_id"] == last["check_in_id"]
    assert first["monitor_slug"] == last["monitor_slug"] == "daily-run"
    assert last["duration"] >= 0


def test_everything_says_where_it_came_from_and_nothing_about_who_runs_it(sentry: Ingest) -> None:
    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end_stage(monitor, error_name="ValueError", error="ValueError: no")
        end(monitor)

    [transaction] = sentry.of("transaction")
    for item in (only_event(sentry), transaction):
        assert item["environment"] == "ci"
        assert item["release"] == "dataflow-sentinel@1.2.3"
        assert item["tags"]["run_id"] == RUN_ID
        assert not {"request", "user", "modules"} & set(item)
        assert "sys.argv" not in item.get("extra", {})
    traces = {item["contexts"]["trace"]["trace_id"] for item in (only_event(sentry), transaction)}
    assert len(traces) == 1
    assert only_event(sentry)["contexts"]["pipeline"]["as_of"] == "2026-11-23T12:00:00+00:00"


def test_error_in_a_cell_is_one_event_with_the_stack_of_the_cell(
    sentry: Ingest, tmp_path: Path
) -> None:
    traceback = [
        "\x1b[31m" + "-" * 75 + "\x1b[39m",
        "\x1b[31mValueError\x1b[39m            Traceback (most recent call last)",
        "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[3]\x1b[39m\x1b[32m, line 2\x1b[39m\n"
        "\x1b[32m      1\x1b[39m rows = 1\n\x1b[32m----> \x1b[39m\x1b[32m2\x1b[39m judge(rows)",
        f"File {PROJECT_ROOT}/sentinel_lib/cleaning/verdicts.py:7, in judge(rows)\n----> 7 raise",
        "\x1b[31mValueError\x1b[39m: BTC-USD: no price",
    ]
    executed = executed_notebook(
        tmp_path / "validate.ipynb", "ValueError", "BTC-USD: no price", traceback
    )

    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end_stage(
            monitor,
            executed=executed,
            error_name="ValueError",
            error="ValueError: BTC-USD: no price\nCell In[3]",
            cell='In [3] under "Check": judge(rows)',
        )
        end(monitor)

    event = only_event(sentry)
    [error] = event["exception"]["values"]
    assert title(event) == ("ValueError", "validate: BTC-USD: no price")
    assert (event["level"], event["transaction"]) == ("error", "validate")
    assert event["tags"] == {
        "run_id": RUN_ID,
        "stage": "validate",
        "notebook": "20_validate.ipynb",
        "cell": 'In [3] under "Check": judge(rows)',
        "asset": "BTC-USD",
    }
    assert [
        (frame["filename"], frame["function"], frame["lineno"])
        for frame in error["stacktrace"]["frames"]
    ] == [("20_validate.ipynb", "<cell>", 2), ("sentinel_lib/cleaning/verdicts.py", "judge", 7)]
    assert error["stacktrace"]["frames"][0]["context_line"] == "judge(rows)"


def test_blocked_gate_is_one_event_that_groups_by_stage_and_names_the_assets(
    sentry: Ingest,
) -> None:
    ledgers = {"AAPL": AssetLedger(status="blocked"), "BTC-USD": AssetLedger(status="passed")}
    record = StageRecord(
        run_id=RUN_ID, stage="validate", as_of=AS_OF, status="blocked", assets=ledgers
    )

    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end_stage(
            monitor, status="blocked", error_name="GateBlocked", error="no asset", record=record
        )
        end(monitor, ExitCode.GATE_BLOCKED)

    event = only_event(sentry)
    assert title(event) == ("GateBlocked", "validate: no asset")
    assert event["fingerprint"] == ["gate blocked", "validate"]
    assert event["tags"]["asset"] == "AAPL"
    assert [one["status"] for one in sentry.of("check_in")] == ["in_progress", "error"]


def test_killed_kernel_is_one_fatal_event(sentry: Ingest, tmp_path: Path) -> None:
    words = "Kernel died: the kernel was killed (SIGKILL)"
    executed = executed_notebook(
        tmp_path / "validate.ipynb", "DeadKernelError", words, [f"DeadKernelError: {words}"]
    )

    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end_stage(monitor, executed=executed, error_name="DeadKernelError", error=words)
        end(monitor)

    event = only_event(sentry)
    assert title(event) == ("DeadKernelError", f"validate: {words}")
    assert (event["level"], event["fingerprint"]) == (
        "fatal",
        ["stage failed", "validate", "DeadKernelError"],
    )


def test_crash_of_the_pipeline_is_one_fatal_event_with_its_stack_and_no_values(
    sentry: Ingest,
) -> None:
    def crash() -> None:
        hidden = "a value of a variable"
        with watching(environment(sentry.dsn)) as monitor:
            begin(monitor)
            assert len(hidden) / 0

    with pytest.raises(ZeroDivisionError):
        crash()

    event = only_event(sentry)
    [error] = event["exception"]["values"]
    [transaction] = sentry.of("transaction")
    assert (error["type"], event["level"]) == ("ZeroDivisionError", "fatal")
    assert [frame["function"] for frame in error["stacktrace"]["frames"]][-1] == "crash"
    assert all("vars" not in frame for frame in error["stacktrace"]["frames"])
    assert transaction["contexts"]["trace"]["status"] == "internal_error"
    assert [one["status"] for one in sentry.of("check_in")] == ["in_progress", "error"]


def test_crash_that_is_recorded_before_it_goes_on_is_one_event(sentry: Ingest) -> None:
    def crash() -> None:
        with watching(environment(sentry.dsn)) as monitor:
            begin(monitor)
            error = RuntimeError("no")
            monitor.crashed(error)
            end(monitor, conditions=("unexpected",))
            raise error

    with pytest.raises(RuntimeError):
        crash()

    assert title(only_event(sentry)) == ("RuntimeError", "no")
    assert [one["status"] for one in sentry.of("check_in")] == ["in_progress", "error"]


def test_sigterm_in_a_stage_is_one_event(sentry: Ingest) -> None:
    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end_stage(monitor, error_name="Terminated", error="stopped by SIGTERM")
        end(monitor, ExitCode.TERMINATED, "interrupted")

    event = only_event(sentry)
    assert title(event) == ("Terminated", "validate: stopped by SIGTERM")
    assert (event["level"], event["fingerprint"]) == ("warning", ["terminated"])
    assert sentry.of("transaction")[0]["contexts"]["trace"]["status"] == "cancelled"


def test_sigterm_between_stages_is_one_event(sentry: Ingest) -> None:
    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end(monitor, ExitCode.TERMINATED, "interrupted")

    assert only_event(sentry)["fingerprint"] == ["terminated"]


def test_sigterm_that_leaves_the_run_is_one_event(sentry: Ingest) -> None:
    def stopped() -> None:
        with watching(environment(sentry.dsn)) as monitor:
            begin(monitor)
            raise Terminated

    with pytest.raises(Terminated):
        stopped()

    assert only_event(sentry)["fingerprint"] == ["terminated"]
    assert [one["status"] for one in sentry.of("check_in")] == ["in_progress", "error"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), UsageError("no such asset")])
def test_what_a_person_did_at_the_keyboard_is_no_event(sentry: Ingest, stop: BaseException) -> None:
    with pytest.raises(type(stop)), watching(environment(sentry.dsn)):
        raise stop

    assert sentry.items == []


def test_ctrl_c_in_a_stage_is_no_event(sentry: Ingest) -> None:
    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end_stage(monitor, error_name="KeyboardInterrupt", error="stopped by Ctrl-C")
        end(monitor, ExitCode.INTERRUPTED, "interrupted")

    assert sentry.of("event") == []
    assert len(sentry.of("transaction")) == 1


def test_wrong_configuration_of_a_scheduled_run_is_an_event(sentry: Ingest) -> None:
    with pytest.raises(ConfigError), watching(environment(sentry.dsn)):
        raise ConfigError("assets.yaml:3: unknown key 'calender'")

    assert title(only_event(sentry)) == ("ConfigError", "assets.yaml:3: unknown key 'calender'")
    assert only_event(sentry)["level"] == "error"
    assert sentry.of("transaction") == []


def test_failure_that_belongs_to_no_stage_is_one_event(sentry: Ingest) -> None:
    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end_stage(monitor, "monitor", "ok")
        end(monitor, conditions=("report_not_written",))

    event = only_event(sentry)
    assert event["message"] == "run failed: report_not_written"
    assert [crumb["message"] for crumb in event["breadcrumbs"]["values"]] == ["monitor: ok"]


def test_degraded_run_is_no_event_and_its_check_in_is_well(sentry: Ingest) -> None:
    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end(monitor, ExitCode.DEGRADED, "degraded")

    assert sentry.of("event") == []
    assert [one["status"] for one in sentry.of("check_in")] == ["in_progress", "ok"]


def test_two_stages_that_fail_are_two_events(sentry: Ingest) -> None:
    with watching(environment(sentry.dsn)) as monitor:
        begin(monitor)
        end_stage(monitor, "ingest", error_name="ValueError", error="ValueError: no")
        end_stage(monitor, "monitor", error_name="KeyError", error="KeyError: 'x'")
        end(monitor)

    assert [event["tags"]["stage"] for event in sentry.of("event")] == ["ingest", "monitor"]


def test_without_a_slug_nothing_checks_in(sentry: Ingest) -> None:
    with watching(environment(sentry.dsn, slug=None)) as monitor:
        begin(monitor)
        end(monitor, ExitCode.OK, "ok")

    assert [kind for kind, _ in sentry.items] == ["transaction"]


def test_secrets_are_in_no_envelope(sentry: Ingest, tmp_path: Path) -> None:
    quoted = quote(NOTIFY, safe="")
    executed = executed_notebook(
        tmp_path / "validate.ipynb", "ValueError", f"{CANARY} {KEY}", [f"{NOTIFY} {quoted}"]
    )

    def crash() -> None:
        with watching(environment(sentry.dsn)) as monitor:
            begin(monitor)
            cell = f"In [1] {KEY}"
            end_stage(monitor, executed=executed, error_name="ValueError", error=CANARY, cell=cell)
            raise RuntimeError(f"no answer from {NOTIFY}")

    with pytest.raises(RuntimeError):
        crash()

    assert [title(event)[0] for event in sentry.of("event")] == ["ValueError", "RuntimeError"]
    assert title(sentry.of("event")[0])[1] == "validate: (secret:NOTIFY_URLS) (secret:SENTRY_DSN)"
    for envelope in sentry.raw:
        assert not any(form in envelope for form in (CANARY, quoted, KEY))


def test_without_a_dsn_the_sdk_is_not_even_imported() -> None:
    code = (
        "import sys; from sentinel_lib.monitoring import monitor\n"
        "from sentinel_lib.settings.environment import Environment\n"
        "with monitor.watching(Environment.model_construct()) as nobody:\n"
        "    nobody.crashed(ValueError())\n"
        "print('sentry_sdk' in sys.modules)"
    )

    found = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )

    assert (found.stdout, found.stderr) == ("False\n", "")


def test_server_that_never_answers_is_waited_for_once_and_is_logged(tmp_path: Path) -> None:
    log_file = tmp_path / "run.jsonl"
    logger.configure(log_file, terminal=False)

    with silent_dsn() as dsn:
        began = time.monotonic()
        with watching(environment(dsn)) as monitor:
            begin(monitor)
            end_stage(monitor, error_name="ValueError", error="ValueError: no")
            end(monitor)
        seconds = time.monotonic() - began

    structlog.reset_defaults()
    assert seconds < 2 * PATIENCE_SECONDS
    [warned] = [json.loads(line) for line in log_file.read_text().splitlines()]
    assert warned["event"] == "Sentry did not get everything"


@pytest.mark.parametrize("kind", ["silent", "closed"])
def test_process_whose_sentry_is_dead_ends_in_time_and_says_nothing(kind: str) -> None:
    code = (  # what is registered first is called last at exit
        "import atexit, time\n"
        "began = time.monotonic()\n"
        "atexit.register(lambda: print(time.monotonic() - began))\n"
        "from datetime import UTC, datetime\n"
        "from sentinel_lib import logger\n"
        "from sentinel_lib.monitoring.monitor import watching\n"
        "from sentinel_lib.settings.environment import load_environment\n"
        "import sentinel_lib.monitoring.sentry\n"
        "logger.configure(None, terminal=False)\n"
        "began = time.monotonic()\n"
        "with watching(load_environment()) as monitor:\n"
        "    monitor.run_began('r1', datetime.now(UTC), ())\n"
        "    raise SystemExit(3)"
    )

    with silent_dsn() as silent:
        found = subprocess.run(
            [sys.executable, "-c", code],
            cwd=PROJECT_ROOT,
            env={
                "SENTRY_DSN": {"silent": silent, "closed": closed_dsn()}[kind],
                "SENTRY_MONITOR_SLUG": "daily-run",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert (found.returncode, found.stderr) == (3, "")
    assert float(found.stdout) < 2 * PATIENCE_SECONDS
