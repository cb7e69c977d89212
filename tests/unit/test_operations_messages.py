from datetime import UTC, date, datetime
from decimal import Decimal

from sentinel_lib.command_line.results import of_difference, of_vacuum, of_verification
from sentinel_lib.operations.results import Difference, TableDifference, Tidied, Verification

ONE_MORE = Difference(
    {
        "gold.daily": TableDifference(
            added=7, samples={"added": [{"symbol": "AAPL", "session": date(2024, 1, 2)}]}
        ),
        "gold.aggregates": TableDifference(),
    },
    [
        ("AAPL", "latest_close", 1.5, 2.0),
        ("AAPL", "vwap_20d", None, 3.25),
        ("TINY", "latest_close", 0.00000839856, 0.0000084),
        ("TINY", "latest_volume", Decimal("100.000000000000000000"), Decimal("1E-18")),
    ],
)


def test_difference_names_tables_rows_and_metrics():
    assert of_difference(ONE_MORE).text.splitlines() == [
        "gold.daily: 7 added, 0 removed, 0 changed",
        "  added: AAPL, 2024-01-02",
        "  added: and 6 more",
        "AAPL latest_close: 1.500000 -> 2.000000",
        "AAPL vwap_20d: none -> 3.250000",
        "TINY latest_close: 0.000008398560000 -> 0.000008400000000",
        "TINY latest_volume: 100 -> 0.000000000000000001",
    ]


def test_rows_that_changed_are_shown_with_the_values_that_did():
    row = {"symbol": "TINY", "timestamp": datetime(2024, 3, 4, tzinfo=UTC)}
    row["close"] = (Decimal("0.00000823"), Decimal("0.000008230004560000"))
    one = TableDifference(changed=1, samples={"changed": [row]})

    said = of_difference(Difference({"silver.bars": one}, [])).text.splitlines()

    assert said[1] == "  changed: TINY, 2024-03-04, close 0.00000823 -> 0.00000823000456"


def test_difference_as_json_has_plain_values():
    shown = of_difference(ONE_MORE).content

    assert shown["tables"]["gold.daily"]["samples"] == {
        "added": [{"symbol": "AAPL", "session": "2024-01-02"}]
    }
    assert shown["metrics"][1] == {
        "symbol": "AAPL",
        "metric": "vwap_20d",
        "before": None,
        "after": 3.25,
    }
    assert shown["metrics"][3]["before"] == "100"


def test_no_difference_is_said_in_two_words():
    assert of_difference(Difference({"gold.daily": TableDifference()}, [])).text == "no difference"


def test_verification_says_what_differs_and_what_to_do():
    found = Verification("r1", rebuilt_runs=2, problems=["silver.bars differs"], notes=["changed"])

    assert of_verification(found).text.splitlines() == [
        "run r1: 2 runs rebuilt from the archive",
        "  note: changed",
        "  DIFFERS: silver.bars differs",
        "next: python run_pipeline.py verify --repair, or diff RUN RUN, or rollback RUN",
    ]


def test_tidying_says_what_went():
    assert of_vacuum(Tidied({"silver.bars": 3}, 1)).text.splitlines() == [
        "silver.bars: 3 files removed",
        "1 stray file removed",
    ]
    assert of_vacuum(Tidied({}, 0)).text == "nothing to remove"
