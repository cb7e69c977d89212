from datetime import UTC, datetime, timedelta

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sentinel_lib.cleaning.asset_counts import asset_counts
from sentinel_lib.cleaning.bar_times import with_hours
from sentinel_lib.cleaning.reasons import bar_text
from sentinel_lib.cleaning.row_keys import resolved_rows
from sentinel_lib.cleaning.row_rules import judged_rows
from sentinel_lib.cleaning.session_counts import session_counts
from sentinel_lib.cleaning.typed_bars import typed_bars
from sentinel_lib.records.bar import Bar
from sentinel_lib.rules.kinds import Between, InSet
from sentinel_lib.rules.suites import load_suite
from sentinel_lib.settings.project import PROJECT_ROOT

AS_OF = datetime(2024, 1, 6, tzinfo=UTC)
SHIPPED = load_suite(PROJECT_ROOT / "config", "silver").row_rules
ABOUT_TIME = ("not_final", "not_a_session", "no_bar")
RULES = [rule for rule in SHIPPED if rule.on_fail == "quarantine"]


@pytest.fixture(scope="session")
def judge(engine, compiled, arrow_rows, sessions):
    """The rule that each of some rows breaks, for given rules and ``as_of``; compiled once each."""

    prepared = {}

    def run(*rows, rules=RULES, as_of=AS_OF):
        case = (repr(rules), as_of)
        if case not in prepared:
            batch = engine.load(arrow_rows({}))
            judged = judged_rows(typed_bars(batch, ["iso"]), sessions, rules, as_of)
            prepared[case] = compiled(judged.order_by("line").select("rule"), batch)
        return [row["rule"] for row in prepared[case](arrow_rows(*rows))]

    return run


def test_a_sound_row_breaks_no_rule(judge):
    assert judge({}) == [None]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"defect": "3 values where the header has 7 columns"}, "row.malformed"),
        ({"timestamp": "2024-02-30"}, "timestamp.unreadable"),
        ({"is_provisional": True}, "not_final"),
        ({"timestamp": "2024-01-07"}, "not_final"),
        ({"timestamp": "2024-01-06", "calendar": "XNYS"}, "not_a_session"),
        ({"volume": "lots"}, "volume.unreadable"),
        ({"adj_close": "x"}, "adj_close.unreadable"),
        ({"close": ""}, "expect_column_values_to_not_be_null(close)"),
        ({"open": None}, "expect_column_values_to_not_be_null(open)"),
        ({"close": "-1"}, "expect_column_values_to_be_between(close)"),
        ({"volume": "-1"}, "expect_column_values_to_be_between(volume)"),
        ({"high": "8"}, "expect_column_pair_values_a_to_be_greater_than_b(high, low)"),
    ],
)
def test_each_defect_breaks_the_rule_named_for_it(judge, row, rule):
    assert judge(row) == [rule]


def test_a_price_of_a_billionth_is_above_zero_and_one_that_rounds_to_zero_is_not(judge):
    tiny = dict.fromkeys(("open", "high", "low", "close"), "0.0000000012508")
    too_small = dict.fromkeys(tiny, "4e-19")

    broken = judge(tiny, {**tiny, "low": "1e-18"}, too_small)

    assert broken == [None, None, "expect_column_values_to_be_between(open)"]


def test_a_session_is_final_from_the_instant_it_closes(judge):
    friday = {"timestamp": "2024-01-05", "calendar": "XNYS"}

    before = judge(friday, as_of=datetime(2024, 1, 5, 20, 59, 59, tzinfo=UTC))
    after = judge(friday, as_of=datetime(2024, 1, 5, 21, tzinfo=UTC))

    assert (before, after) == (["not_final"], [None])


def test_an_intraday_bar_is_final_when_its_interval_is_over(judge):
    bar = {"interval": "1h", "timestamp": "2024-01-05T10:00:00Z"}

    before = judge(bar, as_of=datetime(2024, 1, 5, 10, 59, tzinfo=UTC))
    after = judge(bar, as_of=datetime(2024, 1, 5, 11, tzinfo=UTC))

    assert (before, after) == (["not_final"], [None])


@pytest.mark.parametrize(
    ("interval", "start", "final_at"),
    [
        ("1h", "2024-01-05T20:30:00Z", datetime(2024, 1, 5, 21)),
        ("1h", "2024-01-05T14:00:00Z", datetime(2024, 1, 5, 15)),
        ("1h", "2024-01-05T21:00:00Z", datetime(2024, 1, 5, 22)),
        ("4h", "2024-01-05T18:30:00Z", datetime(2024, 1, 5, 21)),
    ],
)
def test_a_bar_that_crosses_the_close_is_final_with_it(judge, interval, start, final_at):
    exchange = {"calendar": "XNYS", "calendar_timezone": "America/New_York", "keeps_hours": True}
    bar = {**exchange, "interval": interval, "timestamp": start}
    final_at = final_at.replace(tzinfo=UTC)

    before, after = (judge(bar, as_of=now) for now in (final_at - timedelta(seconds=1), final_at))

    assert (before, after) == (["not_final"], [None])


def test_where_no_hours_are_kept_a_bar_is_final_at_the_end_of_its_interval(judge):
    zone = {"calendar": "XNYS", "calendar_timezone": "America/New_York"}
    bar = {**zone, "interval": "1h", "timestamp": "2024-01-05T20:30:00Z"}

    before = judge(bar, as_of=datetime(2024, 1, 5, 21, 29, tzinfo=UTC))
    after = judge(bar, as_of=datetime(2024, 1, 5, 21, 30, tzinfo=UTC))

    assert (before, after) == (["not_final"], [None])


@pytest.mark.parametrize(
    ("calendar", "interval", "start", "is_within"),
    [
        ("XNYS", "1m", "14:29", False),
        ("XNYS", "1m", "14:30", True),
        ("XNYS", "1m", "20:59", True),
        ("XNYS", "1m", "21:00", False),
        ("XNYS", "1h", "13:30", False),
        ("XNYS", "1h", "14:00", True),
        ("XNYS", "1h", "20:30", True),
        ("XTKS", "1m", "02:29", True),
        ("XTKS", "1m", "02:30", False),
        ("XTKS", "1m", "03:29", False),
        ("XTKS", "1m", "03:30", True),
        ("XTKS", "1h", "02:00", True),
        ("XTKS", "1h", "02:30", False),
        ("XTKS", "1h", "03:00", True),
    ],
)
def test_a_bar_is_within_hours_if_some_of_it_is(
    engine, load_rows, sessions, calendar, interval, start, is_within
):
    zone = {"XNYS": "America/New_York", "XTKS": "Asia/Tokyo"}[calendar]
    terms = {"calendar": calendar, "calendar_timezone": zone, "interval": interval}
    rows = load_rows(
        {**terms, "keeps_hours": True, "timestamp": f"2024-01-04T{start}:00Z"},
        {**terms, "keeps_hours": False, "timestamp": f"2024-01-04T{start}:00Z"},
    )

    placed = with_hours(typed_bars(rows, ["iso"]), sessions).order_by("line")

    assert placed.is_within_hours.to_pyarrow().to_pylist() == [is_within, True]


EURUSD = {
    "calendar": "24/5",
    "calendar_timezone": "America/New_York",
    "session_shift_seconds": 7 * 3600,
}
MONDAY = datetime(2024, 1, 8, tzinfo=UTC)
OF_THE_WEEKEND = [
    ("1d", "2024-01-05", None, True),
    ("1d", "2024-01-06", "not_a_session", True),
    ("1d", "2024-01-07", None, False),
    ("1d", "2024-01-08", None, True),
    ("1h", "2024-01-05T21:00:00Z", None, True),
    ("1h", "2024-01-05T22:00:00Z", None, False),
    ("1h", "2024-01-06T12:00:00Z", None, False),
    ("1h", "2024-01-07T21:00:00Z", None, False),
    ("1h", "2024-01-07T22:00:00Z", None, True),
]


@pytest.mark.parametrize("hours", ["regular", "extended"])
def test_a_bar_of_the_closed_weekend_of_currencies_is_sound_and_outside_hours(
    engine, load_rows, sessions, hours
):
    rows = load_rows(
        *(
            {
                **EURUSD,
                "interval": interval,
                "timestamp": start,
                "keeps_hours": interval != "1d" and hours == "regular",
            }
            for interval, start, *_ in OF_THE_WEEKEND
        )
    )
    as_of = MONDAY + timedelta(days=1)

    judged = judged_rows(typed_bars(rows, ["iso"]), sessions, RULES, as_of)

    placed = with_hours(judged, sessions).order_by("line")
    found = placed.select("rule", "is_within_hours").to_pyarrow().to_pylist()
    assert [(row["rule"], row["is_within_hours"]) for row in found] == [
        (rule, is_within) for *_, rule, is_within in OF_THE_WEEKEND
    ]


def test_a_bar_of_sunday_is_a_fault_where_the_calendar_is_that_of_an_exchange(judge):
    sunday = {"timestamp": "2024-01-07", "calendar": "XNYS"}

    assert judge(sunday, as_of=MONDAY) == ["not_a_session"]


def test_a_daily_bar_of_a_sunday_of_currencies_is_final_when_its_day_is_over(judge):
    sunday = {**EURUSD, "timestamp": "2024-01-07"}

    before, after = (judge(sunday, as_of=now) for now in (MONDAY - timedelta(seconds=1), MONDAY))

    assert (before, after) == (["not_final"], [None])


def test_an_empty_row_and_a_broken_one_of_a_sunday_of_currencies_are_judged_as_ever(judge):
    sunday = {**EURUSD, "timestamp": "2024-01-07"}
    empty = {**sunday, **dict.fromkeys(("open", "high", "low", "close", "volume"), "")}

    broken = judge(empty, {**sunday, "volume": "lots"}, as_of=MONDAY)

    assert broken == ["no_bar", "volume.unreadable"]


def test_sundays_of_currencies_are_neither_sessions_that_were_seen_nor_missing_ones(
    load_rows, sessions, silver_rows, engine
):
    days = ["2024-01-04", "2024-01-05", "2024-01-07", "2024-01-08"]
    rows = load_rows(*({**EURUSD, "timestamp": day} for day in days))
    typed = typed_bars(rows, ["iso"]).mutate(row=ibis.row_number())
    judged = judged_rows(typed, sessions, RULES, MONDAY + timedelta(days=1))
    resolved = resolved_rows(judged, engine.load(silver_rows()))

    suite = load_suite(PROJECT_ROOT / "config", "silver")
    counts = asset_counts(resolved, session_counts(resolved, sessions), sessions, suite, {})

    found = counts["AAPL"]
    assert (found.promoted, found.quarantined) == (4, 0)
    assert (found.sessions_seen, found.sessions_spanned) == (3, 3)


def test_an_empty_row_on_a_holiday_is_no_bar_and_no_fault(judge):
    holiday = {"timestamp": "2024-01-01", "calendar": "XNYS", "fields": "close", "close": ""}

    assert judge(holiday) == ["no_bar"]


def test_rules_about_fields_that_the_asset_lacks_do_not_apply(judge):
    assert judge({"fields": "close", "open": None, "high": None, "volume": None}) == [None]


def test_rules_for_positive_prices_do_not_apply_where_prices_may_be_any(judge):
    below_zero = {"open": "-1", "high": "0", "low": "-3", "close": "-2"}
    zero_low = {"low": "0", "prices": "any"}

    assert judge(below_zero, {**below_zero, "prices": "any"}, zero_low) == [
        "expect_column_values_to_be_between(open)",
        None,
        None,
    ]
    assert judge({"volume": "-1", "prices": "any"}) == [
        "expect_column_values_to_be_between(volume)"
    ]


def test_the_bar_model_holds_without_any_rule_of_the_suite(judge):
    rows = [{"close": None}, {"volume": "-1"}, {"high": "8"}, {"low": "11.5"}]

    assert judge(*rows, rules=[]) == ["bar.close", "bar.volume", "bar.high", "bar.low"]


def test_bounds_are_strict_only_where_they_say_so(judge):
    name = "expect_column_values_to_be_between"
    loose = Between(expect=name, column="close", max_value=11, on_fail="quarantine")
    strict = loose.model_copy(update={"strict_max": True})

    assert judge({"close": "11"}, rules=[loose]) == [None]
    assert judge({"close": "11"}, rules=[strict]) == [f"{name}(close)"]


def test_a_value_outside_a_set_breaks_the_rule_and_a_missing_one_does_not(judge):
    name = "expect_column_values_to_be_in_set"
    rule = InSet(expect=name, column="close", value_set=[11, 12], on_fail="quarantine")

    assert judge({"close": "11"}, {"close": "10"}, rules=[rule]) == [None, f"{name}(close)"]


NUMBER_TEXTS = st.one_of(
    st.sampled_from(
        ["", "NaN", "-", "inf", "1_0", "1e3", "1e60", "-0", "abc", "1,5", " 7 ", "+.5", "5."]
    ),
    st.sampled_from(["1.2508E-9", "1e-18", "5e-19", "4e-19", "99999999999999999999.5e0", "1e20"]),
    st.decimals(-5, 20, places=2, allow_nan=False, allow_infinity=False).map(str),
    st.floats(allow_nan=True, allow_infinity=True, width=32).map(str),
    st.text("0123456789.+-eE _", max_size=8),
)
TIME_TEXTS = st.one_of(
    st.dates(datetime(2024, 1, 1).date(), datetime(2024, 1, 5).date()).map(str),
    st.sampled_from(
        ["2024-02-30", "2024-1-2", "", "x", "2024-01-02T25:00", "2024-01-02T10:00+01:00"]
    ),
    st.text("0123456789-T:Z+ ", max_size=12),
)
ROWS = st.fixed_dictionaries(
    {
        "timestamp": TIME_TEXTS,
        "fields": st.sampled_from(["ohlcv", "ohlc", "close"]),
        "interval": st.sampled_from(["1d", "1h"]),
        **dict.fromkeys(("open", "high", "low", "close", "volume", "adj_close"), NUMBER_TEXTS),
    }
)


@settings(
    max_examples=14,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(ROWS, min_size=30, max_size=100))
def test_the_vectorised_verdict_is_that_of_the_pydantic_model(judge, rows):
    rules = judge(*rows, rules=())

    one_by_one = [is_valid_bar({**row, "asset": "AAPL"}) for row in rows]
    assert [
        (rule, row)
        for rule, is_valid, row in zip(rules, one_by_one, rows, strict=True)
        if rule not in ABOUT_TIME and (rule is None) != is_valid
    ] == []


def is_valid_bar(row):
    try:
        Bar.model_validate(bar_text(row), context={"date_format": "iso", "timezone": "UTC"})
    except ValidationError:
        return False
    return True
