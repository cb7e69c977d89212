"""The command as a user types it, with real kernels, real files and no network."""

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from sentinel_lib.settings.project import PROJECT_ROOT

AS_OF = "2024-06-28T21:00:00Z"
HEAVY = {
    "pandas", "numpy", "pyarrow", "ibis", "duckdb", "deltalake", "great_expectations", "papermill",
    "nbclient", "nbconvert", "jupyter_client", "exchange_calendars",
}  # fmt: skip
STAGES = ["ingest", "validate", "promote_silver", "build_gold", "monitor"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(PROJECT_ROOT / "config", folder / "config")
    pipeline = folder / "config" / "pipeline.yaml"
    content = yaml.safe_load(pipeline.read_text())
    pipeline.write_text(yaml.safe_dump({**content, "logs": str(folder / "logs")}))
    return folder


def run_pipeline(folder, *arguments, environment=None):
    command = [sys.executable, str(PROJECT_ROOT / "run_pipeline.py"), *arguments]
    folders = ["--config", "config", "--data", "data", "--reports", "reports"]
    return subprocess.run(
        [*command, *folders], cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env=environment,
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(folder):
    """A run with the shipped, simulated assets."""
    return run_pipeline(folder, "run", "--as-of", AS_OF, "--json")


def test_a_run_prints_one_json_object_that_accounts_for_every_row(finished):
    printed = json.loads(finished.stdout)

    assert finished.returncode == 0, finished.stderr
    assert (printed["status"], printed["exit_code"], printed["as_of"]) == ("ok", 0, AS_OF)
    assert [(one["name"], one["status"]) for one in printed["stages"]] == [
        (name, "ok") for name in STAGES
    ]
    assert set(printed["assets"]) == {"AAPL", "MSFT", "SPY", "BTC-USD", "ETH-USD"}
    for asset in printed["assets"].values():
        accounted = asset["promoted"] + asset["quarantined"] + asset["deduplicated"]
        assert asset["rows_in"] == accounted > 0
        assert asset["freshness"] == "fresh"


def test_a_run_leaves_gold_logs_and_reports(folder, finished):
    printed = json.loads(finished.stdout)

    assert (folder / "data" / "gold" / "aggregates.csv").read_text().count("\n") == 6
    assert len(json.loads((folder / "data" / "gold" / "freshness.json").read_text())["assets"]) == 5
    assert (folder / "reports" / "index.html").exists()
    assert Path(printed["report"]).name == "index.html"
    events = [
        json.loads(line)
        for line in (folder / "logs" / f"{printed['run_id']}.jsonl").read_text().splitlines()
    ]
    assert {event["stage"] for event in events if "stage" in event} == set(STAGES)


def test_every_page_works_without_a_network_and_links_only_to_what_is_there(folder, finished):
    pages = sorted((folder / "reports").rglob("*.html"))

    assert len(pages) == 2 + len(STAGES)
    for page in pages:
        for reference in references(page):
            assert not re.match(r"(https?:)?//", reference), (page, reference)
            target = reference.partition("#")[0]
            assert not target or (page.parent / target).exists(), (page, reference)


def test_same_run_again_executes_nothing_and_imports_nothing_heavy(folder, finished):
    run_id = json.loads(finished.stdout)["run_id"]
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}

    again = run_pipeline(folder, "run", "--as-of", AS_OF, "--json", environment=environment)

    printed = json.loads(again.stdout)
    imported = {line.rpartition("|")[2].strip() for line in again.stderr.splitlines()}
    assert again.returncode == 0
    assert {one["produced_by"] for one in printed["stages"]} == {run_id}
    assert {one["status"] for one in printed["stages"]} == {"skipped"}
    assert "sentinel_lib.pipeline.run" in imported
    assert imported.isdisjoint(HEAVY)


def test_status_says_why_a_stage_would_run(folder, finished):
    now = run_pipeline(folder, "status", "--why", "ingest")
    later = run_pipeline(folder, "status", "--why", "ingest", "--as-of", "2025-01-01")

    assert now.returncode == 0, now.stderr
    assert now.stdout.startswith("ingest would be skipped as of ")
    assert f"clock changed from {AS_OF} to 2025-01-01T00:00:00Z" in later.stdout


@pytest.mark.thorough
def test_ordinary_kernels_give_the_same_gold_and_the_same_outputs(folder, finished):
    other = folder / "ordinary"
    shutil.copytree(folder / "config", other / "config")

    ended = run_pipeline(other, "run", "--as-of", AS_OF, "--no-fork", "--json")

    assert ended.returncode == 0, ended.stderr
    for name in ("aggregates.csv", "freshness.json"):
        path = Path("data", "gold", name)
        assert (other / path).read_bytes() == (folder / path).read_bytes()
    forked, ordinary = (
        outputs(where / "reports" / json.loads(one.stdout)["run_id"])
        for where, one in ((folder, finished), (other, ended))
    )
    assert list(forked) == [f"{stage}.ipynb" for stage in sorted(STAGES)]
    assert ordinary == forked


def outputs(reports):
    """What the cells of a run's notebooks showed."""
    notebooks = {
        path.name: json.loads(path.read_text().replace(reports.name, "RUN"))
        for path in sorted(reports.glob("*.ipynb"))
    }
    return {
        name: [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
        for name, notebook in notebooks.items()
    }


def test_status_and_history_tell_of_the_run(folder, finished):
    run_id = json.loads(finished.stdout)["run_id"]

    status, history = run_pipeline(folder, "status"), run_pipeline(folder, "history", "--json")

    assert status.returncode == 0
    assert "BTC-USD" in status.stdout
    assert json.loads(history.stdout)["runs"][-1]["run_id"] == run_id


@pytest.mark.thorough
def test_the_archive_gives_what_was_published_and_a_rollback_to_it_changes_nothing(
    folder, finished
):
    run_id = json.loads(finished.stdout)["run_id"]

    verified = run_pipeline(folder, "verify")
    restored = run_pipeline(folder, "rollback", run_id)
    differing = run_pipeline(folder, "diff", run_id[:15], run_id)
    tidied = run_pipeline(folder, "vacuum", "--keep", "30d", "--json")

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "what is published is what the archive gives" in verified.stdout
    assert restored.returncode == 0, restored.stderr
    assert differing.stdout == "no difference\n"
    assert json.loads(tidied.stdout) == {"files": {}, "strays": 0}


@pytest.mark.thorough
def test_a_dry_replay_shows_what_would_change_and_changes_nothing(folder, finished):
    runs = json.loads(run_pipeline(folder, "history", "--json").stdout)

    shown = run_pipeline(folder, "replay", "--dry-run")

    assert (shown.returncode, shown.stdout) == (0, "no difference\n"), shown.stderr
    assert json.loads(run_pipeline(folder, "history", "--json").stdout) == runs


def test_an_as_of_before_the_published_one_is_refused_with_a_way_to_look_back(folder, finished):
    refused = run_pipeline(folder, "run", "--as-of", "2024-06-01")

    assert refused.returncode == 2
    assert "read_table" in refused.stderr


@pytest.mark.thorough
def test_a_fault_in_every_asset_stops_the_run_at_the_gate_and_the_report_names_the_rows(folder):
    demo = folder / "demo"
    shutil.copytree(folder / "config", demo / "config")
    shutil.move(demo / "config" / "demo_break.yaml", demo / "config" / "assets.yaml")

    stopped = run_pipeline(demo, "run", "--as-of", AS_OF)

    assert stopped.returncode == 4, stopped.stderr
    [page] = (demo / "reports").glob("*/index.html")
    text = page.read_text()
    assert "NULLS" in text
    assert re.search(r"simulated/NULLS/\S+ line \d+: close: has no value", text)
    assert not (demo / "data" / "gold" / "aggregates.csv").exists()


def test_a_wrong_word_in_the_configuration_is_exit_code_3_with_file_line_and_the_right_word(folder):
    broken = folder / "broken"
    shutil.copytree(folder / "config", broken / "config")
    path = broken / "config" / "assets.yaml"
    path.write_text("start: 2024-01-01\nassets:\n  AAPL: {calender: XNYS}\n")

    refused = run_pipeline(broken, "run")

    assert refused.returncode == 3
    assert re.search(r"assets\.yaml:3: .*calender.*did you mean 'calendar'", refused.stderr)
    assert [path.name for path in broken.iterdir()] == ["config"]


class _References(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def references(page):
    parser = _References()
    parser.feed(page.read_text())
    return [one for one in parser.found if not one.startswith("data:")]
