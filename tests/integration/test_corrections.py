"""Empty and partial batches, and what a later fetch changes of an earlier one."""

import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from sentinel_lib import read_table
from sentinel_lib.errors import ExitCode, GateBlocked
from sentinel_lib.pipeline.verdict import asset_outcomes, conditions
from sentinel_lib.records.stage import StageOutcome
from sentinel_lib.storage.tables import Lake

HEADER = "Date,Open,High,Low,Close,Volume\n"
GOOD = "10,12,9,11,100"
DATA_STAGES = ["ingest", "validate", "promote_silver"]


def january(*rows):
    """A file of daily bars from 1 January 2024 on."""
    return HEADER + "".join(f"2024-01-{day:02},{row}\n" for day, row in enumerate(rows, start=1))


def exit_codes(outcome):
    """What the pipeline makes of the records."""
    stages = [
        StageOutcome(name=name, status=record.status, record=record)
        for name, record in outcome.records.items()
    ]
    return conditions(stages, asset_outcomes(stages, []), "never")


def closes(project):
    rows = read_table("silver.bars", data=project.data).sort_values("timestamp")
    return rows["close"].tolist()


def quarantined(project):
    rows = Lake(project.data).read("quarantine.bars")
    return sorted(zip(rows["asset"].to_pylist(), rows["rule"].to_pylist(), strict=True))


NEGATIVE = "-1,12,-1,11,100"
FILES = {
    "GOOD": january(*[GOOD] * 19),
    "FEW": january(*[NEGATIVE] * 18, GOOD),
    "MANY": january(*[NEGATIVE] * 2, *[GOOD] * 18),
    "ENOUGH": january(NEGATIVE, *[GOOD] * 19),
    "NONE": january(NEGATIVE, NEGATIVE),
    "WARNED": january(*[GOOD] * 2, "10,12,9,11,1"),
    "STRICT": january(*[GOOD] * 2, "2000,2000,2000,2000,100"),
    "EARLY": f"{HEADER}2024-02-01,{GOOD}\n",
}
WARNING = {
    "expect": "expect_column_values_to_be_between",
    "column": "volume",
    "min_value": 50,
    "on_fail": "warn",
}
BLOCKING = {
    "expect": "expect_column_values_to_be_between",
    "column": "close",
    "max_value": 1000,
    "on_fail": "block",
}
LOOSER = {**BLOCKING, "max_value": 1_000_000, "on_fail": "warn"}


def with_rules(project, *rules):
    path = project.config / "expectations" / "silver.yaml"
    shipped = yaml.safe_load(path.read_text())["rules"]
    project.rules("silver", rules=[*shipped, *rules])


@pytest.fixture(scope="module")
def mixed(make_project):
    """One run over assets of every kind."""
    project = make_project()
    names = [*FILES, "SILENT"]
    terms = {"path": str(project.inbox), "gaps": "warn"}
    project.assets(dict.fromkeys(names, terms), source="files")
    with_rules(project, WARNING, BLOCKING, LOOSER)
    for name, content in FILES.items():
        (project.inbox / f"{name}.csv").write_text(content)
    outcome = project.run("2024-02-01T12:00:00Z", stages=DATA_STAGES)
    assert outcome.errors == {}
    return project, outcome


@pytest.mark.parametrize(
    ("symbol", "status", "promoted", "reason"),
    [
        ("GOOD", "passed", 19, ""),
        ("FEW", "passed", 1, ""),
        ("MANY", "blocked", 0, "max_quarantined_fraction: observed 10.00% quarantined (2 of 20"),
        ("ENOUGH", "passed", 19, ""),
        ("NONE", "blocked", 0, "min_rows: observed 0 good rows of 2"),
        ("WARNED", "passed", 3, ""),
        (
            "STRICT",
            "blocked",
            0,
            "expect_column_values_to_be_between(close): observed broken by 1 row",
        ),
        ("EARLY", "not_evaluated", 0, "no final bar delivered: not evaluated"),
        ("SILENT", "not_evaluated", 0, "no row delivered: not evaluated"),
    ],
)
def test_each_asset_has_its_own_verdict(mixed, symbol, status, promoted, reason):
    _, outcome = mixed

    ledger = outcome.ledger(symbol)

    assert (ledger.status, ledger.promoted) == (status, promoted)
    assert reason in ledger.reason


def test_a_run_that_held_some_assets_back_is_degraded(mixed):
    _, outcome = mixed

    assert {name: record.status for name, record in outcome.records.items()} == {
        "ingest": "degraded",
        "validate": "degraded",
        "promote_silver": "degraded",
    }
    assert exit_codes(outcome) == [ExitCode.DEGRADED]


def test_a_rule_that_warns_is_reported_of_its_asset_and_blocks_nothing(mixed):
    _, outcome = mixed

    name = "expect_column_values_to_be_between(volume)"
    found = {
        (check.symbol, check.blocks)
        for check in outcome.records["validate"].checks
        if check.name == name and not check.passed
    }

    assert found == {("WARNED", False), ("", False)}


def test_what_a_held_asset_had_to_promote_is_quarantined_with_it(mixed):
    project, _ = mixed

    rules = [rule for symbol, rule in quarantined(project) if symbol == "STRICT"]

    assert rules == ["held_back"] * 3
    assert set(read_table("silver.bars", data=project.data)["symbol"]) == {
        "GOOD",
        "FEW",
        "ENOUGH",
        "WARNED",
    }


def test_every_row_of_every_asset_is_accounted_for(mixed):
    _, outcome = mixed

    for record in outcome.records.values():
        assert {one.unexplained for one in record.assets.values()} == {0}
    assert {name: outcome.ledger(name).rows_in for name in FILES} == {
        name: content.count("\n") - 1 for name, content in FILES.items()
    }


def test_sessions_due_without_a_row_in_any_asset_block_the_run(project):
    project.assets({"EARLY": {"path": str(project.inbox)}}, source="files", start="2024-01-31")
    (project.inbox / "EARLY.csv").write_text(FILES["EARLY"])

    outcome = project.run("2024-02-01T12:00:00Z", stages=DATA_STAGES)

    assert isinstance(outcome.errors["validate"], GateBlocked)
    assert exit_codes(outcome)[0] is ExitCode.GATE_BLOCKED


@pytest.mark.thorough
def test_an_asset_whose_only_rows_are_not_final_is_not_due_and_judged_by_itself_later(project):
    project.assets({"EARLY": {"path": str(project.inbox)}}, source="files", start="2024-02-01")
    (project.inbox / "EARLY.csv").write_text(FILES["EARLY"])

    early = project.run("2024-02-01T12:00:00Z", stages=DATA_STAGES)
    (project.inbox / "EARLY.csv").write_text(FILES["EARLY"].replace("02-01", "02-03"))
    late = project.run("2024-02-02T00:00:00Z", stages=DATA_STAGES)

    assert early.ledger("EARLY").status == "not_due"
    assert exit_codes(early) == []
    assert (early.ledger("EARLY").quarantined, late.ledger("EARLY").promoted) == (1, 1)
    assert closes(project) == [11.0]
    assert quarantined(project) == [("EARLY", "not_final")]


def test_a_newer_fetch_wins_over_a_row_that_waited(project):
    project.assets({"EARLY": {"path": str(project.inbox)}}, source="files", start="2024-02-01")
    (project.inbox / "EARLY.csv").write_text(FILES["EARLY"])

    project.run("2024-02-01T12:00:00Z", stages=DATA_STAGES)
    (project.inbox / "EARLY.csv").write_text(FILES["EARLY"].replace(",11,", ",11.5,"))
    late = project.run("2024-02-02T00:00:00Z", stages=DATA_STAGES)

    ledger = late.ledger("EARLY")
    assert (ledger.rows_in, ledger.promoted, ledger.deduplicated) == (2, 1, 1)
    assert closes(project) == [11.5]
    assert quarantined(project) == []


def test_rows_equal_to_what_silver_holds_change_nothing_however_they_are_written(project):
    project.assets({"GOOD": {"path": str(project.inbox)}}, source="files")
    (project.inbox / "GOOD.csv").write_text(january(GOOD, GOOD))
    project.run("2024-01-03T00:00:00Z", stages=DATA_STAGES)
    before = Lake(project.data).read("silver.bars")

    (project.inbox / "GOOD.csv").write_text(january("10.0,12.00,9,1.1e1,100", f" {GOOD} "))
    again = project.run("2024-01-03T12:00:00Z", stages=DATA_STAGES)

    ledger = again.ledger("GOOD")
    assert (ledger.rows_in, ledger.promoted, ledger.deduplicated) == (2, 0, 2)
    assert Lake(project.data).read("silver.bars").equals(before)


class Exchange(ThreadingHTTPServer):
    """Answers as Kraken does, with ``rows`` per pair; a pair without rows is unavailable."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rows = {}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        pair = parse_qs(urlsplit(self.path).query)["pair"][0]
        rows = self.server.rows.get(pair)
        last = rows[-2][0] if rows else 0
        body = json.dumps({"error": [], "result": {pair: rows, "last": last}}).encode()
        self.send_response(200 if rows else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def exchange(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Exchange()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def live(project, exchange):
    """Two assets of an exchange on loopback."""
    url = f"http://127.0.0.1:{exchange.server_port}"
    terms = {"source": "kraken", "base_url": url, "attempts": 1, "pause_seconds": 0}
    project.assets({"AAA": terms, "BBB": terms}, start="2024-01-01")
    return project


def bars(*closing):
    """Rows of an answer: daily bars from 1 January 2024 on, the last of which is not final."""
    first = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    return [
        [first + day * 86_400, "10", "99", "9", close, "10.4", "3.5", 7]
        for day, close in enumerate(closing)
    ]


def closes_of(project, symbol):
    rows = read_table("silver.bars", data=project.data).sort_values("timestamp")
    return rows[rows["symbol"] == symbol]["close"].tolist()


@pytest.mark.thorough
def test_a_correction_of_an_api_and_its_withdrawal_end_where_they_began(live, exchange):
    exchange.rows["BBB"] = bars("20", "20")
    found = []

    for day, first_close in enumerate(["11", "12", "11"], start=2):
        exchange.rows["AAA"] = bars(first_close, *["30"] * (day - 1))
        exchange.rows["BBB"] = bars(*["20"] * day)
        outcome = live.run(f"2024-01-{day:02}T01:00:00Z", stages=DATA_STAGES)
        assert outcome.errors == {}
        found.append(closes_of(live, "AAA"))

    assert found == [[11.0], [12.0, 30.0], [11.0, 30.0, 30.0]]


@pytest.mark.thorough
def test_a_provisional_bar_is_judged_again_only_by_a_new_fetch(live, exchange):
    exchange.rows |= {"AAA": bars("11", "12"), "BBB": bars("20", "20")}
    live.run("2024-01-02T12:00:00Z", stages=DATA_STAGES)

    exchange.rows |= {"AAA": None, "BBB": bars("20", "20", "20")}
    without = live.run("2024-01-03T01:00:00Z", stages=DATA_STAGES)
    closes_without = closes_of(live, "AAA")
    exchange.rows |= {"AAA": bars("11", "12.5", "13"), "BBB": bars("20", "20", "20")}
    fetched = live.run("2024-01-03T02:00:00Z", stages=DATA_STAGES)

    assert without.ledger("AAA").status == "unreachable"
    assert without.ledger("AAA").rows_in == 0
    assert exit_codes(without) == [ExitCode.DEGRADED]
    assert closes_without == [11.0]
    assert fetched.ledger("AAA").promoted == 1
    assert closes_of(live, "AAA") == [11.0, 12.5]
