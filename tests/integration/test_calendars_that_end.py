"""A calendar that knows no more sessions, or cannot be built: its assets are held, no others."""

from datetime import UTC, datetime, time, timedelta

import pytest

from sentinel_lib.calendars import last_known_day
from sentinel_lib.storage.tables import Lake

LAST = last_known_day("XSHG")
START = str(LAST - timedelta(days=30))


def at(days, hour=20):
    """``days`` after the last day that Shanghai's calendar knows."""
    return (datetime.combine(LAST, time(hour), UTC) + timedelta(days=days)).isoformat()


def warnings_of(outcome):
    checks = outcome.records["ingest"].checks
    return [one for one in checks if one.name.startswith("calendar") and not one.passed]


def figures(project, symbol):
    rows = Lake(project.data).read("gold.aggregates").to_pylist()
    return [row for row in rows if row["symbol"] == symbol]


@pytest.mark.thorough
def test_an_asset_is_held_alone_from_the_day_on_that_its_calendar_does_not_know(project):
    project.assets({"CN": {"calendar": "XSHG"}, "US": {"calendar": "XNYS"}}, start=START)

    known = project.run(at(0))
    before = figures(project, "CN")
    unknown = project.run(at(5))

    assert known.errors == unknown.errors == {}
    assert known.ledger("CN").status == known.ledger("US").status == "passed"
    assert unknown.ledger("US").promoted > 0
    assert unknown.ledger("CN").status == "blocked"
    assert (
        f"knows no sessions after {LAST}; upgrade exchange_calendars" in unknown.ledger("CN").reason
    )
    assert figures(project, "CN") == before
    age = unknown.records["monitor"].details.freshness["CN"]
    assert (age.status, age.reason) == ("unknown", unknown.ledger("CN").reason)
    assert age.next_breach_at is None


def test_rows_of_a_shared_file_are_kept_until_the_calendar_is_known(project):
    path = project.inbox / "bars.csv"
    day = LAST + timedelta(days=4)
    path.write_text(
        "symbol,timestamp,open,high,low,close,volume\n"
        f"CN,{day},10,12,9,11,100\nUS,{LAST - timedelta(days=1)},10,12,9,11,100\n"
    )
    assets = {"CN": {"calendar": "XSHG"}, "US": {"calendar": "weekdays"}}
    shared = {"path": str(path)}
    project.assets(
        {symbol: {**terms, **shared} for symbol, terms in assets.items()}, source="files"
    )

    outcome = project.run(at(5))

    assert outcome.errors == {}
    assert outcome.ledger("US").promoted == 1
    assert (outcome.ledger("CN").status, outcome.ledger("CN").quarantined) == ("blocked", 1)


def test_every_run_warns_from_sixty_days_before(project):
    start = str(LAST - timedelta(days=80))
    project.assets({"CN": {"calendar": "XSHG"}, "US": {"calendar": "XNYS"}}, start=start)

    early, late = (project.run(at(days), stages=["ingest"]) for days in (-60, -59))

    assert warnings_of(early) == []
    [warning] = warnings_of(late)
    assert f"knows no sessions after {LAST}" in warning.observed
    assert not warning.blocks
    assert late.ledger("CN", "ingest").status == "passed"


@pytest.mark.thorough
@pytest.mark.parametrize("interval", ["1d", "1h"])
def test_an_asset_whose_calendar_cannot_be_built_is_held_alone(project, interval):
    assets = {"GR": {"calendar": "ASEX"}, "US": {"calendar": "XNYS"}}
    project.assets(assets, start="2026-06-01", interval=interval)

    outcome = project.run("2026-06-15T22:00:00Z")

    assert outcome.errors == {}
    assert outcome.ledger("US").promoted > 0
    assert outcome.ledger("GR").status == "blocked"
    assert "cannot build calendar 'ASEX'" in outcome.ledger("GR").reason
    assert outcome.records["monitor"].details.freshness["GR"].status == "unknown"
