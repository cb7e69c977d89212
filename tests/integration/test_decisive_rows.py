"""The suite sees few rows of a large table, and gives the verdict that all of them would get."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sentinel_lib.cleaning.decisive_rows import WHOLE, decisive_rows
from sentinel_lib.rules.kinds import InSet, RowCount
from sentinel_lib.rules.suites import load_suite
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.catalog import VALUE, schema_of
from sentinel_lib.storage.delta_log import Commit
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.frames import frame_of
from sentinel_lib.storage.tables import Lake
from sentinel_lib.validation import audit

SUITE = load_suite(PROJECT_ROOT / "config", "silver")
COMMIT = Commit("r1", datetime(2026, 1, 1, tzinfo=UTC))
ROWS = WHOLE + 2_000
MORE_THAN_A_FILE = 1_100_000

FAULTS = {
    **{f"without {name}": {name: None} for name in ("symbol", "timestamp", "close", "volume")},
    "zero": {"low": Decimal(0), "open": Decimal(1)},
    "negative volume": {"volume": Decimal("-1e-18")},
    "high below open": {"open": Decimal("12.00000001")},
    "low above close": {"close": Decimal("8.99999999")},
    "a key again, with equal values": None,
}


def bars(count: int) -> pa.Table:
    """Sound bars of one asset in order of time."""
    first = np.datetime64("2000-01-01T00:00", "us")
    times = pa.array(first + np.arange(count) * np.timedelta64(60, "s"))
    prices = {"open": "10", "high": "12", "low": "9", "close": "11", "volume": "5"}
    columns = {
        "symbol": pa.repeat("AAPL", count),
        "interval": pa.repeat("1m", count),
        "timestamp": times.cast(schema_of("silver.bars").field("timestamp").type),
        **{
            name: pa.repeat(pa.scalar(Decimal(text), VALUE), count) for name, text in prices.items()
        },
        "adj_close": pa.nulls(count, VALUE),
        "source": pa.repeat("files", count),
        "fetched_as_of": pa.nulls(count, schema_of("silver.bars").field("fetched_as_of").type),
    }
    return pa.table(columns).select(schema_of("silver.bars").names)


def with_fault(rows: pa.Table, fault: dict[str, object] | None) -> pa.Table:
    """``rows``, the last of which is faulty; None: is the one before it again."""
    [last] = rows.slice(len(rows) - 1).to_pylist()
    if fault is None:
        fault = {"timestamp": last["timestamp"] - timedelta(minutes=1)}
    faulty = pa.Table.from_pylist([{**last, **fault}], rows.schema)
    return pa.concat_tables([rows.slice(0, len(rows) - 1), faulty])


def written(folder: Path, rows: pa.Table) -> tuple[Lake, Engine]:
    """``rows`` as a candidate."""
    lake = Lake(folder)
    lake.overwrite("silver.candidate", rows, COMMIT)
    return lake, Engine(threads=2)


def judged(folder: Path, rows: pa.Table) -> tuple[list[bool], int]:
    """What each rule says of the decisive rows of a candidate, and how many those are."""
    lake, engine = written(folder, rows)
    table = engine.scan(lake.files("silver.candidate"), rows.schema)
    key = ("symbol", "interval", "timestamp") if lake.is_ordered("silver.candidate") else ()
    decisive = decisive_rows(table, SUITE.rules, key)
    checks = audit(SUITE, frame_of(decisive), total=len(rows))
    assert all(check.observed.endswith(f" of {len(rows)} rows break it") for check in checks)
    return [check.passed for check in checks], len(decisive)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_one_bad_row_at_the_end_fails_the_rules_that_it_breaks(tmp_path, fault):
    rows = with_fault(bars(ROWS), fault)

    verdicts, count = judged(tmp_path, rows)

    assert verdicts == [check.passed for check in audit(SUITE, frame_of(rows))]
    assert not all(verdicts)
    assert count < ROWS - 1_000


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_one_bad_row_in_the_last_row_group_of_the_last_file_fails_the_suite(tmp_path, fault):
    verdicts, count = judged(tmp_path, with_fault(bars(MORE_THAN_A_FILE), fault))

    assert not all(verdicts)
    assert count < WHOLE + 100


def test_sound_rows_pass_and_say_how_many_they_stand_for(tmp_path):
    verdicts, count = judged(tmp_path, bars(ROWS))

    assert all(verdicts)
    assert WHOLE <= count < ROWS


def test_a_value_that_is_not_of_the_set_is_shown(tmp_path):
    rows = with_fault(bars(ROWS), {"symbol": "MSFT"})
    lake, engine = written(tmp_path, rows)
    table = engine.scan(lake.files("silver.candidate"), rows.schema)
    rule = InSet(
        expect="expect_column_values_to_be_in_set",
        column="symbol",
        value_set=["AAPL"],
        on_fail="block",
    )

    decisive = decisive_rows(table, [rule])

    assert set(decisive["symbol"].to_pylist()) == {"AAPL", "MSFT"}


@pytest.mark.parametrize(("most", "passed"), [(ROWS, True), (ROWS - 1, False)])
def test_rows_are_counted_as_far_as_the_rule_asks(tmp_path, most, passed):
    lake, engine = written(tmp_path, bars(ROWS))
    table = engine.scan(lake.files("silver.candidate"), schema_of("silver.bars"))
    rule = RowCount(expect="expect_table_row_count_to_be_between", max_value=most, on_fail="block")

    decisive = decisive_rows(table, [rule])
    [check] = audit(SUITE, frame_of(decisive), [rule], total=ROWS)

    assert (check.passed, check.observed) == (passed, str(ROWS))
