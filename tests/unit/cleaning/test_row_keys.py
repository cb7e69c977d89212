from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinel_lib.cleaning.row_keys import resolved_rows
from sentinel_lib.cleaning.row_rules import judged_rows
from sentinel_lib.cleaning.typed_bars import typed_bars

AS_OF = datetime(2024, 1, 6, tzinfo=UTC)
EARLIER = AS_OF - timedelta(days=1)
PUBLISHED = {
    "open": Decimal(10),
    "high": Decimal(12),
    "low": Decimal(9),
    "close": Decimal(11),
    "volume": Decimal(100),
}


@pytest.fixture(scope="session")
def resolve(engine, compiled, arrow_rows, silver_rows, sessions):
    """What becomes of each of some rows, given what Silver holds."""
    batch, silver = engine.load(arrow_rows({})), engine.load(silver_rows())
    typed = typed_bars(batch, ["iso"]).mutate(row=ibis.row_number())
    judged = judged_rows(typed, sessions, [], AS_OF)
    run = compiled(resolved_rows(judged, silver).order_by("line"), batch, silver)
    return lambda *rows, silver=(): run(arrow_rows(*rows), silver_rows(*silver))


def outcomes(resolved):
    return [(row["outcome"], row["change"] or row["rule"]) for row in resolved]


def test_a_new_bar_is_an_insert(resolve):
    assert outcomes(resolve({})) == [("promoted", "insert")]


def test_a_repeated_key_with_equal_values_is_deduplicated(resolve):
    assert outcomes(resolve({}, {"close": "11.000"})) == [
        ("promoted", "insert"),
        ("deduplicated", None),
    ]


def test_a_repeated_key_with_other_values_of_one_fetch_is_quarantined_whole(resolve):
    found = outcomes(resolve({}, {"close": "10.5"}, {}))

    assert found == [("quarantined", "conflicting_key")] * 3


def test_a_row_that_is_refused_for_itself_does_not_contradict_the_others(resolve):
    found = outcomes(resolve({}, {"close": "none"}, {"close": ""}))

    assert found == [
        ("promoted", "insert"),
        ("quarantined", "bar.close"),
        ("quarantined", "bar.close"),
    ]


def test_the_latest_fetch_wins(resolve):
    found = outcomes(resolve({"fetched_as_of": EARLIER}, {"close": "10.5"}))

    assert found == [("deduplicated", None), ("promoted", "insert")]


def test_a_bar_that_silver_holds_with_equal_values_is_deduplicated(resolve):
    assert outcomes(resolve({}, silver=[PUBLISHED])) == [("deduplicated", None)]


def test_a_later_fetch_with_other_values_is_a_correction(resolve):
    assert outcomes(resolve({"close": "10.5"}, silver=[PUBLISHED])) == [("promoted", "correction")]


def test_other_values_for_the_as_of_that_silver_was_fetched_at_contradict_it(resolve):
    published = {**PUBLISHED, "fetched_as_of": AS_OF}

    assert outcomes(resolve({"close": "10.5"}, silver=[published])) == [
        ("quarantined", "conflicting_key")
    ]


def test_an_older_fetch_does_not_undo_a_correction(resolve):
    published = {**PUBLISHED, "close": Decimal("10.5")}
    old = {"fetched_as_of": EARLIER - timedelta(days=1)}

    assert outcomes(resolve(old, silver=[published])) == [("deduplicated", None)]


def test_bars_of_other_assets_and_intervals_have_other_keys(resolve):
    rows = [{}, {"asset": "MSFT", "close": "10"}, {"interval": "1h", "close": "9.5"}]

    assert outcomes(resolve(*rows)) == [("promoted", "insert")] * 3


VALUES = st.fixed_dictionaries(
    {
        "timestamp": st.sampled_from(["2024-01-02", "2024-01-03", "2024-01-09", "no date"]),
        "close": st.sampled_from(["10", "11", "", "-3"]),
        "asset": st.sampled_from(["AAPL", "MSFT"]),
        "payload": st.sampled_from(["p1", "p2"]),
        "fetched_as_of": st.sampled_from([AS_OF, EARLIER]),
    }
)


@pytest.mark.thorough
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(VALUES, min_size=6, max_size=30), seed=st.randoms(use_true_random=False))
def test_every_row_has_one_outcome_whatever_the_order(resolve, rows, seed):
    numbered = [{**row, "line": index + 2} for index, row in enumerate(rows)]
    shuffled = list(numbered)
    seed.shuffle(shuffled)

    found, again = resolve(*numbered, silver=[PUBLISHED]), resolve(*shuffled, silver=[PUBLISHED])

    assert len(found) == len(rows)
    assert {row["outcome"] for row in found} <= {"promoted", "quarantined", "deduplicated"}
    assert [(row["line"], row["outcome"]) for row in found] == [
        (row["line"], row["outcome"]) for row in again
    ]
    assert all((row["rule"] is not None) == (row["outcome"] == "quarantined") for row in found)
    promoted = [(row["symbol"], row["timestamp"]) for row in found if row["outcome"] == "promoted"]
    assert len(promoted) == len(set(promoted))
