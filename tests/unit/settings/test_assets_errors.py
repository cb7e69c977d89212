"""What ``assets.yaml`` may get wrong: each thing is one error, with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sentinel_lib.errors import ConfigError
from tests.assets_file import load_assets

Write = Callable[[str, str], Path]


def error_of(config: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_assets(config)
    return str(caught.value)


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ("calender: XNYS", "unknown key 'calender'; did you mean 'calendar'?"),
        ("calender: XNYS", "expected: one of calendar, faults, fields, freshness, gaps, "),
        (
            "calendar: XNYC",
            "AAPL.calendar: 'XNYC' is not a calendar: write 24/7, 24/5, weekdays or an ",
        ),
        ("calendar: XNYC", "did you mean 'XNYS'?"),
        ("calendar: 7", "AAPL.calendar: must be text: put quotes around it"),
        ("interval: 2d", "AAPL.interval: '2d' is not accepted"),
        ("interval: 2d", "expected: one of 1m, 5m, 15m, 30m, 1h, 4h, 1d"),
        ("fields: olhcv", "did you mean 'ohlcv'?"),
        ("gaps: wran", "did you mean 'warn'?"),
        ("owner: 5", "AAPL.owner: must be text: put quotes around it"),
        ("source_symbol: 600519", "AAPL.source_symbol: must be text: put quotes around it"),
        ("source_symbol: NO", "observed: false"),
        ("paused_until: soon", "AAPL.paused_until: must be a date, such as 2024-01-31"),
        ("paused_until: 86400", "AAPL.paused_until: must be a date, such as 2024-01-31"),
        ("paused_until: 2026-02-30", "AAPL.paused_until: cannot be read: day is out of range"),
        ("freshness: late", "AAPL.freshness: must be a mapping of keys to values"),
        (
            "freshness: {warn_after: {count: 1, period: sesion}}",
            "AAPL.freshness.warn_after.period: 'sesion' is not accepted; did you mean 'session'?",
        ),
        (
            "freshness: {warn_after: {count: 1, period: sesion}}",
            "expected: one of minute, hour, day, session",
        ),
        ("freshness: {warn_after: {count: one, period: day}}", "count: must be a whole number"),
        ("freshness: {warn_after: {count: true, period: day}}", "count: must be a whole number"),
        ("freshness: {warn_after: {count: 0, period: day}}", "count: must be 1 or more"),
        ("freshness: {warn_after: {count: 1}}", "warn_after.period: this key is required"),
        ("freshness: {warn_aftr: {}}", "unknown key 'warn_aftr'; did you mean 'warn_after'?"),
        ("freshness: {warn_after: {count: 3, period: session}}", "must not come later than"),
        ("source: fils", "AAPL.source: 'fils' is not accepted; did you mean 'files'?"),
        ("source: fils", "expected: one of simulated, files, kraken"),
        ("source: 5", "AAPL.source: 5 is not accepted"),
        ("source: [files]", "AAPL.source: a list is not accepted"),
        (
            "source: files, seed: 3",
            "AAPL.seed: is an option of source simulated, and the source of AAPL is files",
        ),
        ("sead: 3", "unknown key 'sead'; did you mean 'seed'?"),
        ("seed: x", "AAPL.seed: must be a whole number"),
        ("start_price: .inf", "AAPL.start_price: must be a finite number"),
        ("faults: {nulls: 2}", "AAPL.faults.nulls: must be 1.0 or less"),
        ("faults: {nul: 0.1}", "unknown key 'nul'; did you mean 'nulls'?"),
        ("faults: {nul: 0.1}", "expected: one of duplicates, gaps, high_below_low"),
        ("source: files, date_format: YYYY", "AAPL.date_format: 'YYYY' is not a date format"),
        ("source: files, timezone: Amerca/New_York", "did you mean 'America/New_York'?"),
        (
            "source: files, columns: {timestmp: Date}",
            "columns.timestmp: 'timestmp' is not accepted",
        ),
        ("source: files, columns: {timestmp: Date}", "did you mean 'timestamp'?"),
        ("source: files, columns: {close: 5}", "columns.close: must be text"),
        ("source: files, delimiter: ';;'", "delimiter: must have 1 or fewer characters"),
        ("source: files, path: 5", "AAPL.path: must be a path"),
        ("source: kraken, base_url: nonsense", "base_url: must be an http or https address"),
        ("source: kraken, base_url: 'ftp://a'", "base_url: must be an http or https address"),
        ("source: kraken, attempts: 99", "attempts: must be 10 or less"),
    ],
)
def test_wrong_term_of_an_asset_is_an_error_at_its_line(
    config_with: Write, terms: str, said: str
) -> None:
    text = f"start: 2024-01-01\nassets:\n  AAPL: {{{terms}}}\n"
    config = config_with("assets.yaml", text)

    message = error_of(config)

    assert message.startswith(f"{config / 'assets.yaml'}:3: assets.AAPL.")
    assert said in message


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "start: this key is required and missing"),
        ("- a\n", 1, "must be a mapping of keys to values"),
        ("words\n", 1, "must be a mapping of keys to values"),
        ("start: 2024-01-01\n", 1, "assets: this key is required and missing"),
        ("start: 2024-01-01\nasets: {A: {}}\n", 2, "unknown key 'asets'; did you mean 'assets'?"),
        ("start: 2024-01-01\nassets:\n", 2, "assets: must be a mapping of keys to values"),
        ("start: 2024-01-01\nassets:\n  A: XNYS\n", 3, "assets.A: must be a mapping"),
        ("start: 2024-01-01\nassets:\n  '': {}\n", 3, "a symbol must be printable text"),
        ("start: 2024-01-01\nassets:\n  'A ': {}\n", 3, "a symbol must be printable text"),
        ("start: 2024-01-01\nassets:\n  A: {}\n  B: {}\n  A: {}\n", 5, "'A' is already on line 3"),
        ("start: yesterday\nassets: {}\n", 1, "start: must be a date, such as 2024-01-31"),
        ("start: 20240101\nassets: {}\n", 1, "start: must be a date, such as 2024-01-31"),
        ("start: 2024-01-01T05:00:00\nassets: {}\n", 1, "start: must be a date"),
        ("start: 2024-01-01\ndefaults:\n  calendar: XNY\nassets: {}\n", 3, "did you mean 'XNYS'?"),
        ("start: 2024-01-01\ndefaults: {seed: 3}\nassets: {}\n", 2, "unknown key 'seed'"),
        ("start: 2024-01-01\nassets: {}\nsources: {file: {}}\n", 3, "did you mean 'files'?"),
        ("start: 2024-01-01\nassets: {}\nsources:\n  files:\n    pth: x\n", 5, "mean 'path'?"),
        (
            "start: 2024-01-01\nassets: {}\nsources:\n  files:\n    path: x\n    timezone: Mars\n",
            6,
            "sources.files.timezone: 'Mars' is not a time zone",
        ),
        (
            "start: 2024-01-01\nassets:\n  A:\n    owner: me\n    calendar: XNYC\n",
            5,
            "assets.A.calendar",
        ),
        ("start: 2024-01-01\nassets:\n\tA: {}\n", 3, "a tab cannot indent"),
        ("start: 2024-01-01\nassets: {A: {\n", 2, "not valid YAML"),
        ("start: 2024-01-01\nassets:\n  A: !!python/object:a.B {}\n", 3, "python/object:a.B"),
    ],
)
def test_wrong_file_is_an_error_at_its_line(
    config_with: Write, text: str, line: int, said: str
) -> None:
    config = config_with("assets.yaml", text)

    message = error_of(config)

    assert message.startswith(f"{config / 'assets.yaml'}:{line}: ")
    assert said in message


def test_no_error_speaks_the_language_of_the_validator(config_with: Write) -> None:
    wrong = ["- a\n", "start: 5\n", "start: 2024-01-01\nassets: {A: {freshness: 5, fields: 5}}\n"]

    messages = [error_of(config_with("assets.yaml", text)) for text in wrong]

    assert not [said for said in messages if "nput should" in said or "instance of" in said]
