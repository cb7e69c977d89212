"""The engine that runs the row work: DuckDB, embedded, through Ibis."""

from __future__ import annotations

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.expr.types import Table


class Engine:
    """One connection with its own memory. ``threads`` changes its speed, never what it gives."""

    def __init__(self, threads: int | None = None) -> None:
        self.connection: Backend = ibis.duckdb.connect(**({"threads": threads} if threads else {}))
        self.connection.raw_sql("SET TimeZone = 'UTC'")
        self._count = 0

    def load(self, rows: pa.Table) -> Table:
        """Arrow rows as a table of the engine, without copying them."""
        name = self._name("loaded")
        self.connection.con.register(name, rows)
        return self.connection.table(name)

    def materialise(self, expression: Table) -> Table:
        """Compute ``expression`` once, for all that is built on it."""
        return self.connection.create_table(self._name("made"), expression, temp=True)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"
