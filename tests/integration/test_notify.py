"""The command ``notify``, from the record of a run to the mail in a box."""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import run_pipeline
from sentinel_lib.records.stage import AssetLedger, RunRecord, StageOutcome, StageRecord
from sentinel_lib.storage.run_history import RunHistory
from tests.mailbox import PASSWORD, Mailbox, part

# apprise looks for a module that Python 3.13 has no more
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

AS_OF = datetime(2024, 1, 3, tzinfo=UTC)
PASSED = {"status": "passed", "freshness": "fresh", "promoted": 124, "quarantined": 0}
BLOCKED = {"status": "blocked", "freshness": "stale", "promoted": 0, "quarantined": 20}
REASON = "10.06% quarantined (18 of 179 rows), expected at most 5.00%"


@pytest.fixture
def mailbox(monkeypatch):
    server = Mailbox()
    server.start()
    monkeypatch.setenv("NOTIFY_URLS", server.address())
    yield server
    server.stop()


@pytest.fixture
def notify(tmp_path, capfd):
    """The command over the data folder of this test: exit code, standard output and error."""

    def ran(*arguments):
        code = run_pipeline.main(["notify", *arguments, "--data", str(tmp_path)])
        return (code, *capfd.readouterr())

    return ran


def keep(folder, number=1, **content):
    """Leave the record of a run; its id ends with ``number``."""
    record = RunRecord(
        **{
            "run_id": f"20240103T12000{number}Z-0000",
            "as_of": AS_OF,
            "started_at_utc": AS_OF,
            "finished_at_utc": AS_OF,
            "command": "python run_pipeline.py run",
            "report": f"/srv/reports/{number}/index.html",
            **content,
        }
    )
    RunHistory(folder).write_run(record)
    return record


def validated(symbol, reason, **outcome):
    ledger = AssetLedger(status="blocked", reason=reason)
    record = StageRecord(
        run_id="r", stage="validate", as_of=AS_OF, status="ok", assets={symbol: ledger}
    )
    return StageOutcome(name="validate", record=record, **outcome)


SUCCESS = {"status": "ok", "exit_code": 0, "assets": {"AAPL": PASSED}}
DEGRADED = {
    "status": "degraded",
    "exit_code": 8,
    "assets": {"AAPL": PASSED, "MSFT": BLOCKED},
    "stages": [validated("MSFT", REASON, status="degraded")],
}
FAILURE = {
    "status": "failed",
    "exit_code": 4,
    "assets": {"MSFT": BLOCKED},
    "stages": [
        validated(
            "MSFT", REASON, status="blocked", cell='In [4] under "Check"',
            error=f"nothing may be promoted. MSFT: {REASON}",
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (SUCCESS, ["ok: everything that was due was promoted", "AAPL: passed, fresh"]),
        (
            DEGRADED,
            ["degraded: some assets", "AAPL: passed, fresh", "MSFT: blocked, stale", REASON],
        ),
        (
            FAILURE,
            ["failed: a gate", "MSFT: blocked, stale", "stage validate blocked at In [4]",
             f"cause: nothing may be promoted. MSFT: {REASON}"],
        ),
    ],
    ids=["success", "degraded", "failure"],
)  # fmt: skip
def test_a_mail_gives_status_assets_cause_and_report_as_text_and_as_html(
    run, words, mailbox, notify, tmp_path
):
    record = keep(tmp_path, **run)

    code, out, _ = notify()

    assert code == 0, out
    [mail] = mailbox.mails
    assert words[0] in mail["Subject"]
    for kind in ("plain", "html"):
        text = part(mail, kind)
        for word in [*words, record.run_id, record.report, f"exit code: {record.exit_code}, "]:
            assert word in text, (kind, word)


def test_the_last_run_is_told_unless_another_is_named(mailbox, notify, tmp_path):
    keep(tmp_path, 1, **FAILURE)
    keep(tmp_path, 2, **SUCCESS)

    last, named = notify("--json"), notify("20240103T120001Z", "--json")

    assert json.loads(last[1])["run_id"] == "20240103T120002Z-0000"
    assert json.loads(named[1])["run_id"] == "20240103T120001Z-0000"
    assert ["ok" in mail["Subject"] for mail in mailbox.mails] == [True, False]


def test_json_names_the_run_the_subject_and_who_took_it(mailbox, notify, tmp_path):
    keep(tmp_path, **SUCCESS)

    _, out, _ = notify("--json")

    assert json.loads(out) == {
        "run_id": "20240103T120001Z-0000",
        "subject": "Dataflow Sentinel ok: everything that was due was promoted",
        "sent_to": [f"E-Mail at ops:****@127.0.0.1:{mailbox.port}"],
    }


def test_without_any_record_the_mail_says_that_no_run_was_recorded(mailbox, notify):
    code, _, _ = notify("--around", "the job was cancelled", "--link", "https://ci.example/1")

    [mail] = mailbox.mails
    assert code == 0
    assert "no run was recorded" in mail["Subject"]
    assert "the job was cancelled" in part(mail, "plain")
    assert "https://ci.example/1" in part(mail, "html")


def test_a_run_that_was_killed_before_its_record_is_named(mailbox, notify, tmp_path):
    keep(tmp_path, 1, **SUCCESS)
    RunHistory(tmp_path).write_stage(
        StageRecord(run_id="20240103T120002Z-0000", stage="ingest", as_of=AS_OF, status="ok")
    )

    notify()

    assert "run 20240103T120002Z-0000 left no record" in mailbox.mails[0]["Subject"]


def test_a_run_that_is_none_is_refused_before_anything_is_sent(mailbox, notify, tmp_path):
    keep(tmp_path, **SUCCESS)

    code, _, err = notify("2023")

    assert code == 2
    assert "'2023' is not a run" in err
    assert mailbox.mails == []


def test_nobody_to_notify_is_exit_code_3_and_names_the_variable(notify, monkeypatch):
    monkeypatch.setenv("NOTIFY_URLS", "")

    code, _, err = notify()

    assert code == 3
    assert "NOTIFY_URLS is not set" in err


@pytest.mark.parametrize(
    ("password", "port", "words"),
    [
        ("wr0ng-p4ss", None, "Authentication credentials invalid"),
        (PASSWORD, 1, "Connection refused"),  # nobody listens on port 1
    ],
)
def test_what_is_not_delivered_is_exit_code_1_without_the_password_anywhere(
    password, port, words, mailbox, notify, tmp_path, monkeypatch, caplog
):
    keep(tmp_path, **SUCCESS)
    caplog.set_level("DEBUG")
    monkeypatch.setenv("NOTIFY_URLS", mailbox.address(password, port))

    code, out, err = notify("--json")

    assert code == 1
    assert json.loads(out)["exit_code"] == 1
    assert words in err
    assert not any(password in text for text in (out, err, caplog.text))


def test_status_as_markdown_is_a_page_and_exits_as_the_run_did(tmp_path, capfd):
    keep(tmp_path, **FAILURE)

    code = run_pipeline.main(["status", "--markdown", "--data", str(tmp_path)])

    page = capfd.readouterr().out
    assert code == 4
    assert page.startswith("## Dataflow Sentinel failed")
    assert "| MSFT | blocked | stale |" in page


class Hook(BaseHTTPRequestHandler):
    """A web hook that keeps what it is sent."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("run", "kind"), [(SUCCESS, "success"), (DEGRADED, "warning"), (FAILURE, "failure")]
)
def test_service_is_told_of_what_kind_the_message_is(run, kind, notify, tmp_path, monkeypatch):
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.taken = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("NOTIFY_URLS", f"json://127.0.0.1:{server.server_port}")
        keep(tmp_path, **run)

        code, _, _ = notify()

        server.shutdown()
        thread.join()

    assert code == 0
    assert [taken["type"] for taken in server.taken] == [kind]
