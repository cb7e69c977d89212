from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel_lib.errors import ConfigError, UsageError
from sentinel_lib.settings.assets import Asset, Limit, read_assets, select
from sentinel_lib.settings.sources import FilesOptions, KrakenOptions, SimulatedOptions
from tests.assets_file import load_assets

Write = Callable[[str, str], Path]


def file_of(terms: str) -> str:
    return f"start: 2024-01-01\nassets:\n  AAPL: {{{terms}}}\n"


def test_asset_without_terms_has_the_defaults(config_with: Write) -> None:
    config = config_with("assets.yaml", "start: 2024-01-01\nassets:\n  BTC-USD:\n")

    asset = load_assets(config)["BTC-USD"]

    assert asset.model_dump() == {
        "symbol": "BTC-USD",
        "source": "simulated",
        "source_symbol": None,
        "interval": "1d",
        "calendar": "24/7",
        "fields": "ohlcv",
        "prices": "positive",
        "freshness": {
            "warn_after": {"count": 1, "period": "session"},
            "error_after": {"count": 2, "period": "session"},
        },
        "gaps": "block",
        "hours": "regular",
        "owner": None,
        "paused_until": None,
        "reason": None,
        "options": SimulatedOptions().model_dump(),
    }


def test_own_terms_of_an_asset_stand_over_the_defaults(config_with: Write) -> None:
    text = (
        "start: 2024-01-01\ndefaults: {calendar: XNYS, owner: equities}\n"
        "assets:\n  AAPL: {owner: tech}\n  SPY: {}\n"
    )

    assets = load_assets(config_with("assets.yaml", text))

    assert [(one.calendar, one.owner) for one in assets.values()] == [
        ("XNYS", "tech"),
        ("XNYS", "equities"),
    ]


def test_one_freshness_limit_of_an_asset_leaves_the_default_for_the_other(
    config_with: Write,
) -> None:
    text = (
        "start: 2024-01-01\n"
        "defaults: {freshness: {error_after: {count: 9, period: session}}}\n"
        "assets:\n  AAPL: {freshness: {warn_after: {count: 5, period: session}}}\n"
    )

    freshness = load_assets(config_with("assets.yaml", text))["AAPL"].freshness

    assert freshness.warn_after == Limit(count=5, period="session")
    assert freshness.error_after == Limit(count=9, period="session")


def test_assets_keep_the_order_of_the_file(config_with: Write) -> None:
    text = "start: 2024-01-01\nassets:\n  SPY:\n  AAPL:\n  MSFT:\n"

    assert list(load_assets(config_with("assets.yaml", text))) == ["SPY", "AAPL", "MSFT"]


@pytest.mark.parametrize(
    "symbol",
    ["NO", "ON", "Y", "600519", "0700", "BRK.B", "1E3", "EUR/USD", "^GSPC", "ES=F", "NULL"],
)
def test_symbol_survives_as_the_text_that_was_written(config_with: Write, symbol: str) -> None:
    config = config_with("assets.yaml", f"start: 2024-01-01\nassets:\n  {symbol}: {{}}\n")

    assets = load_assets(config)

    assert assets[symbol].symbol == symbol
    assert assets[symbol].asked_as == symbol


def test_asset_is_asked_for_by_the_symbol_of_its_source(config_with: Write) -> None:
    config = config_with("assets.yaml", file_of("source: kraken, source_symbol: XBTUSD"))

    assert load_assets(config)["AAPL"].asked_as == "XBTUSD"


@pytest.mark.parametrize(
    ("fields", "columns"),
    [
        ("ohlcv", ("open", "high", "low", "close", "volume")),
        ("ohlc", ("open", "high", "low", "close")),
        ("close", ("close",)),
    ],
)
def test_fields_of_an_asset_say_which_columns_it_has(
    config_with: Write, fields: str, columns: tuple[str, ...]
) -> None:
    config = config_with("assets.yaml", file_of(f"fields: {fields}"))

    assert load_assets(config)["AAPL"].columns == columns


def test_paused_asset_wakes_on_the_day_that_is_named(config_with: Write) -> None:
    config = config_with("assets.yaml", file_of("paused_until: 2026-12-01, reason: delisting"))

    asset = load_assets(config)["AAPL"]

    assert asset.is_paused(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    assert not asset.is_paused(datetime(2026, 12, 1, tzinfo=UTC))


def test_pause_ends_by_the_day_in_utc(config_with: Write) -> None:
    asset = load_assets(config_with("assets.yaml", file_of("paused_until: 2026-12-01")))["AAPL"]
    tokyo = timezone(timedelta(hours=9))

    assert asset.is_paused(datetime(2026, 12, 1, 8, tzinfo=tokyo))


def test_asset_that_names_no_day_is_not_paused(config_with: Write) -> None:
    asset = load_assets(config_with("assets.yaml", file_of("")))["AAPL"]

    assert not asset.is_paused(datetime(2026, 12, 1, tzinfo=UTC))


def test_source_option_can_be_set_for_one_asset_over_that_of_all(config_with: Write) -> None:
    text = (
        "start: 2024-01-01\ndefaults: {source: files}\n"
        "assets:\n  AAPL: {timezone: Asia/Tokyo, columns: {close: Last}}\n  SPY: {}\n"
        "sources:\n  files: {timezone: UTC, columns: {timestamp: Date}, delimiter: ;}\n"
    )

    assets = load_assets(config_with("assets.yaml", text))

    assert assets["AAPL"].options == FilesOptions(
        timezone="Asia/Tokyo", columns={"timestamp": "Date", "close": "Last"}, delimiter=";"
    )
    assert assets["SPY"].options == FilesOptions(
        timezone="UTC", columns={"timestamp": "Date"}, delimiter=";"
    )


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (
            "simulated",
            "{grace_minutes: 5, seed: 3, start_price: 9.5, faults: {nulls: 0.1, late_sessions: 2}}",
        ),
        (
            "files",
            "{grace_minutes: 5, path: in, columns: {close: Last}, date_format: '%d.%m.%Y', "
            "timezone: Europe/Berlin, delimiter: ;, decimal: ',', encoding: cp1252, "
            "symbols: '_([^_]+)$'}",
        ),
        (
            "kraken",
            "{grace_minutes: 5, base_url: 'http://127.0.0.1:9', timeout_seconds: 2, attempts: 2, "
            "pause_seconds: 0}",
        ),
    ],
)
def test_every_source_option_means_the_same_for_one_asset_and_for_all(
    config_with: Write, source: str, options: str
) -> None:
    of_one = f"start: 2024-01-01\nassets:\n  A: {{source: {source}, {options[1:]}\n"
    of_all = (
        f"start: 2024-01-01\nassets:\n  A: {{source: {source}}}\nsources:\n  {source}: {options}\n"
    )

    own = load_assets(config_with("assets.yaml", of_one))["A"].options
    shared = load_assets(config_with("assets.yaml", of_all))["A"].options

    assert own == shared
    assert own.model_fields_set == set(type(own).model_fields)


def test_another_source_leaves_behind_what_belongs_to_the_first(config_with: Write) -> None:
    text = (
        "start: 2024-01-01\nassets:\n"
        "  BTC: {source: kraken, source_symbol: XBTUSD, attempts: 2, owner: crypto}\n"
        "sources:\n  files: {timezone: Europe/Berlin}\n"
    )

    asset = load_assets(config_with("assets.yaml", text), source="files")["BTC"]

    assert (asset.source, asset.asked_as, asset.owner) == ("files", "BTC", "crypto")
    assert asset.options == FilesOptions(timezone="Europe/Berlin")


def test_source_that_is_the_asset_s_own_keeps_its_options(config_with: Write) -> None:
    text = file_of("source: kraken, source_symbol: XBTUSD, attempts: 2")

    asset = load_assets(config_with("assets.yaml", text), source="kraken")["AAPL"]

    assert asset.asked_as == "XBTUSD"
    assert asset.options == KrakenOptions(attempts=2)


def test_options_given_for_the_run_stand_over_the_file(config_with: Write) -> None:
    text = file_of("source: files, path: in, timezone: Asia/Tokyo")

    asset = load_assets(config_with("assets.yaml", text), "files", {"path": Path("other")})["AAPL"]

    assert asset.options == FilesOptions(path=Path("other"), timezone="Asia/Tokyo")


def test_symbol_that_is_not_listed_takes_weekdays_and_warns_of_gaps(config_with: Write) -> None:
    text = "start: 2024-01-01\ndefaults: {calendar: XNYS, owner: equities}\nassets: {}\n"
    file, _ = read_assets(config_with("assets.yaml", text))

    asset = file.unlisted("IBM", "files", {"path": Path("in")}, {})

    assert (asset.symbol, asset.source, asset.owner) == ("IBM", "files", "equities")
    assert (asset.calendar, asset.gaps) == ("weekdays", "warn")
    assert asset.options == FilesOptions(path=Path("in"))


@pytest.mark.parametrize(
    "terms",
    [
        "",
        "source: files, path: in, columns: {timestamp: Date}, paused_until: 2026-12-01",
        "source: kraken, base_url: 'http://127.0.0.1:9', source_symbol: XBTUSD",
        "faults: {nulls: 0.5}, start_price: 3.5, freshness: {warn_after: {count: 1, period: hour}}",
    ],
)
def test_asset_survives_a_round_trip_through_json(config_with: Write, terms: str) -> None:
    asset = load_assets(config_with("assets.yaml", file_of(terms)))["AAPL"]

    restored = Asset.model_validate_json(asset.model_dump_json())
    from_a_record = Asset.model_validate(json.loads(asset.model_dump_json()))

    assert restored == from_a_record == asset
    assert type(restored.options) is type(asset.options)


@given(
    asset=st.builds(
        lambda symbol, calendar, paused_until, seed, nulls: Asset(
            symbol=symbol,
            calendar=calendar,
            paused_until=paused_until,
            options=SimulatedOptions.model_validate({"seed": seed, "faults": {"nulls": nulls}}),
        ),
        symbol=st.from_regex(r"[A-Z0-9.^=/-]{1,8}", fullmatch=True),
        calendar=st.sampled_from(["24/7", "weekdays", "XNYS", "XTKS", "CMES"]),
        paused_until=st.none() | st.dates(),
        seed=st.integers(-(2**31), 2**31),
        nulls=st.floats(0, 1),
    )
)
def test_any_asset_survives_a_round_trip_through_json(asset: Asset) -> None:
    assert Asset.model_validate_json(asset.model_dump_json()) == asset


def test_start_may_be_written_in_quotes(config_with: Write) -> None:
    file, _ = read_assets(config_with("assets.yaml", "start: '2024-01-31'\nassets: {}\n"))

    assert file.start == date(2024, 1, 31)


def test_select_keeps_the_named_assets_in_the_order_of_the_file(config_with: Write) -> None:
    text = "start: 2024-01-01\nassets:\n  SPY:\n  AAPL:\n  MSFT:\n"
    assets = load_assets(config_with("assets.yaml", text))

    assert list(select(assets, ["MSFT", "SPY"])) == ["SPY", "MSFT"]


def test_select_refuses_a_name_that_is_no_asset(config_with: Write) -> None:
    text = "start: 2024-01-01\nassets:\n  SPY:\n  AAPL:\n"
    assets = load_assets(config_with("assets.yaml", text))

    with pytest.raises(UsageError) as caught:
        select(assets, ["AAPLE"])

    assert str(caught.value) == (
        "--assets names 'AAPLE', which is not an asset; did you mean 'AAPL'?\n"
        "  expected: one of SPY, AAPL\n"
        "  next: name assets of assets.yaml, or list the new one there"
    )


def test_missing_assets_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"assets\.yaml: there is no such file"):
        load_assets(tmp_path)
