"""What operations found or did: what the command line tells, and how things differ."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TableDifference:
    """How many rows of a table were added, removed and changed, and what a few are called by.

    A row that changed also has the values that did, each as (before, after).
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def is_none(self) -> bool:
        """Whether the table is the same."""
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Difference:
    """From one state to another: tables by name, and metrics as (symbol, metric, before, after)."""

    tables: dict[str, TableDifference]
    metrics: list[tuple[str, str, Any, Any]]

    @property
    def is_none(self) -> bool:
        """Whether nothing differs."""
        return all(table.is_none for table in self.tables.values())


@dataclass
class Verification:
    """What a rebuild of a run found. ``problems`` names each table or file that differs.

    ``notes`` says what explains a difference: code that has changed since, for one. Where payloads
    are lost, ``problems`` names them, and nothing was built: whatever follows from them is missing.
    ``is_whole``: quarantine is the same too, so that the run can be a checkpoint.
    """

    run_id: str
    rebuilt_runs: int = 0
    compared: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_whole: bool = False

    def note(self, text: str) -> None:
        """Add a note, unless it has been made."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True, slots=True)
class Replacement:
    """What was built again, and which tables and files of it took the place of others.

    ``difference`` is what an upgrade has changed.
    """

    built: Verification
    replaced: list[str]
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Tidied:
    """How many files were removed, by table, and how many stray temporary files and folders."""

    files: dict[str, int]
    strays: int
