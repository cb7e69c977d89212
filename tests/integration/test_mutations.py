"""The gate is no formality: with any one row filter switched off, the suite finds what it let by.

The file has one row for each rule, and good ones beside them. A mutation is an edit of the cells
of ``20_validate``, as an analyst could make it.
"""

import pytest

from sentinel_lib.errors import GateBlocked
from sentinel_lib.records.bar import DECLARED_COLUMNS
from sentinel_lib.rules.suites import load_suite
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

AS_OF = "2024-03-01T00:00:00Z"
RUN = "run-001"
RULES = load_suite(PROJECT_ROOT / "config", "silver").rules

SOUND = {"open": "10", "high": "12", "low": "9", "close": "11", "volume": "100"}


def not_null(column):
    return f"expect_column_values_to_not_be_null({column})"


def between(column):
    return f"expect_column_values_to_be_between({column})"


def pair(left, right):
    return f"expect_column_pair_values_a_to_be_greater_than_b({left}, {right})"


UNIQUE = "expect_compound_columns_to_be_unique(symbol, interval, timestamp)"

# Four rules follow from others in a whole row (an open below 0 is below the low, or the low is
# below 0 too): no row breaks them alone, and so the mutation switches off the others as well.
ROWS = {
    not_null("open"): ({"open": ""}, []),
    not_null("high"): ({"high": ""}, []),
    not_null("low"): ({"low": ""}, []),
    not_null("close"): ({"close": ""}, []),
    not_null("volume"): ({"volume": ""}, []),
    between("open"): ({"open": "-1"}, [pair("open", "low")]),
    between("high"): (
        {"high": "-1"},
        [pair("high", "low"), pair("high", "open"), pair("high", "close")],
    ),
    between("low"): ({"low": "0"}, []),
    between("close"): ({"close": "0"}, [pair("close", "low")]),
    between("volume"): ({"volume": "-1"}, []),
    pair("high", "low"): ({"low": "13"}, [pair("open", "low"), pair("close", "low")]),
    pair("high", "open"): ({"open": "12.00000001"}, []),
    pair("high", "close"): ({"close": "13"}, []),
    pair("open", "low"): ({"open": "8"}, []),
    pair("close", "low"): ({"close": "8.99999999"}, []),
}

CHOOSE = 'rule for rule in stage.suite.row_rules if rule.on_fail == "quarantine"'
JUDGE = "validate.judged_rows(typed, sessions, rules, stage.as_of)"
RESOLVE = "validate.resolved_rows(judged, silver)"
NOTE = "stage.engine.noted(typed, outcomes, **validate.USUAL)"
HOLD = "validate.held_back(resolved, verdicts)"
ACCOUNT = "validate.accounted(rows_in, outcome, candidate, quarantined, verdicts, unchanged)"


def without_rules(*names):
    """The rule filter without these."""
    return (CHOOSE, f"{CHOOSE} and rule.name not in {names!r}")


def forgiving(*verdicts):
    """Rows with one of these verdicts pass."""
    forgiven = "".join(f".nullif({verdict!r})" for verdict in verdicts)
    return (JUDGE, f"{JUDGE}.mutate(rule=lambda rows: rows.rule{forgiven})")


def promoting(column, value):
    """Rows with this outcome, or of this rule, are promoted."""
    chosen = f'(rows.{column} == "{value}").ifelse("promoted", rows.outcome)'
    return (RESOLVE, f"{RESOLVE}.mutate(outcome=lambda rows: {chosen})")


WITHOUT_THE_MODEL = forgiving("bar.close", "bar.volume", "bar.high", "bar.low")
"""The rules of the ``Bar`` model see much of what the file's rules see: they would mask it."""

HOLDING_NOBODY = (HOLD, "resolved")
"""An asset with a row that breaks a blocking rule is held back before the suite would see it."""

SYMBOL = 'symbol=lambda rows: rows.symbol.{}("AAPL")'
WITHOUT_SYMBOL = [
    (NOTE, f"{NOTE}.mutate({SYMBOL.format('nullif')})"),
    # The ledger would miss these rows before the gate does, so it is told that nothing is amiss.
    (ACCOUNT, ACCOUNT.replace("candidate", f"candidate.mutate({SYMBOL.format('fill_null')})")),
]

# What is found out about a row without any rule of the file, where the suite can see it too.
# That a bar is not final, or its date no session, it cannot see.
STRUCTURE = {
    "duplicate": ([promoting("outcome", "deduplicated")], {UNIQUE}),
    "contradiction": ([promoting("rule", "conflicting_key")], {UNIQUE}),
    "unreadable date": (
        [forgiving("timestamp.unreadable"), HOLDING_NOBODY],
        {not_null("timestamp")},
    ),
    "unreadable number": ([forgiving("volume.unreadable")], {not_null("volume")}),
    "row cut short": ([forgiving("row.malformed")], {not_null("close"), not_null("volume")}),
    "holiday without a bar": (
        [forgiving("no_bar")],
        {not_null(column) for column in DECLARED_COLUMNS["ohlcv"]},
    ),
    "lost symbol": ([*WITHOUT_SYMBOL, HOLDING_NOBODY], {not_null("symbol")}),
}


def line_of(day, cells):
    return ",".join(["AAPL", day, *({**SOUND, **cells}).values()])


@pytest.fixture(scope="module")
def ingested(make_project):
    """A project whose batch is fetched and not judged yet, with no limit on what is refused."""
    project = make_project()
    project.assets({"AAPL": {"calendar": "XNYS", "gaps": "warn"}}, source="files")
    project.rules("silver", limits={"min_rows": 1})
    days = [f"2024-01-{day:02}" for day in (*range(2, 6), *range(8, 13), *range(16, 20), 22, 23)]
    lines = ["Symbol,Date,Open,High,Low,Close,Volume"]
    lines += [line_of(day, cells) for day, (cells, _) in zip(days, ROWS.values(), strict=True)]
    lines += [line_of(f"2024-02-{day:02}", {}) for day in (1, 2, 5, 6, 7)]
    lines += [line_of("2024-02-07", {"close": "11.000"})]
    lines += [line_of("2024-02-08", {}), line_of("2024-02-08", {"close": "10"})]
    lines += [line_of("2024-02-30", {}), line_of("2024-02-09", {"volume": "lots"})]
    lines += ["AAPL,2024-02-12,10,12,9", "AAPL,2024-02-10,,,,,"]
    (project.inbox / "bars.csv").write_text("\n".join(lines) + "\n")
    outcome = project.run(AS_OF, input_path=str(project.inbox), stages=["ingest"])
    assert outcome.errors == {}
    return project


def judged(project, edits):
    """What stops the gate, and the expectations that it says are broken."""
    outcome = project.run(AS_OF, edits=edits, stages=["validate"], run_id=RUN)
    record = RunHistory(project.data).read_stage(RUN, "validate")
    failed = {check.name for check in record.checks if not check.passed and not check.symbol}
    return outcome.errors.get("validate"), failed


def test_every_rule_that_quarantines_has_its_mutation():
    assert set(ROWS) == {rule.name for rule in RULES if rule.on_fail == "quarantine"}


def test_every_other_expectation_has_its_mutation_too():
    found = {name for _, names in STRUCTURE.values() for name in names}

    assert {rule.name for rule in RULES if rule.on_fail == "block"} <= found


def test_without_a_mutation_the_filters_refuse_each_row_and_the_gate_agrees(ingested, tmp_path):
    project = ingested.copied_to(tmp_path)

    error, failed = judged(project, [])

    assert (error, failed) == (None, set())
    rows = Lake(project.data).read("quarantine.bars").sort_by("line")
    refused = dict(zip(rows["line"].to_pylist(), rows["rule"].to_pylist(), strict=True))
    for line, (name, (_, others)) in enumerate(ROWS.items(), start=2):
        assert refused[line] in {name, *others}
    assert [refused[line] for line in sorted(refused)[len(ROWS) :]] == [
        "conflicting_key",
        "conflicting_key",
        "timestamp.unreadable",
        "volume.unreadable",
        "row.malformed",
        "no_bar",
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("name", ROWS)
def test_the_suite_finds_what_a_rule_that_is_switched_off_lets_by(ingested, name):
    _, others = ROWS[name]

    error, failed = judged(ingested, [without_rules(name, *others), WITHOUT_THE_MODEL])

    assert isinstance(error, GateBlocked)
    assert name in str(error)
    assert failed == {name, *others}


@pytest.mark.thorough
@pytest.mark.parametrize("defect", STRUCTURE)
def test_the_suite_finds_what_a_check_of_structure_that_is_switched_off_lets_by(ingested, defect):
    edits, names = STRUCTURE[defect]

    error, failed = judged(ingested, edits)

    assert isinstance(error, GateBlocked)
    assert failed == names


def test_the_model_of_a_bar_alone_refuses_what_the_rules_of_its_shape_let_by(ingested, tmp_path):
    shape = [name for name in ROWS if name.startswith("expect_column_pair")]

    project = ingested.copied_to(tmp_path)
    error, failed = judged(project, [without_rules(*shape)])

    assert (error, failed) == (None, set())
    rules = Lake(project.data).read("quarantine.bars")["rule"].to_pylist()
    assert {"bar.high", "bar.low"} <= set(rules)


def test_a_candidate_that_the_gate_refused_is_not_promoted(ingested):
    judged(ingested, [without_rules(not_null("close")), WITHOUT_THE_MODEL])

    outcome = ingested.run(AS_OF, stages=["promote_silver"], run_id=RUN)

    assert isinstance(outcome.errors["promote_silver"], GateBlocked)
    assert not Lake(ingested.data).exists("silver.bars")
