from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from sentinel_lib.ingestion import batch
from sentinel_lib.records.bar import VALUE_COLUMNS, timestamp_of
from sentinel_lib.settings.sources import (
    SOURCES,
    FilesOptions,
    KrakenOptions,
    PayloadColumn,
    Sources,
)


def test_every_source_has_options_and_a_block_of_its_own() -> None:
    assert {name: type(getattr(Sources(), name)) for name in SOURCES} == SOURCES


def test_every_source_has_a_class_that_fetches_and_reads() -> None:
    assert batch.SOURCES.keys() == SOURCES.keys()


def test_no_source_option_has_the_name_of_a_term_of_the_asset() -> None:
    from sentinel_lib.settings.assets import AssetTerms

    options = {key for model in SOURCES.values() for key in model.model_fields}

    assert options & set(AssetTerms.model_fields) == set()


def test_columns_can_be_named_for_every_field_of_a_bar() -> None:
    assert set(get_args(PayloadColumn)) == {"symbol", "timestamp", *VALUE_COLUMNS}


@pytest.mark.parametrize(
    ("date_format", "written"),
    [
        ("iso", "2024-01-31"),
        ("epoch_s", "1706659200"),
        ("epoch_ms", "1706659200000"),
        ("%m/%d/%Y", "01/31/2024"),
        ("%d.%m.%y", "31.01.24"),
        ("%Y%m%d", "20240131"),
        ("%Y-%j", "2024-031"),
        ("%d %b %Y", "31 Jan 2024"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-01-31T00:00:00+0000"),
    ],
)
def test_date_format_that_is_accepted_reads_a_date(date_format: str, written: str) -> None:
    accepted = FilesOptions(date_format=date_format).date_format

    _, instant = timestamp_of(written, accepted, "UTC")

    assert instant.isoformat() == "2024-01-31T00:00:00+00:00"


@pytest.mark.parametrize(
    "date_format", ["", "YYYY-MM-DD", "epoch", "%Q", "%H:%M", "%m/%d", "%Y", "%Y-%m", "%", "100%"]
)
def test_date_format_that_gives_no_date_is_refused(date_format: str) -> None:
    with pytest.raises(ValidationError, match=r"is not a date format: write iso, excel, epoch_s"):
        FilesOptions(date_format=date_format)


@pytest.mark.parametrize("timezone", ["UTC", "America/New_York", "Asia/Tokyo", "Etc/GMT+5"])
def test_time_zone_of_the_iana_list_is_accepted(timezone: str) -> None:
    assert FilesOptions(timezone=timezone).timezone == timezone


@pytest.mark.parametrize("timezone", ["", "EDST", "America", "America/NewYork", "../../etc/passwd"])
def test_time_zone_that_nobody_knows_is_refused(timezone: str) -> None:
    with pytest.raises(ValidationError, match="is not a time zone: write 'UTC' or an IANA name"):
        FilesOptions(timezone=timezone)


def test_kraken_is_asked_at_its_public_address_by_default() -> None:
    assert str(KrakenOptions().base_url) == "https://api.kraken.com/"
