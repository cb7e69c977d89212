"""Gold is made of what has changed in Silver, and is what all of Silver would make it."""

from datetime import UTC, datetime, timedelta

import pytest

from sentinel_lib.cleaning.daily_bars import daily_bars
from sentinel_lib.operations.rollback import rollback
from sentinel_lib.settings.assets import read_assets
from sentinel_lib.stages.sessions import placed_bars
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.tables import Lake

HEADER = "Symbol,Date,Open,High,Low,Close,Volume\n"
FIRST = datetime(2024, 1, 2, tzinfo=UTC)
DAYS = 12


def day_of(number, symbols, close=11, step=4):
    """The bars of one day, 24/7."""
    start = FIRST + timedelta(days=number)
    times = [start + timedelta(hours=hour) for hour in range(0, 24, step)]
    return "".join(
        f"{symbol},{at:%Y-%m-%dT%H:%M:%SZ},10,99,1,{close + at.hour},100\n"
        for symbol in symbols
        for at in times
    )


def as_of(number):
    return f"{FIRST + timedelta(days=number + 1):%Y-%m-%dT%H:%M:%SZ}"


def write(project, name, *rows):
    (project.inbox / f"{name}.csv").write_text(HEADER + "".join(rows))


@pytest.fixture
def market(project):
    """Three assets of bars every four hours, with the history of some days."""
    terms = {"path": str(project.inbox), "interval": "4h"}
    project.assets({symbol: dict(terms) for symbol in "ABC"}, source="files")
    project.rules("silver", limits={"min_rows": 1, "max_quarantined_fraction": 0.05})
    write(project, "history", *(day_of(number, "ABC") for number in range(DAYS)))
    outcome = project.run(as_of(DAYS - 1))
    assert outcome.errors == {}
    return project


def gold(project):
    rows = Lake(project.data).read("gold.daily")
    return rows.sort_by([("symbol", "ascending"), ("session", "ascending")]).to_pylist()


def made_of_all(project):
    """What all of Silver makes of it."""
    lake, engine = Lake(project.data), Engine(1)
    file, document = read_assets(project.config)
    bars = engine.scan(lake.files("silver.bars"), schema_of("silver.bars"))
    placed = placed_bars(engine, bars, file.resolve(document), FIRST + timedelta(days=90))
    return daily_bars(placed).drop("is_too_large").to_pyarrow().to_pylist()


def rows_in(outcome):
    return {
        symbol: ledger.rows_in for symbol, ledger in outcome.records["build_gold"].assets.items()
    }


def test_a_new_day_is_made_of_the_bars_near_it(market):
    write(market, "new", day_of(DAYS, "AB"))

    outcome = market.run(as_of(DAYS))

    assert outcome.errors == {}
    assert rows_in(outcome) == {"A": 6 * 2, "B": 6 * 2, "C": 0}
    assert gold(market) == made_of_all(market)
    assert len(gold(market)) == 3 * DAYS + 2


def test_a_day_that_comes_in_two_parts_is_made_of_both(market):
    whole = day_of(DAYS, "A").splitlines(keepends=True)
    write(market, "morning", *whole[:2])
    market.run(as_of(DAYS))
    write(market, "evening", *whole[2:])

    market.run(as_of(DAYS))

    assert gold(market) == made_of_all(market)
    assert [row["bar_count"] for row in gold(market) if row["symbol"] == "A"][-1] == 6


def test_a_correction_far_back_is_made_of_its_file(market):
    write(market, "later", day_of(1, "B", close=50))

    outcome = market.run(as_of(DAYS))

    assert outcome.records["promote_silver"].details.changes == {"correction": 6}
    assert gold(market) == made_of_all(market)
    assert [row["close"] for row in gold(market) if row["symbol"] == "B"][1] == 70


def test_without_anything_new_gold_stays_as_it_is(market):
    before = gold(market), Lake(market.data).version("gold.daily")

    outcome = market.run(as_of(DAYS))

    assert rows_in(outcome) == {"A": 0, "B": 0, "C": 0}
    assert (gold(market), Lake(market.data).version("gold.daily")) == before


def test_what_a_killed_run_promoted_is_made_by_the_next(market):
    write(market, "new", day_of(DAYS, "ABC"))
    market.run(as_of(DAYS), stages=["ingest", "validate", "promote_silver"])
    write(market, "newer", day_of(DAYS + 1, "ABC"))

    outcome = market.run(as_of(DAYS + 1))

    assert rows_in(outcome)["A"] < 6 * DAYS
    assert gold(market) == made_of_all(market)


def terms_changed(project):
    terms = {"path": str(project.inbox), "interval": "4h", "calendar": "24/5"}
    plain = {"path": str(project.inbox), "interval": "4h"}
    project.assets({"A": terms, "B": plain, "C": plain}, source="files")


def rolled_back(project):
    write(project, "new", day_of(DAYS, "ABC"))
    project.run(as_of(DAYS))
    now = FIRST + timedelta(days=DAYS + 5)
    rollback(project.data, "run-001", run_id="run-002-rollback", now=now, command="rollback")


@pytest.mark.parametrize("change", [terms_changed, rolled_back])
def test_after_other_changes_gold_is_what_all_of_silver_makes(market, change):
    change(market)

    market.run(as_of(DAYS + 1))

    assert gold(market) == made_of_all(market)


def test_by_hand_gold_is_made_of_all(market):
    outcome = market.run(as_of(DAYS), by_hand=True)

    assert rows_in(outcome) == dict.fromkeys("ABC", 6 * DAYS)
