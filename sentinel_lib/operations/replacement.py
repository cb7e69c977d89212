"""Tables built again from the archive, which take the place of what is there: all or none."""

from collections.abc import Iterable
from pathlib import Path

from sentinel_lib.errors import StorageError
from sentinel_lib.operations.difference import difference
from sentinel_lib.operations.inspection import lost_payloads, recover
from sentinel_lib.operations.rebuild import Rebuild, Say
from sentinel_lib.operations.results import Replacement, Verification
from sentinel_lib.storage import journal, root
from sentinel_lib.storage.journal import Move
from sentinel_lib.storage.layout import Layout, table_names
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

_PLACES = Layout(Path())
_FILES = (_PLACES.aggregates, _PLACES.freshness, _PLACES.quality, _PLACES.certificate)
_REPLACED = _PLACES.unfinished / "replaced"
"""Where what is replaced goes, until all is in its place."""


def upgrade(data: Path, say: Say = lambda _: None) -> Replacement | None:
    """Build all tables of an older version again by today's code, and put them in their place.

    None if they are of this version. Payloads, run records and configurations stay; what notebooks
    have written by hand does not. ``built.problems`` are runs that today's code does not let pass.
    Raises ``StorageError`` if a payload is lost; then nothing has changed.
    """
    if not root.is_older(data):
        root.require_current(data)
        return None
    rebuild = _built(data, say)
    change = difference(data, None, None, other=rebuild.scratch)
    tables = sorted({*table_names(data), *table_names(rebuild.scratch)})
    moves = _moves(rebuild, [_PLACES.version, *map(_PLACES.table, tables), *_FILES])
    moves += [Move(source=_PLACES.sandbox, target=_REPLACED / _PLACES.sandbox)]
    journal.carry_out(data, "the upgrade", "upgrade", moves)
    return Replacement(rebuild.report, tables, change)


def repair(data: Path, say: Say = lambda _: None) -> Replacement:
    """Put the tables and files that are damaged, or not what the archive gives, in order again.

    ``built.problems`` are what was wrong. Raises ``StorageError`` if a payload is lost, or if
    today's code does not make the runs again as they were made; then nothing has changed.
    """
    rebuild = _built(data, say)
    report = rebuild.report
    if report.problems:
        raise StorageError(
            "the runs cannot be made again as they were made, so nothing is replaced",
            observed="; ".join(report.problems[:5]),
            next_step="undo the change of the code, or of the notebooks, that stops them",
        )
    replaced = rebuild.compare()
    for name in set(table_names(data)).difference(replaced):
        if problems := Lake(data).damaged(name):
            report.problems += map(str, problems)
            replaced.append(name)
    replaced.sort()
    paths = [Path(name) if "/" in name else _PLACES.table(name) for name in replaced]
    journal.carry_out(data, "the repair", "verify --repair", _moves(rebuild, paths))
    return Replacement(report, replaced)


def _built(data: Path, say: Say) -> Rebuild:
    """Every run made again, in a folder that is where the journal wants it."""
    runs = RunHistory(data).run_ids()
    if not runs:
        raise StorageError(
            f"no run of {data} has left a record, so there is nothing to build its tables from",
            next_step="restore ops/runs from a backup, or begin anew in an empty folder",
        )
    _require_payloads(data, runs[0])
    new = journal.prepare(data) / "new"
    root.begin(new)
    rebuild = Rebuild(data, new, Verification(runs[0]))
    rebuild.make(say)
    return rebuild


def _require_payloads(data: Path, run_id: str) -> None:
    """Ask for lost payloads again; ``StorageError`` if one does not come back."""
    try:
        _, gone = recover(data, lost_payloads(data, run_id))
    except StorageError as damaged:
        raise StorageError(
            "the log of fetches, which says what to build the tables from, is damaged itself",
            observed=damaged.message,
            next_step="restore bronze/fetches from a backup",
        ) from damaged
    if gone:
        raise StorageError(
            f"{len(gone)} payload(s) of the archive are lost, and so is what came of them",
            observed="; ".join(map(str, gone[:5])),
            expected="every payload that a run fetched, as it was",
            next_step="restore bronze/payloads from a backup",
        )


def _moves(rebuild: Rebuild, paths: Iterable[Path]) -> list[Move]:
    """The moves that put tables and files there as they were built, or take them away."""
    moves = []
    for path in paths:
        built = rebuild.scratch / path
        if not built.is_file():  # a file takes the place of another by itself
            moves.append(Move(source=path, target=_REPLACED / path))
        if built.exists():
            moves.append(Move(source=built.relative_to(rebuild.data), target=path))
    return moves
