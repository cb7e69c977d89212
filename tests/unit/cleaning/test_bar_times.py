"""Which session a daily bar belongs to, whatever its source makes of a date."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinel_lib.cleaning.bar_times import date_labels
from sentinel_lib.cleaning.typed_bars import typed_bars
from sentinel_lib.records.bar import Bar, timestamp_of

FORMATS = ["iso", "epoch_s", "epoch_ms", "%m/%d/%Y", "%Y-%m-%d %H:%M %z", "%Y-%m-%dT%H:%M:%SZ"]
ZONES = {
    "24/7": "UTC",
    "XNYS": "America/New_York",
    "XLON": "Europe/London",
    "XTKS": "Asia/Tokyo",
    "XASX": "Australia/Sydney",
}


@pytest.fixture(scope="session")
def dated(engine, compiled, arrow_rows):
    """The timestamps that rows get; ``times`` are the rows of the payloads, if they are others."""
    batch, whole = engine.load(arrow_rows({})), engine.load(arrow_rows({}))
    typed = typed_bars(batch, FORMATS, date_labels(whole, tuple(FORMATS)))
    typed = typed.order_by("line").select("timestamp", "session")
    run = compiled(typed, batch, whole)

    def read(*rows, times=None):
        return run(arrow_rows(*rows), arrow_rows(*(times or rows)))

    return read


def rows_of(calendar, *times, **terms):
    zone = ZONES[calendar]
    return [
        {"calendar": calendar, "calendar_timezone": zone, "timestamp": text, **terms}
        for text in times
    ]


def sessions_of(found):
    return [str(row["session"]) for row in found]


@pytest.mark.parametrize(
    ("calendar", "times", "expected"),
    [
        ("XTKS", ["2026-01-05T15:00:00Z"], ["2026-01-06"]),
        ("XTKS", ["2026-01-04T15:00:00Z", "2026-01-05T15:00:00Z"], ["2026-01-05", "2026-01-06"]),
        ("XTKS", ["2026-01-05T06:00:00+00:00"], ["2026-01-05"]),
        ("XNYS", ["2026-01-05T00:00:00Z"], ["2026-01-05"]),
        ("XNYS", ["2026-01-05T00:00:00Z", "2026-01-06T00:00Z"], ["2026-01-05", "2026-01-06"]),
        (
            "XNYS",
            ["2026-03-05T05:00:00Z", "2026-03-06T05:00:00Z", "2026-03-09T04:00:00Z"],
            ["2026-03-05", "2026-03-06", "2026-03-09"],
        ),
        (
            "XLON",
            ["2026-03-26T00:00:00Z", "2026-03-27T00:00:00Z", "2026-03-29T23:00:00Z"],
            ["2026-03-26", "2026-03-27", "2026-03-30"],
        ),
        (
            "XLON",
            ["2026-03-27T00:00Z", "2026-03-29T23:00Z", "2026-03-30T23:00Z"],
            ["2026-03-27", "2026-03-30", "2026-03-31"],
        ),
        (
            "XLON",
            ["2026-03-27T00:00+00:00", "2026-03-30T00:00+01:00"],
            ["2026-03-27", "2026-03-30"],
        ),
        ("XASX", ["2026-06-08T14:00Z", "2026-06-09T14:00Z"], ["2026-06-09", "2026-06-10"]),
        ("24/7", ["2026-06-08T00:00Z", "2026-06-09T17:21Z"], ["2026-06-08", "2026-06-09"]),
    ],
)
def test_daily_instant_belongs_to_the_session_of_its_exchange(dated, calendar, times, expected):
    found = dated(*rows_of(calendar, *times))

    assert sessions_of(found) == expected
    assert [row["timestamp"].isoformat() for row in found] == [
        f"{day}T00:00:00+00:00" for day in expected
    ]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2026-01-05", "2026-01-06T15:00:00"], ["2026-01-05", "2026-01-06"]),
        (["2026-01-06T00:00:00+09:00", "2026-01-07T15:00+02:00"], ["2026-01-06", "2026-01-07"]),
    ],
)
def test_time_without_an_offset_or_with_another_than_zero_is_the_date_it_writes(
    dated, times, expected
):
    assert sessions_of(dated(*rows_of("XTKS", *times))) == expected


def test_newest_of_a_payload_of_labels_may_be_a_live_bar(dated):
    """Stamped with the moment of the answer: at 01:30 UTC it is still the evening in New York."""
    live = rows_of("XNYS", "2026-01-05T00:00Z", "2026-01-06T00:00Z", "2026-01-08T01:30Z")

    assert sessions_of(dated(*live)) == ["2026-01-05", "2026-01-06", "2026-01-07"]


def test_one_instant_that_is_not_the_newest_makes_all_of_them_instants(dated):
    mixed = rows_of("XNYS", "2026-01-05T01:30Z", "2026-01-06T00:00Z", "2026-01-07T00:00Z")

    assert sessions_of(dated(*mixed)) == ["2026-01-04", "2026-01-05", "2026-01-06"]


@pytest.mark.parametrize(
    ("date_format", "text"),
    [
        ("epoch_s", "1767625200"),
        ("epoch_ms", "1767625200000"),
        ("%Y-%m-%dT%H:%M:%SZ", "2026-01-05T15:00:00Z"),
        ("%Y-%m-%d %H:%M %z", "2026-01-05 15:00 +0000"),
    ],
)
def test_an_instant_is_one_in_whatever_format_it_is_written(dated, date_format, text):
    rows = rows_of("XTKS", text, date_format=date_format, timezone="America/New_York")

    assert sessions_of(dated(*rows)) == ["2026-01-06"]


def test_each_asset_of_a_payload_is_judged_by_its_own_times(dated):
    """Live bars of many assets have as many newest times, and one exchange is not another."""
    rows = [
        *rows_of("24/7", "2026-01-04T00:00Z", "2026-01-05T17:21:40Z", asset="BTC-USD"),
        *rows_of("XNYS", "2026-01-02T00:00Z", "2026-01-05T17:21:44Z", asset="AAPL"),
        *rows_of("XTKS", "2026-01-04T15:00Z", "2026-01-05T15:00Z", asset="7203"),
    ]

    assert sessions_of(dated(*rows)) == [
        *("2026-01-04", "2026-01-05"),
        *("2026-01-02", "2026-01-05"),
        *("2026-01-05", "2026-01-06"),
    ]


def test_row_that_waited_gets_the_session_it_had_with_its_whole_payload(dated):
    whole = rows_of("XNYS", "2026-01-05T05:00Z", "2026-01-06T00:00Z", "2026-01-07T05:00Z")

    together, alone = dated(*whole), dated(whole[1], times=whole)

    assert alone == [together[1]]
    assert sessions_of(alone) == ["2026-01-05"]
    assert sessions_of(dated(whole[1])) == ["2026-01-06"]


def test_unreadable_time_says_nothing_about_the_others(dated):
    found = dated(*rows_of("XNYS", "soon", "2026-01-06T00:00Z", "2026-01-07T00:00Z"))

    assert sessions_of(found) == ["None", "2026-01-06", "2026-01-07"]


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)
MIDNIGHTS = st.dates(date(2024, 1, 1), date(2026, 12, 31)).map(
    lambda day: datetime(day.year, day.month, day.day)
)
WRITERS = {
    "iso": lambda moment: f"{moment.isoformat()}Z",
    "iso without offset": lambda moment: moment.isoformat(),
    "iso elsewhere": lambda moment: f"{moment.isoformat()}-05:00",
    "epoch_s": lambda moment: str(int(moment.replace(tzinfo=UTC).timestamp())),
    "epoch_ms": lambda moment: str(int(moment.replace(tzinfo=UTC).timestamp()) * 1000),
    "%Y-%m-%d %H:%M %z": lambda moment: f"{moment:%Y-%m-%d %H:%M} +0000",
    "%Y-%m-%dT%H:%M:%SZ": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z",
}
PAYLOADS = st.tuples(
    st.sampled_from(sorted(ZONES)),
    st.sampled_from(sorted(WRITERS)),
    st.sampled_from(["1d", "1d", "1d", "1h"]),
    st.lists(MIDNIGHTS, max_size=3),
    st.lists(st.one_of(MIDNIGHTS, MOMENTS), min_size=1, max_size=2),
)


def as_the_model_reads_them(rows):
    """The rule once more, in plain Python, for the rows of one payload."""
    read = [timestamp_of(row["timestamp"], row["date_format"], row["timezone"]) for row in rows]
    instants = [instant for written, instant in read if written.utcoffset() == timedelta(0)]
    older = [one for one in instants if one != max(instants)] or instants
    are_labels = all(one == one.replace(hour=0, minute=0) for one in older)
    found = []
    for row, (_, instant) in zip(rows, read, strict=True):
        is_label = are_labels and instant == instant.replace(hour=0, minute=0)
        context = {name: row[name] for name in ("date_format", "timezone", "calendar_timezone")}
        bar = {"symbol": "X", "interval": row["interval"], "timestamp": row["timestamp"]}
        model = Bar.model_validate({**bar, "close": "1"}, context={**context, "is_label": is_label})
        found.append(model.timestamp)
    return found


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(payloads=st.lists(PAYLOADS, min_size=12, max_size=40))
def test_the_vectorised_time_is_that_of_the_pydantic_model(dated, payloads):
    written = []
    for number, (calendar, writer, interval, midnights, others) in enumerate(payloads):
        terms = {"interval": interval, "payload": f"p{number}", "timezone": "Europe/London"}
        terms["date_format"] = writer.partition(" ")[0] if writer.startswith("iso") else writer
        texts = [WRITERS[writer](moment) for moment in (*midnights, *others)]
        written.append(rows_of(calendar, *texts, **terms))

    found = dated(*(row for rows in written for row in rows))

    assert [row["timestamp"] for row in found] == [
        moment for rows in written for moment in as_the_model_reads_them(rows)
    ]


def test_silver_as_it_is_exported_comes_back_as_the_same_sessions(dated):
    exported = ["2026-03-05 00:00:00+00:00", "2026-03-06 00:00:00+00:00", "2026-03-09T00:00:00Z"]

    for calendar in ZONES:
        found = dated(*rows_of(calendar, *exported))

        assert sessions_of(found) == ["2026-03-05", "2026-03-06", "2026-03-09"]
