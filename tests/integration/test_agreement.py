"""The row rules and Great Expectations say the same of the same rows, rule by rule and row by row.

The rows are judged before anything is filtered out of them. ``docs/gates.md`` has the answers.
"""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sentinel_lib.cleaning.row_rules import row_passes
from sentinel_lib.cleaning.typed_bars import typed_bars
from sentinel_lib.errors import ConfigError
from sentinel_lib.records.bar import VALUE_COLUMNS
from sentinel_lib.rules.kinds import NotNull, UniqueTogether
from sentinel_lib.rules.suites import Suite, load_suite
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.catalog import INSTANT, VALUE
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.frames import frame_of
from sentinel_lib.validation import audit

SHIPPED = load_suite(PROJECT_ROOT / "config", "silver")
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
UNIQUE = "expect_compound_columns_to_be_unique"
NOT_SHIPPED = [
    {"expect": IN_SET, "column": "symbol", "value_set": ["AAPL", "MSFT"]},
    {"expect": IN_SET, "column": "close", "value_set": [10.5, 11]},
    {"expect": BETWEEN, "column": "close", "min_value": 1, "max_value": 11, "strict_max": True},
    {"expect": BETWEEN, "column": "adj_close", "max_value": 11},
    {"expect": PAIR, "column_A": "close", "column_B": "open"},
    {"expect": UNIQUE, "column_list": ["symbol", "close"]},
]
MORE = Suite.model_validate(
    {"table": "silver.bars", "rules": [{**rule, "on_fail": "warn"} for rule in NOT_SHIPPED]}
)
SUITE = SHIPPED.model_copy(update={"rules": [*SHIPPED.rules, *MORE.rules]})

SOUND = {"open": "10", "high": "12", "low": "9", "close": "11", "volume": "100", "adj_close": "11"}
TEXTS = [None, "", " ", "NaN", "nan", "null", "-", "inf", "-inf", "Infinity", "1e400", "abc", "-1"]
TEXTS += [
    "0",
    "-0",
    "1e-18",
    "4e-19",
    "0.0000000012508",
    "9",
    "11",
    "12",
    "11.000",
    "1e1",
    "9" * 20,
]


@pytest.fixture(scope="module")
def engine():
    return Engine(threads=1)


def raw(rows):
    """Rows of a batch as text, each a sound bar of AAPL with what is said of it."""
    terms = {"payload": "p", "layout": "l", "defect": None, "is_provisional": False}
    terms |= {"file": "bars.csv", "source": "files", "date_format": "iso", "timezone": "UTC"}
    terms |= {"interval": "1d", "calendar": "24/7", "calendar_timezone": "UTC", "fields": "ohlcv"}
    terms |= {"session_shift_seconds": 0, "keeps_hours": False, "prices": "positive"}
    terms |= {"fetched_as_of": datetime(2024, 2, 1, tzinfo=UTC), "timestamp": "2024-01-02"}
    whole = [{**terms, **SOUND, "asset": "AAPL", "line": at, **row} for at, row in enumerate(rows)]
    kinds = {"line": pa.int64(), "is_provisional": pa.bool_(), "fetched_as_of": INSTANT}
    names = [*whole[0], "symbol", "interval_seconds"]
    kinds |= {"interval_seconds": pa.int64(), "session_shift_seconds": pa.int64()}
    kinds["keeps_hours"] = pa.bool_()
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    return pa.Table.from_pylist([{**row, "interval_seconds": 86_400} for row in whole], schema)


def broken_by_row_rules(engine, bars):
    """How many rows break each rule, by the engine; one that is not unique breaks it too."""
    counts = []
    for rule in SUITE.rules:
        if isinstance(rule, UniqueTogether):
            groups = bars.group_by(list(rule.columns)).agg(count=bars.count())
            repeated = groups.filter(groups["count"] > 1)
            counts.append(repeated["count"].sum().fill_null(0))
        else:
            counts.append((~row_passes(bars, rule)).sum())
    return [int(count.to_pyarrow().as_py()) for count in counts]


def broken_by_great_expectations(bars):
    return [_count(check) for check in audit(SUITE, frame_of(bars.to_pyarrow()))]


def _count(check):
    """A check without any value to judge fails, and says so; no row breaks it."""
    if check.observed == "no value to judge":
        assert not check.passed
        return 0
    count, _, words = check.observed.partition(" of ")
    assert words.endswith("rows break it")
    assert check.passed == (count == "0")
    return int(count)


def test_each_text_that_may_stand_for_a_value_is_judged_alike_in_every_column(engine):
    rows = [{column: text} for column in VALUE_COLUMNS for text in TEXTS]
    rows += [{"timestamp": text} for text in (None, "", "2024-02-30", "2024-01-03")]
    rows += [{"asset": symbol} for symbol in (None, "", "MSFT", "GHOST")]
    typed = engine.materialise(typed_bars(engine.load(raw(rows)), ["iso"]))

    by_rules, by_gate = broken_by_row_rules(engine, typed), broken_by_great_expectations(typed)

    names = [rule.name for rule in SUITE.rules]
    assert dict(zip(names, by_rules, strict=True)) == dict(zip(names, by_gate, strict=True))
    assert min(by_rules) > 0


def test_what_is_no_finite_number_is_absent_once_it_is_typed(engine):
    texts = ["NaN", "inf", "-inf", "Infinity", "1e400", "", None]
    typed = typed_bars(engine.load(raw([{"close": text} for text in texts])), ["iso"])

    assert typed.order_by("line").close.to_pyarrow().to_pylist() == [None] * len(texts)


def test_absent_keys_are_equal_to_each_other_for_both(engine):
    rows = [{"timestamp": "x"}, {"timestamp": ""}, {}, {"asset": "MSFT", "timestamp": None}]
    typed = engine.materialise(typed_bars(engine.load(raw(rows)), ["iso"]))
    at = [rule.name for rule in SUITE.rules].index(
        "expect_compound_columns_to_be_unique(symbol, interval, timestamp)"
    )

    assert broken_by_row_rules(engine, typed)[at] == 2
    assert broken_by_great_expectations(typed)[at] == 2


def test_a_column_without_any_value_breaks_no_row_rule_and_fails_the_gate(engine):
    typed = engine.materialise(typed_bars(engine.load(raw([{"adj_close": ""}] * 3)), ["iso"]))
    [rule] = [rule for rule in MORE.rules if rule.columns == ("adj_close",)]

    [check] = audit(SUITE, frame_of(typed.to_pyarrow()), [rule])

    assert typed.count().to_pyarrow().as_py() == 3
    assert (~row_passes(typed, rule)).sum().to_pyarrow().as_py() == 0
    assert (check.passed, check.observed) == (False, "no value to judge")


def test_beyond_fifteen_digits_the_row_rules_are_exact_and_the_gate_is_coarser(engine):
    """The gate sees floats: it may overlook what the row rules have refused, never the reverse."""
    [rule] = [one for one in SHIPPED.row_rules if one.columns == ("high", "low")]
    low, high = (
        Decimal("123456789012.000000000000000002"),
        Decimal("123456789012.000000000000000001"),
    )
    rows = pa.table({"high": pa.array([high], VALUE), "low": pa.array([low], VALUE)})
    bars = engine.load(rows.append_column("fields", [["ohlcv"]]))

    [check] = audit(SUITE, frame_of(rows), [rule])

    assert row_passes(bars, rule).to_pyarrow().to_pylist() == [False]
    assert check.passed


def test_rows_without_any_of_the_key_are_equal_to_each_other_for_both(engine):
    [rule] = [one for one in MORE.rules if isinstance(one, UniqueTogether)]
    rows = pa.table({"symbol": [None, None, "AAPL"], "close": pa.array([None] * 3, VALUE)})

    [check] = audit(SUITE, frame_of(rows), [rule])

    assert check.observed == "2 of 3 rows break it"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"expect": BETWEEN, "column": "symbol", "min_value": 1}, "symbol has none"),
        ({"expect": BETWEEN, "column": "timestamp", "max_value": 1}, "timestamp has none"),
        ({"expect": PAIR, "column_A": "close", "column_B": "interval"}, "interval has none"),
        ({"expect": IN_SET, "column": "close", "value_set": [1, "1"]}, "'1' is not a value"),
        ({"expect": IN_SET, "column": "symbol", "value_set": [1]}, "1.0 is not a value"),
        ({"expect": IN_SET, "column": "timestamp", "value_set": ["x"]}, "has neither"),
    ],
)
def test_a_rule_of_another_kind_than_its_column_is_an_error_for_both(tmp_path, rule, words):
    path = tmp_path / "expectations" / "silver.yaml"
    path.parent.mkdir()
    written = {"table": "silver.bars", "rules": [{**rule, "on_fail": "quarantine"}]}
    path.write_text(yaml.safe_dump(written))

    with pytest.raises(ConfigError, match=words) as error:
        load_suite(tmp_path, "silver")

    assert "silver.yaml:2" in str(error.value)


VALUES = st.none() | st.decimals(-2, 13, places=2) | st.sampled_from([Decimal(9), Decimal(11)])
TYPED = pa.schema(
    [
        ("symbol", pa.string()),
        ("interval", pa.string()),
        ("timestamp", INSTANT),
        ("fields", pa.string()),
        ("prices", pa.string()),
        *((name, VALUE) for name in VALUE_COLUMNS),
    ]
)
BARS = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["AAPL", "MSFT", "GHOST", "", None]),
        "interval": st.just("1d"),
        "timestamp": st.sampled_from([datetime(2024, 1, 2, tzinfo=UTC), None]),
        "fields": st.just("ohlcv"),
        "prices": st.just("positive"),
        **dict.fromkeys(VALUE_COLUMNS, VALUES),
    }
)


# An example takes a tenth of a second: what fails is shown as it is, not made small.
@settings(max_examples=8, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(rows=st.lists(BARS, min_size=5, max_size=40))
def test_any_typed_rows_are_judged_alike(rows):
    engine = Engine(threads=1)
    bars = engine.load(pa.Table.from_pylist(rows, schema=TYPED))

    assert broken_by_row_rules(engine, bars) == broken_by_great_expectations(bars)


def test_every_kind_of_rule_about_rows_is_compared():
    assert {type(rule) for rule in SUITE.rules} >= {type(rule) for rule in SHIPPED.row_rules}
    assert any(isinstance(rule, NotNull) for rule in SUITE.rules)
