"""The engine that runs the row work: DuckDB, embedded, through Ibis."""

import os
import re
import shutil
from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.expr.types import Table

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.processes import is_gone

_ROWS_AT_A_TIME = 1 << 17
_GLOB = re.compile(r"[*?\[]")


def engine_name() -> str:
    """The engine and its version, for the record."""
    return f"duckdb {duckdb.__version__}, ibis {ibis.__version__}"


class Engine:
    """One connection with its own memory. ``threads`` changes its speed, never what it gives.

    What does not fit into ``memory_limit`` is written under ``spill`` for as long as it is needed.
    Without a folder nothing is written, and there is no limit but the machine's.
    """

    def __init__(
        self, threads: int | None = None, spill: Path | None = None, memory_limit: str = "2GiB"
    ) -> None:
        # Fused into one SELECT, an expression that is used twice would be computed twice.
        ibis.options.sql.fuse_selects = False
        self.connection: Backend = ibis.duckdb.connect(**({"threads": threads} if threads else {}))
        self._run("SET TimeZone = 'UTC'")
        if spill is not None:
            spill.mkdir(parents=True, exist_ok=True)
            for folder in spill.glob("[0-9]*"):
                if is_gone(int(folder.name)):  # it was killed
                    shutil.rmtree(folder, ignore_errors=True)
            self._run(f"SET temp_directory = {_quoted(spill / str(os.getpid()))}")
            self._run(f"SET memory_limit = '{memory_limit}'")
        self._count = 0
        self._scanned: dict[tuple[str, ...], str] = {}

    def load(self, rows: pa.Table) -> Table:
        """Arrow rows as a table of the engine, without copying them."""
        name = self._name("loaded")
        self.connection.con.register(name, rows)
        return self.connection.table(name)

    def scan(self, files: Sequence[str], schema: pa.Schema) -> Table:
        """Parquet files as a table of the engine, of which only what is asked for is read. The same
        files are the same table.
        """
        if not files:
            return self.load(schema.empty_table())
        known = (*files, *schema.names)
        if known in self._scanned:
            return self.connection.table(self._scanned[known])
        name = self._scanned[known] = self._name("scanned")
        listed = ", ".join(_quoted(_GLOB.sub(r"[\g<0>]", file)) for file in files)
        columns = ", ".join(f'"{column}"' for column in schema.names)
        rows = f"read_parquet([{listed}], hive_partitioning = false)"
        self._run(f"CREATE TEMP VIEW {name} AS SELECT {columns} FROM {rows}")
        return self.connection.table(name)

    def dimension(self, rows: pa.Table) -> Table:
        """Few rows to join to many, which then keep none of their texts but the place of each.

        Texts are compared and sorted as what they are.
        """
        name, loaded = self._name("dimension"), self.load(rows).get_name()
        texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
        for column in texts:
            values = f'SELECT DISTINCT "{column}" FROM {loaded} WHERE "{column}" IS NOT NULL'
            self._run(f'CREATE TYPE "{name}_{column}" AS ENUM ({values} ORDER BY 1)')
        casts = ", ".join(f'"{column}"::"{name}_{column}" AS "{column}"' for column in texts)
        self._run(f"CREATE TEMP TABLE {name} AS SELECT * REPLACE ({casts}) FROM {loaded}")
        return self.connection.table(name)

    def materialise(self, expression: Table) -> Table:
        """Compute ``expression`` once, for all that is built on it."""
        name = self._name("made")
        self._run(f"CREATE TEMP TABLE {name} AS {self._sql(expression)}")
        return self.connection.table(name)

    def numbered(self, expression: Table) -> Table:
        """``materialise``, with the number of each row as ``row``."""
        made = self.materialise(expression)
        return made.mutate(row=made.rowid())

    def noted(self, rows: Table, derived: Table, **usual: str | None) -> Table:
        """``rows``, which are ``numbered``, with the columns of ``derived`` that ``usual`` names.

        ``derived`` is computed once; where all its rows are those of ``rows``, only what is not
        usual is kept. Else it is kept as it is, so that a row which is missing there is here too.
        """
        columns = {name: derived[name].cast("string") for name in usual}
        every = self.materialise(derived.select("row", **columns))
        numbers, others = every.row, rows.count().to_pyarrow().as_py()
        [sums] = every.agg(count=every.count(), sum=numbers.sum()).to_pyarrow().to_pylist()
        if sums["count"] != others or (sums["sum"] or 0) != others * (others - 1) // 2:
            return self.materialise(derived)
        is_unusual = (~every[name].identical_to(value) for name, value in usual.items())
        notes = self.materialise(every.filter(reduce(or_, is_unusual)).rename(of_row="row"))
        self._run(f"DROP TABLE {every.get_name()}")
        joined = rows.left_join(notes, rows.row == notes.of_row)
        is_usual = joined.of_row.isnull()
        told = {name: is_usual.ifelse(value, joined[name]) for name, value in usual.items()}
        return joined.mutate(**told).drop("of_row")

    def batches(self, expression: Table) -> pa.RecordBatchReader:
        """The rows of ``expression`` piece by piece, so that never all of them are held.

        They are to be taken before the engine is asked for anything else.
        """
        reader = self.connection.con.sql(self._sql(expression)).to_arrow_reader(_ROWS_AT_A_TIME)
        schema = expression.schema().to_pyarrow()
        return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))

    def _sql(self, expression: Table) -> str:
        return str(self.connection.compile(expression))

    def _run(self, statement: str) -> None:
        try:
            self.connection.con.execute(statement)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as failed:
            raise StorageError(
                f"the engine could not process the rows: {failed}",
                next_step="free disk space in the data folder, then run the same command again",
            ) from failed

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def _quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"
