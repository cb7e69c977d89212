from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel_lib.records import roles
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.catalog import CATALOG
from sentinel_lib.storage.layout import DELTA_LOG, Layout

LIBRARY = PROJECT_ROOT / "sentinel_lib"
KNOWS_THE_PLACES = {"storage/layout.py", "records/roles.py"}
LAYERS = {"bronze", "silver", "gold", "quarantine", "ops", "runs"}
PLACES = Layout(Path())
FILES = {
    path.name
    for path in [
        *(value for value in vars(PLACES).values() if isinstance(value, Path)),
        PLACES.run_record(""),
        PLACES.request(""),
        PLACES.fingerprints(""),
        Path(DELTA_LOG),
    ]
} - {"", *LAYERS}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PLACES.table("gold.daily"), "gold/daily"),
        (PLACES.payload("ab12"), "bronze/payloads/ab/ab12"),
        (PLACES.certificate, "silver/certificate.json"),
        (PLACES.aggregates, "gold/aggregates.csv"),
        (PLACES.freshness, "gold/freshness.json"),
        (PLACES.quality, "ops/quality.json"),
        (PLACES.version, "ops/root.json"),
        (PLACES.run_record("A"), "ops/runs/A/run.json"),
        (PLACES.record("A", "ingest"), "ops/runs/A/ingest.json"),
        (PLACES.config_of("A"), "ops/runs/A/config"),
        (PLACES.run_lock, "ops/run.lock"),
        (PLACES.journal, "ops/unfinished/journal.json"),
    ],
    ids=str,
)
def test_a_data_folder_of_today_is_found_where_it_is(path: Path, expected: str) -> None:
    assert path.as_posix() == expected


def test_nothing_but_the_layout_joins_a_path_under_the_data_folder() -> None:
    known = {LIBRARY / name for name in KNOWS_THE_PLACES}
    trees = {path: ast.parse(path.read_text("utf-8")) for path in LIBRARY.rglob("*.py")}

    joined = {
        f"{path.relative_to(LIBRARY)}: {text}"
        for path, tree in trees.items()
        if path not in known
        for text in [
            *(text for text in _joined(tree) if {*text.split("/")} & (LAYERS | FILES)),
            *(text for text in _texts(tree) if text in FILES | CATALOG.keys()),
        ]
    }

    assert joined == set()


def test_every_table_that_a_stage_writes_is_in_the_catalog() -> None:
    tables = {name for name in roles.ROLE_OF if name.partition(".")[0] in LAYERS}

    assert tables <= CATALOG.keys()


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _joined(tree: ast.AST) -> Iterator[str]:
    """Texts that are part of a path: an operand of ``/``, or what ``Path`` and ``glob`` take."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield from _texts(node.right)
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("Path", "joinpath", "glob", "rglob", "with_name"):
                yield from (text for argument in node.args for text in _texts(argument))
