from __future__ import annotations

import pyarrow as pa
import pytest

from sentinel_lib.ingestion.raw_bars import PROVENANCE_COLUMNS, RAW_BARS
from sentinel_lib.records.bar import Bar
from sentinel_lib.storage.catalog import (
    CATALOG,
    PUBLISHED_TABLES,
    RESTORED_TABLES,
    Table,
    schema_of,
)

ALL = sorted(name for name, table in CATALOG.items() if table.schema)


@pytest.mark.parametrize("name", ["silver.bars", "silver.candidate"])
def test_bars_have_the_fields_of_the_model_in_its_order(name: str) -> None:
    fields = list(Bar.model_fields)

    assert schema_of(name).names[: len(fields)] == fields


def test_files_of_the_candidate_can_be_those_of_silver() -> None:
    assert schema_of("silver.candidate") == schema_of("silver.bars")


def test_bronze_keeps_every_column_of_a_raw_bar_and_where_it_stood() -> None:
    assert set(schema_of("bronze.bars").names) == {*RAW_BARS.names, *PROVENANCE_COLUMNS}


def test_quarantine_names_the_raw_row_and_the_rule() -> None:
    needed = {"asset", "rule", "reason", "file", "payload", "layout", "line", "run_id"}

    assert needed <= set(schema_of("quarantine.bars").names)


@pytest.mark.parametrize("name", ALL)
def test_no_column_is_a_float(name: str) -> None:
    floats = [field.name for field in schema_of(name) if pa.types.is_floating(field.type)]

    assert floats == []


@pytest.mark.parametrize("name", ALL)
def test_instants_are_microseconds_in_utc(name: str) -> None:
    instants = [field.type for field in schema_of(name) if pa.types.is_timestamp(field.type)]

    assert all(kind == pa.timestamp("us", tz="UTC") for kind in instants)


def test_prices_and_volumes_are_exact_wherever_they_are_numbers() -> None:
    value = pa.decimal128(38, 18)

    for name in ("silver.bars", "silver.candidate", "gold.daily"):
        schema = schema_of(name)
        columns = ("open", "high", "low", "close", "volume")
        assert {schema.field(column).type for column in columns} == {value}
    assert schema_of("silver.bars").field("adj_close").type == value


@pytest.mark.parametrize("name", ALL)
def test_tables_name_each_column_once(name: str) -> None:
    assert len(set(schema_of(name).names)) == len(schema_of(name).names)


def test_the_key_of_a_table_is_of_its_columns() -> None:
    missing = {
        name: {*table.key, *table.called_by}.difference(table.schema.names)
        for name, table in CATALOG.items()
        if table.schema
    }

    assert not any(missing.values()), missing


def test_a_rollback_restores_all_that_is_published_and_what_waits() -> None:
    assert PUBLISHED_TABLES == ("silver.bars", "gold.daily", "gold.aggregates")
    assert (*PUBLISHED_TABLES, "quarantine.bars") == RESTORED_TABLES


def test_a_table_that_nobody_lists_has_no_columns_yet() -> None:
    assert schema_of("ops.notes") is None
    assert schema_of("gold.aggregates") is Table(key=()).schema
