from __future__ import annotations

import pyarrow as pa
import pytest

from sentinel_lib.ingestion.raw_bars import RAW_BARS
from sentinel_lib.records.bar import Bar
from sentinel_lib.records.raw_bar import PROVENANCE_COLUMNS
from sentinel_lib.storage.schemas import SCHEMAS

ALL = sorted(SCHEMAS)


@pytest.mark.parametrize("name", ["silver.bars", "silver.candidate"])
def test_bars_have_the_fields_of_the_model_in_its_order(name: str) -> None:
    fields = list(Bar.model_fields)

    assert SCHEMAS[name].names[: len(fields)] == fields


def test_candidate_is_a_silver_bar_and_what_it_changes() -> None:
    assert SCHEMAS["silver.candidate"].names == [*SCHEMAS["silver.bars"].names, "change"]


def test_bronze_keeps_every_column_of_a_raw_bar_and_where_it_stood() -> None:
    assert set(SCHEMAS["bronze.bars"].names) == {*RAW_BARS.names, *PROVENANCE_COLUMNS}


def test_quarantine_names_the_raw_row_and_the_rule() -> None:
    needed = {"asset", "rule", "reason", "file", "payload", "layout", "line", "run_id"}

    assert needed <= set(SCHEMAS["quarantine.bars"].names)


@pytest.mark.parametrize("name", ALL)
def test_no_column_is_a_float(name: str) -> None:
    floats = [field.name for field in SCHEMAS[name] if pa.types.is_floating(field.type)]

    assert floats == []


@pytest.mark.parametrize("name", ALL)
def test_instants_are_microseconds_in_utc(name: str) -> None:
    instants = [field.type for field in SCHEMAS[name] if pa.types.is_timestamp(field.type)]

    assert all(kind == pa.timestamp("us", tz="UTC") for kind in instants)


def test_prices_and_volumes_are_exact_wherever_they_are_numbers() -> None:
    value = pa.decimal128(38, 18)

    for name in ("silver.bars", "silver.candidate", "gold.daily"):
        schema = SCHEMAS[name]
        columns = ("open", "high", "low", "close", "volume")
        assert {schema.field(column).type for column in columns} == {value}
    assert SCHEMAS["silver.bars"].field("adj_close").type == value


@pytest.mark.parametrize("name", ALL)
def test_tables_name_each_column_once(name: str) -> None:
    assert len(set(SCHEMAS[name].names)) == len(SCHEMAS[name].names)
