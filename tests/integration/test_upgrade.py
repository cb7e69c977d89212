"""Tables built again from the archive: of an earlier version, or damaged ones of this."""

import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sentinel_lib import read_table
from sentinel_lib.errors import StorageError
from sentinel_lib.operations.rebuild import verify
from sentinel_lib.operations.replacement import repair, upgrade
from sentinel_lib.planning import plan
from sentinel_lib.records.request import RunRequest
from sentinel_lib.stages import open_stage
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.lock import RunLock, require_whole
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

ROOTS = Path(__file__).parents[1] / "roots"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def unpacked(folder, version=1):
    """The data folder that a version left, beside its configuration."""
    with tarfile.open(ROOTS / f"version_{version}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "data"


@pytest.fixture
def old(tmp_path):
    return unpacked(tmp_path)


@pytest.fixture(scope="module")
def upgraded_once(tmp_path_factory):
    """An upgraded folder, what the upgrade said, and what it told on the way."""
    data, said = unpacked(tmp_path_factory.mktemp("upgraded")), []
    return data, upgrade(data, said.append), said


@pytest.fixture
def upgraded(upgraded_once, tmp_path):
    """A copy of it, to do anything to."""
    shutil.copytree(upgraded_once[0], tmp_path / "data")
    return tmp_path / "data"


def content(data):
    """Every file below ``data`` but the locks."""
    files = (path for path in data.rglob("*") if path.is_file() and "lock" not in path.name)
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in files}


def payload_from_a_file(data):
    """One that nobody can ask for again: the file is gone."""
    payloads = (path for path in (data / "bronze" / "payloads").rglob("*") if path.is_file())
    return next(path for path in payloads if b"not a date" in path.read_bytes())


def open_by_hand(data):
    folders = {"config_dir": str(data.parent / "config"), "data_dir": str(data)}
    open_stage("monitor", run_id="", as_of="", threads=1, **folders)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "use",
    [
        lambda data: read_table("silver.bars", data=data),
        lambda data: plan.make(RunRequest(config=data.parent / "config", data=data), NOW),
        open_by_hand,
    ],
    ids=["read_table", "a run", "a notebook"],
)
@pytest.mark.parametrize(
    ("version", "advice"), [(1, "next: python run_pipeline.py upgrade"), (9, "a later one")]
)
def test_a_folder_of_another_version_is_refused_with_the_way_to_use_it(old, use, version, advice):
    if version != 1:
        Layout(old).version.write_text(f'{{"version": {version}}}')

    with pytest.raises(StorageError, match=f"are of version {version}") as refused:
        use(old)

    assert advice in str(refused.value)


@pytest.mark.thorough
def test_upgrade_leaves_tables_of_this_version_that_verify_finds_nothing_in(upgraded_once):
    data, found, said = upgraded_once

    checked = verify(data, RunHistory(data).run_ids()[0])

    assert checked.problems == []
    assert found.built.problems == []
    assert (found.built.rebuilt_runs, len(said)) == (4, 4)
    assert upgrade(data) is None


def test_upgrade_of_the_version_before_changes_no_bar(tmp_path):
    data = unpacked(tmp_path, version=2)

    done = upgrade(data)

    assert (done.built.problems, done.built.rebuilt_runs) == ([], 4)
    differing = {name: table for name, table in done.difference.tables.items() if not table.is_none}
    assert list(differing) == ["quarantine.bars"]  # each row names how its payload is read
    assert differing["quarantine.bars"].added == differing["quarantine.bars"].removed
    assert verify(data, RunHistory(data).run_ids()[0]).problems == []


@pytest.mark.thorough
def test_upgrade_keeps_payloads_and_the_records_of_runs(upgraded_once, old):
    kept = ("bronze/payloads/", "ops/runs/")
    before = {name: text for name, text in content(old).items() if name.startswith(kept)}

    after = content(upgraded_once[0])

    assert {name: text for name, text in after.items() if name.startswith(kept)} == before


def test_upgrade_says_which_values_differ(upgraded_once):
    silver = upgraded_once[1].difference.tables["silver.bars"]

    moved = {(row["symbol"], str(row["timestamp"])[:10]) for row in silver.samples["added"]}

    assert moved == {("TOKYO", "2024-03-07"), ("TOKYO", "2024-03-14")}


@pytest.mark.thorough
def test_an_upgrade_that_was_killed_is_finished_by_the_next_command_that_writes(
    upgraded_once, old, monkeypatch
):
    replace, moved = Path.replace, []

    def killed_between(path, target):
        if "replaced" in Path(target).parts:
            moved.append(path)
            if len(moved) == 5:
                raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed_between)
    with pytest.raises(KeyboardInterrupt):
        upgrade(old)
    monkeypatch.undo()
    with pytest.raises(StorageError, match=r"upgrade was killed half-way") as unfinished:
        require_whole(old)

    with RunLock(old, lambda: NOW).hold("python run_pipeline.py upgrade"):
        pass

    assert "python run_pipeline.py upgrade finishes it" in str(unfinished.value)
    assert read_table("silver.bars", data=old).equals(
        read_table("silver.bars", data=upgraded_once[0])
    )
    assert not Layout(old).unfinished.exists()
    assert upgrade(old) is None


@pytest.mark.thorough
def test_an_upgrade_without_a_payload_is_refused_and_changes_nothing(old):
    payload = payload_from_a_file(old)
    payload.write_bytes(payload.read_bytes()[:-1])
    before = content(old)

    with pytest.raises(StorageError, match=r"1 payload\(s\) of the archive are lost") as refused:
        upgrade(old)

    assert payload.name[:12] in str(refused.value)
    assert content(old) == before


@pytest.mark.parametrize(
    "table",
    [
        "silver.bars",
        *(
            pytest.param(name, marks=pytest.mark.thorough)
            for name in ("bronze.bars", "gold.aggregates")
        ),
    ],
)
def test_repair_puts_a_damaged_table_in_order(upgraded, table):
    damage = max(
        Lake(upgraded).path(table).glob("*.parquet"), key=lambda path: path.stat().st_mtime
    )
    damage.write_bytes(damage.read_bytes()[:-40])
    newest = RunHistory(upgraded).run_ids()[0]
    assert verify(upgraded, newest).problems != []

    found = repair(upgraded)

    assert found.replaced == [table]
    assert verify(upgraded, newest).problems == []


@pytest.mark.thorough
def test_repair_restores_files_and_says_so_when_there_is_nothing_to_do(upgraded):
    figures = upgraded / "gold" / "aggregates.csv"
    before = figures.read_text()
    figures.write_text(before.replace("ACME", "ACNE"))

    first, second = repair(upgraded), repair(upgraded)

    assert first.replaced == ["gold/aggregates.csv"]
    assert second.replaced == []
    assert figures.read_text() == before


@pytest.mark.thorough
def test_lost_payloads_are_all_that_verify_names(upgraded):
    payload = payload_from_a_file(upgraded)
    payload.write_bytes(b"altered")

    found = verify(upgraded, RunHistory(upgraded).run_ids()[0])

    [problem] = found.problems
    assert payload.name[:12] in problem
    assert (found.rebuilt_runs, found.compared) == (0, {})
