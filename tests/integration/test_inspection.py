"""A look at every byte that is kept: what is damaged is named, what is lost is asked for again."""

import json
import os
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from run_pipeline import main
from sentinel_lib.errors import LockedError, StorageError
from sentinel_lib.operations.inspection import inspect
from sentinel_lib.storage.layout import table_names
from sentinel_lib.storage.payloads import PayloadArchive
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

NOW = datetime(2024, 3, 1, tzinfo=UTC)
BARS = """Date,Open,High,Low,Close,Volume
2024-01-02,10,12,9,11,100
2024-01-03,11,13,10,12,100
2024-01-04,12,,11,13,100
"""


@pytest.fixture(scope="module")
def made_once(make_project):
    """Two assets from files, and one that is simulated; a row of AAPL is refused."""
    project = make_project()
    files = {"source": "files", "path": str(project.inbox)}
    assets = {"AAPL": files, "IBM": files, "SIM": {"source": "simulated"}}
    project.assets(assets, start="2024-01-01")
    for symbol in ("AAPL", "IBM"):
        (project.inbox / f"{symbol}.csv").write_text(BARS.replace("12,100", f"12,10{len(symbol)}"))
    outcome = project.run("2024-01-08T00:00:00Z")
    assert outcome.errors == {}
    return project


@pytest.fixture
def project(made_once, tmp_path):
    return made_once.copied_to(tmp_path)


def payload_of(project, symbol):
    rows = Lake(project.data).read("bronze.fetches").to_pylist()
    (digest,) = {row["payload"] for row in rows if list(json.loads(row["symbols"])) == [symbol]}
    return project.data / "bronze" / "payloads" / digest[:2] / digest


def flip_a_bit(path, at=20):
    """Unnoticed: size and date stay what they are."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_is_as_it_was_written_is_counted_and_passes(project):
    found = inspect(project.data, NOW, nullcontext)

    assert (found.problems, found.recovered, found.payloads) == ((), (), 3)
    assert found.files >= len(table_names(project.data)) - 1
    assert RunHistory(project.data).inspection() == found


def test_a_flipped_bit_in_any_table_is_named(project):
    flipped = []
    for name in table_names(project.data):
        for file in Lake(project.data).files(name):
            flip_a_bit(Path(file))
            flipped.append(str(Path(file).relative_to(project.data)))

    found = inspect(project.data, NOW, nullcontext)

    assert len(flipped) >= 8
    for file in flipped:
        assert any(file in problem for problem in found.problems), file


@pytest.mark.parametrize(
    ("name", "stage"),
    [("bronze.bars", "validate"), ("silver.bars", "ingest"), ("gold.daily", "validate")],
)
def test_a_run_stops_at_damage_in_what_it_reads(project, name, stage):
    (file,) = Lake(project.data).path(name).glob("*.parquet")
    flip_a_bit(file)

    outcome = project.run("2024-01-09T00:00:00Z")

    error = outcome.errors[stage]
    assert isinstance(error, StorageError)
    assert f"table {name}" in error.message
    assert file.name in error.message
    assert error.next_step == "python run_pipeline.py verify --repair"


@pytest.mark.parametrize("symbol", ["AAPL", "SIM"])
@pytest.mark.parametrize("is_gone", [False, True], ids=["altered", "gone"])
def test_a_lost_payload_that_its_source_still_has_is_put_back(project, symbol, is_gone):
    path = payload_of(project, symbol)
    content = path.read_bytes()
    path.unlink() if is_gone else flip_a_bit(path)

    found = inspect(project.data, NOW, nullcontext)

    assert found.problems == ()
    (recovered,) = found.recovered
    assert f"payload {path.name[:12]} of {symbol}" in recovered
    assert path.read_bytes() == content


def test_a_payload_that_its_source_has_no_more_is_said_to_be_lost_for_good(project):
    path = payload_of(project, "AAPL")
    flip_a_bit(path)
    fetches = Lake(project.data).read("bronze.fetches")
    locator = next(row["locator"] for row in fetches.to_pylist() if row["payload"] == path.name)
    delivered = Path(locator).read_text()
    Path(locator).write_text(delivered + "2024-01-05,1,2,1,2,3\n")

    (problem,) = inspect(project.data, NOW, nullcontext).problems

    Path(locator).write_text(delivered)
    assert f"payload {path.name[:12]} of AAPL ({locator}, which run run-001 fetched" in problem
    assert "is lost" in problem
    assert "files has other bytes" in problem
    assert "bronze.bars as text" in problem
    assert "run run-001 cannot be built again" in problem


def test_nothing_is_put_back_while_somebody_else_writes(project):
    @contextmanager
    def held():
        raise LockedError("run-002 is writing")
        yield

    path = payload_of(project, "AAPL")
    flip_a_bit(path)

    (problem,) = inspect(project.data, NOW, held).problems

    assert "not asked for again, for run-002 is writing" in problem
    assert PayloadArchive(project.data).problem(path.name)


def test_rows_of_a_lost_payload_are_still_judged_though_their_text_is_not_known(project):
    path = payload_of(project, "AAPL")
    quarantined = Lake(project.data).read("quarantine.bars").to_pylist()
    assert [row["text"] for row in quarantined if row["payload"] == path.name] == [
        "2024-01-04,12,,11,13,100"
    ]
    path.unlink()

    project._runs = 0
    outcome = project.run("2024-01-08T00:00:00Z", stages=["validate"])

    assert outcome.errors == {}
    assert outcome.ledger("AAPL").quarantined == 1
    quarantined = Lake(project.data).read("quarantine.bars").to_pylist()
    assert [row["text"] for row in quarantined if row["payload"] == path.name] == [None]


def test_a_replay_holds_only_the_assets_of_a_lost_payload(project):
    payload_of(project, "AAPL").unlink()

    outcome = project.run("2024-01-09T00:00:00Z", archive="quarantine")

    ledgers = outcome.records["ingest"].assets
    assert outcome.errors == {}
    assert ledgers["AAPL"].status == "unreachable"
    assert "is lost" in ledgers["AAPL"].reason
    assert ledgers["IBM"].status == "passed"


def test_the_command_lists_damage_and_ends_with_exit_code_4(project, capsys):
    options = ["--json", "--config", str(project.config), "--data", str(project.data)]
    assert main(["verify", "--quick", *options]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []
    (file,) = Lake(project.data).files("gold.daily")
    flip_a_bit(Path(file))

    code = main(["verify", "--quick", *options])

    assert code == 4
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert file.removeprefix(f"{project.data}/") in problem
    assert "verify --repair" in problem
