"""An asset that is held for its refused rows is told which rule, which value, and which key."""

from datetime import date, timedelta

from sentinel_lib.errors import GateBlocked

AS_OF = "2024-06-15T00:00:00Z"
OHLCV = "timestamp,open,high,low,close,volume\n"
DAYS = [date(2024, 5, 1) + timedelta(days=offset) for offset in range(40)]
WEEKDAYS = [day for day in DAYS if day.weekday() < 5]


def reason(project, text, **terms):
    """What is said of an asset whose file holds ``text``, beside a good one."""
    (project.inbox / "BAD.csv").write_text(text)
    (project.inbox / "GOOD.csv").write_text(OHLCV + rows())
    own = {name: {"path": str(project.inbox / f"{name}.csv")} for name in ("BAD", "GOOD")}
    own["BAD"] |= terms
    project.assets(own, source="files", calendar="weekdays", start="2024-05-01")
    outcome = project.run(AS_OF, stages=["ingest", "validate"])
    assert outcome.errors == {}
    assert outcome.ledger("BAD").status == "blocked"
    return outcome.ledger("BAD").reason


def rows(pattern="%Y-%m-%d", values="10,12,9,11,100", days=WEEKDAYS):
    return "".join(f"{day:{pattern}},{values}\n" for day in days)


def test_an_asset_is_told_the_rule_that_refused_its_rows_and_the_key_that_reads_them(project):
    said = reason(project, OHLCV + rows("%m/%d/%Y"), date_format="iso")

    assert said == (
        "min_rows: observed 0 good rows of 28, expected at least 1; "
        f"28 rows quarantined like {project.inbox}/BAD.csv line 2: timestamp: '05/01/2024' is not "
        "an ISO 8601 date or time, such as 2024-01-31 or 2024-01-31T14:30:00Z "
        '[timestamp.unreadable]: set date_format: "%m/%d/%Y"'
    )


def test_too_large_a_part_is_explained_by_the_rule_that_refused_most_of_it(project):
    bad = rows(values="10,8,9,11,100", days=WEEKDAYS[:3]) + rows(
        values="x,12,9,11,1", days=WEEKDAYS[3:5]
    )

    said = reason(project, OHLCV + bad + rows(days=WEEKDAYS[5:]))

    assert said.startswith("max_quarantined_fraction: observed 17.86% quarantined (5 of 28 rows)")
    assert "3 rows quarantined like" in said
    assert "line 2: high 8 is below" in said


def test_the_gate_says_it_where_every_asset_is_held(project):
    (project.inbox / "BAD.csv").write_text(OHLCV + rows("%m/%d/%Y"))
    terms = {"path": str(project.inbox / "BAD.csv"), "date_format": "iso"}
    project.assets({"BAD": terms}, source="files")

    outcome = project.run(AS_OF)

    assert isinstance(outcome.errors["validate"], GateBlocked)
    assert 'date_format: "%m/%d/%Y"' in str(outcome.errors["validate"])
