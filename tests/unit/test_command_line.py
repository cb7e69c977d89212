from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import run_pipeline
from sentinel_lib.command_line.parser import parse
from sentinel_lib.errors import UsageError
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage.run_history import RunHistory
from tests import handed_on

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "tests" / "notebooks"
HEAVY = ("pandas", "papermill", "nbconvert", "nbformat", "zmq", "ibis", "pyarrow", "jinja2")
AS_OF = datetime(2024, 1, 3, tzinfo=UTC)
LINE = {
    "status": "passed",
    "rows_in": 3,
    "promoted": 3,
    "quarantined": 0,
    "deduplicated": 0,
    "freshness": "fresh",
}


def record(number: int, exit_code: int = 0) -> RunRecord:
    return RunRecord(
        run_id=f"20240103T12000{number}Z-0000",
        as_of=AS_OF,
        started_at_utc=AS_OF,
        finished_at_utc=AS_OF,
        status="degraded" if exit_code else "ok",
        exit_code=exit_code,
        assets={"AAPL": LINE},
        report="reports/index.html",
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A project with one stage, which says that AAPL passed."""
    suite = "rules: [{expect: expect_column_to_exist, column: close, on_fail: block}]"
    stage = (NOTEBOOKS / "stage.ipynb").read_text()
    fresh = {"details": handed_on.monitored(AAPL="fresh")}
    passed = {"assets": {"AAPL": {}}, "details": handed_on.details("validate")}
    files = {
        "config/pipeline.yaml": "".join(
            f"{name}: {tmp_path / name}\n" for name in ("data", "reports", "logs", "notebooks")
        )
        + "stages: [{name: validate, notebook: validate.ipynb},\n"
        "  {name: monitor, notebook: monitor.ipynb}]\n",
        "config/assets.yaml": "start: 2024-01-01\nassets: {AAPL: {}}\n",
        "notebooks/validate.ipynb": stage.replace("STAGE", "validate"),
        "notebooks/monitor.ipynb": stage.replace("STAGE", "monitor"),
        "data/says.json": json.dumps({"validate": passed, "monitor": fresh}),
    }
    layers = ("bronze", "silver", "gold")
    files |= {f"config/expectations/{one}.yaml": f"table: {one}.bars\n{suite}\n" for one in layers}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "config"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """The exit code, the one JSON object on standard output, and standard error."""
    code = run_pipeline.main([*arguments, "--json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out), printed.err


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["status"], ["history"]])
def test_help_status_and_history_import_nothing_heavy(
    arguments: list[str], config: Path, tmp_path: Path
) -> None:
    RunHistory(tmp_path / "data").write_run(record(1))
    script = (
        "import run_pipeline, sys\n"
        f"try: run_pipeline.main({[*arguments, '--config', str(config)]!r})\n"
        "except SystemExit: pass\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ended.stdout.splitlines()[-1] == "heavy: []"
    assert len(ended.stdout.splitlines()) > 1


def test_run_is_what_happens_if_no_command_is_named() -> None:
    options = parse(["--as-of", "2024-01-03", "--assets", "AAPL, MSFT,AAPL"])

    assert options.command == "run"
    assert options.as_of == AS_OF
    assert options.assets == ("AAPL", "MSFT")
    assert options.fail_on == "error"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "--data", "d", "status"],
        ["status", "--data", "d", "--json"],
        ["--data", "d", "status", "--json"],
    ],
)
def test_common_options_may_stand_before_or_after_the_command(arguments: list[str]) -> None:
    options = parse(arguments)

    assert (options.command, options.json, options.data) == ("status", True, Path.cwd() / "d")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-03-02", datetime(2013, 3, 2, tzinfo=UTC)),
        ("2013-03-02T00:00:00Z", datetime(2013, 3, 2, tzinfo=UTC)),
        ("2013-03-02T01:30:00", datetime(2013, 3, 2, 1, 30, tzinfo=UTC)),
        ("2013-03-02T01:00:00+01:00", datetime(2013, 3, 2, tzinfo=UTC)),
    ],
)
def test_as_of_is_a_date_or_a_time_and_utc_unless_it_says_otherwise(
    text: str, expected: datetime
) -> None:
    assert parse(["run", "--as-of", text]).as_of == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--as-of", "tomorrow"], "as_of 'tomorrow' is not a date or a time"),
        (["--as-of", "0001-01-01T00:00:00+14:00"], "is not a date or a time"),
        (["--asets", "AAPL"], "unknown argument '--asets'; did you mean '--assets'?"),
        (["--assets", ","], "--assets names no asset"),
        (["histroy"], "'histroy' is not a command; did you mean 'history'?"),
        (["--threads", "0"], "'0' is not a count"),
        (["--fail-on", "late"], "invalid choice: 'late'"),
        (["--data", "s3://bucket"], "'s3://bucket' is an address"),
        (["--config"], "expected one argument"),
        (["history", "--as-of", "2024-01-03"], "unknown argument '--as-of'"),
    ],
)
def test_command_line_that_cannot_be_is_refused_with_what_is_accepted(
    arguments: list[str], words: str
) -> None:
    with pytest.raises(UsageError) as refused:
        parse(arguments)

    assert words in str(refused.value)


def test_unknown_source_is_refused_with_those_there_are(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown, _ = answer(capsys, "--config", str(config), "--source", "krakken")

    assert code == 2
    assert "unknown source 'krakken'; did you mean 'kraken'?" in shown["error"]
    assert "one of simulated, files, kraken" in shown["error"]


def test_every_option_of_a_run_is_a_field_of_its_request() -> None:
    options = vars(parse(["run"]))

    about_the_answer = {"command", "json", "quiet"}
    assert set(options) - about_the_answer <= set(RunRequest.model_fields)


def test_input_means_files_and_contradicts_another_source(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--config", str(config), "--input", "bars.csv", "--source", "kraken"]

    code, shown, _ = answer(capsys, *arguments)

    assert code == 2
    assert shown["error"].startswith("--input reads files, and --source says kraken")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--as-of", "tomorrow"], 2),
        (["status", "--as-of", "2024-01-03"], 2),
        (["status", "--config", "/nonexistent"], 3),
    ],
)
def test_error_is_one_object_on_stdout_and_readable_on_stderr(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    returned, shown, errors = answer(capsys, *arguments)

    assert returned == code
    assert (shown["status"], shown["exit_code"]) == ("failed", code)
    assert errors == f"error: {shown['error']}\n"


def test_status_is_the_last_run_and_its_exit_code(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in (record(1), record(2, exit_code=8)):
        RunHistory(tmp_path / "data").write_run(run)

    code, shown, _ = answer(capsys, "status", "--config", str(config))

    assert code == 8
    assert (shown["run_id"], shown["exit_code"]) == ("20240103T120002Z-0000", 8)
    assert shown["assets"] == {"AAPL": LINE}


@pytest.mark.parametrize("command", ["status", "history"])
def test_before_the_first_run_there_is_a_command_to_start_with(
    command: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_pipeline.main([command, "--config", str(config)])

    assert code == 0
    assert capsys.readouterr().out == "no runs yet: python run_pipeline.py run\n"


def test_history_is_newest_first_and_as_long_as_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        RunHistory(tmp_path).write_run(record(number))

    code, shown, _ = answer(capsys, "history", "--data", str(tmp_path), "--limit", "2")

    assert code == 0
    assert [run["run_id"][:16] for run in shown["runs"]] == [
        "20240103T120003Z",
        "20240103T120002Z",
    ]


def test_damaged_record_is_named_and_not_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = RunHistory(tmp_path)
    history.write_run(record(1))
    path = history.layout.run_record(record(1).run_id)
    path.write_text("{")

    code, shown, _ = answer(capsys, "history", "--data", str(tmp_path))

    assert code == 1
    assert str(path) in shown["error"]


def test_run_prints_one_object_on_stdout_and_progress_on_stderr(config: Path) -> None:
    command = [sys.executable, "run_pipeline.py", "--config", str(config), "--json"]

    ended = subprocess.run(
        [*command, "--as-of", "2024-01-03"], cwd=ROOT, capture_output=True, text=True
    )

    shown = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert list(shown) == [
        *(
            "run_id",
            "kind",
            "as_of",
            "status",
            "exit_code",
            "conditions",
            "stages",
            "assets",
            "report",
        )
    ]
    assert (shown["as_of"], shown["status"]) == ("2024-01-03T00:00:00Z", "ok")
    assert Path(shown["report"]).is_file()
    assert [line.split(",")[0] for line in ended.stderr.splitlines()[1:]] == [
        "[1/2] validate ...",
        "[1/2] validate ok",
        "[2/2] monitor ...",
        "[2/2] monitor ok",
        "writing the reports ...",
    ]


def test_inspect_shows_how_a_file_would_be_read_and_writes_nothing(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config.parent / "A.csv"
    path.write_text("Datum;Schluss\n31.05.2024;1.234,5\n03.06.2024;1.234,6\n")
    before = sorted(config.parent.rglob("*"))

    code = run_pipeline.main(["inspect", str(path), "--config", str(config)])

    shown = capsys.readouterr().out
    assert code == 0
    assert "Datum    date %d.%m.%Y                timestamp" in shown
    assert "A          2  2024-05-31  2024-06-03  1d        weekdays  close         0" in shown
    assert f"A: {{source: files, path: {path}, calendar: weekdays, fields: close," in shown
    assert sorted(config.parent.rglob("*")) == before


@pytest.mark.parametrize(("name", "code"), [("B.csv", 4), ("absent.csv", 6)])
def test_inspect_ends_with_a_code_of_its_own_for_a_question_and_for_no_file(
    config: Path, capsys: pytest.CaptureFixture[str], name: str, code: int
) -> None:
    (config.parent / "B.csv").write_text("Date,Close\n05/06/2024,1\n06/06/2024,2\n")

    ended = run_pipeline.main(
        ["inspect", str(config.parent / name), "--config", str(config), "--json"]
    )

    shown = json.loads(capsys.readouterr().out)
    assert ended == code
    assert code == 6 or "which part of its dates is the day" in shown["files"][0]["question"]


def test_sigterm_ends_the_run_with_its_own_exit_code(config: Path) -> None:
    hangs = (NOTEBOOKS / "hangs.ipynb").read_text()
    (config.parent / "notebooks" / "validate.ipynb").write_text(hangs)
    command = [sys.executable, "run_pipeline.py", "--config", str(config), "--json", "-v"]

    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        assert running.stdout is not None
        next(line for line in running.stderr if "cell 3/" in line)
        os.kill(running.pid, signal.SIGTERM)
        shown = json.loads(running.stdout.read())

    assert running.returncode == 143
    assert shown["conditions"] == ["terminated"]


@pytest.mark.parametrize("command", ["status", "history", "verify", "vacuum", "notify", "run"])
def test_tables_of_an_earlier_release_are_refused_with_the_command_for_the_same_folders(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    data = tmp_path / "old"
    (data / "silver" / "bars" / "_delta_log").mkdir(parents=True)

    code, shown, _ = answer(capsys, command, "--config", str(config), "--data", str(data))

    assert code == 1
    upgrade = f"python run_pipeline.py upgrade --config {config} --data {data}"
    assert shown["error"].splitlines()[-1] == f"  next: {upgrade}"


def test_process_ends_though_a_thread_holds_the_lock_of_all_imports() -> None:
    script = """
import _imp, atexit, threading, time
import run_pipeline

is_held = threading.Event()

def hold():
    _imp.acquire_lock()
    is_held.set()
    time.sleep(600)

atexit.register(lambda: __import__("colorsys"))
threading.Thread(target=hold, daemon=True).start()
is_held.wait()
run_pipeline.leave(143)
"""

    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=60)

    assert ended.returncode == 143
