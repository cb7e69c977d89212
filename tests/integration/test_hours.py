"""Intraday bars of exchanges: which of them make a session, and what becomes of the others."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from sentinel_lib import read_table
from sentinel_lib.storage.tables import Lake

AS_OF = "2026-06-15T22:00:00Z"
HEADER = "timestamp,open,high,low,close,volume"


def bars(first, count, minutes=1, zone="Z"):
    """``count`` bars from ``first`` on; their closes go 1, 2, 3 and so on."""
    begin = datetime.fromisoformat(first)
    times = [begin + timedelta(minutes=minutes * place) for place in range(count)]
    return [
        f"{time.isoformat()}{zone},{place},{place},{place},{place},10"
        for place, time in enumerate(times, start=1)
    ]


def loaded(project, lines, as_of=AS_OF, **terms):
    """Load the lines as AAPL of the New York exchange, in minutes unless said otherwise."""
    own = {"calendar": "XNYS", "interval": "1m", "path": str(project.inbox), **terms}
    project.assets({"AAPL": own}, source="files")
    (project.inbox / "AAPL.csv").write_text("\n".join([HEADER, *lines, ""]))
    return project.run(as_of)


def test_minutes_before_and_after_hours_stay_out_of_the_session(project):
    outcome = loaded(project, bars("2026-06-12T08:00:00", 960))

    assert outcome.errors == {}
    [day] = Lake(project.data).read("gold.daily").to_pylist()
    assert (day["open"], day["close"], day["bar_count"]) == (331, 720, 390)
    ledger = outcome.ledger("AAPL", "build_gold")
    assert (ledger.rows_in, ledger.promoted, ledger.outside_hours) == (390, 390, 570)
    assert len(read_table("silver.bars", data=project.data)) == 960


def test_extended_hours_take_every_bar_of_the_day_on_the_exchange_clock(project):
    outcome = loaded(project, bars("2026-06-12T08:00:00", 960), hours="extended")

    assert outcome.errors == {}
    [day] = Lake(project.data).read("gold.daily").to_pylist()
    assert (day["open"], day["close"], day["bar_count"]) == (1, 960, 960)
    assert outcome.ledger("AAPL", "build_gold").outside_hours == 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("first", "as_of", "expected"),
    [
        ("2026-06-12T13:00:00", "2026-06-12T20:00:00Z", (1, 7, 7)),
        ("2026-06-12T13:30:00", "2026-06-12T20:00:00Z", (1, 7, 7)),
        ("2026-06-12T12:30:00", "2026-06-12T20:00:00Z", (2, 8, 7)),
    ],
)
def test_hours_count_that_overlap_the_session(project, first, as_of, expected):
    """From 13:30 to 20:00 UTC: seven bars, whether they begin at the full hour or half past."""
    outcome = loaded(project, bars(first, 12, 60), as_of, interval="1h")

    assert outcome.errors == {}
    [day] = Lake(project.data).read("gold.daily").to_pylist()
    assert (day["open"], day["close"], day["bar_count"]) == tuple(map(Decimal, expected))


@pytest.mark.thorough
def test_asset_without_any_bar_within_hours_keeps_its_last_good_figures(project):
    loaded(project, bars("2026-06-12T13:30:00", 390))
    before = (project.data / "gold" / "aggregates.csv").read_bytes()
    project.assets(
        {
            "AAPL": {"path": str(project.inbox / "AAPL.csv")},
            "MSFT": {"path": str(project.inbox / "MSFT.csv")},
        },
        source="files",
        calendar="XNYS",
        interval="1m",
    )
    lines = [HEADER, *bars("2026-06-12T02:00:00", 5)]
    (project.inbox / "MSFT.csv").write_text("\n".join([*lines, ""]))

    outcome = project.run(AS_OF)

    assert outcome.ledger("AAPL", "build_gold").status == "passed"
    assert "one of 5 bars within hours" in outcome.ledger("MSFT", "build_gold").reason
    assert (project.data / "gold" / "aggregates.csv").read_bytes() == before


def test_evening_of_a_futures_exchange_belongs_to_the_session_that_opens_then(project):
    """Monday the 8th opens on Sunday at 17:00 in Chicago: 22:00 UTC."""
    outcome = loaded(project, bars("2026-06-07T22:00:00", 46, 60), calendar="CMES", interval="1h")

    assert outcome.errors == {}
    daily = Lake(project.data).read("gold.daily").to_pylist()
    assert sorted((str(day["session"]), day["open"], day["bar_count"]) for day in daily) == [
        ("2026-06-08", 1, 24),
        ("2026-06-09", 25, 22),
    ]
