"""The kraken source against a server on loopback that speaks as Kraken does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from sentinel_lib.ingestion import batch, http
from sentinel_lib.ingestion.batch import fetch_again
from sentinel_lib.records.payload import Window
from sentinel_lib.settings.assets import Asset

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 4, 12, tzinfo=UTC)
DAY_SECONDS = 86_400

Reply = tuple[int, bytes, dict[str, str]]


def bars(count: int = 4, start: datetime = START) -> Reply:
    first = int(start.timestamp())
    rows = [
        [first + at * DAY_SECONDS, "10.5", "11.0", "10.0", f"{10 + at}.25", "10.4", "3.5", 7]
        for at in range(count)
    ]
    last = first + (count - 2) * DAY_SECONDS
    return 200, json.dumps({"error": [], "result": {"PAIR": rows, "last": last}}).encode(), {}


def error(text: str) -> Reply:
    return 200, json.dumps({"error": [text]}).encode(), {}


UNKNOWN = error("EQuery:Unknown asset pair")
THROTTLED = error("EGeneral:Too many requests")
UNAVAILABLE: Reply = (503, b"", {})
PAGE: Reply = (200, b"<html>Checking your browser</html>", {})


class Kraken(ThreadingHTTPServer):
    """Gives each pair its replies in turn, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, list[Reply]] = {}
        self.delay_seconds = 0.0
        self.asked: list[dict[str, str]] = []
        self.asked_at: list[float] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Kraken

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        self.server.asked.append({"path": address.path, **query})
        self.server.asked_at.append(time.monotonic())
        time.sleep(self.server.delay_seconds)
        replies = self.server.replies[query["pair"]]
        status, body, headers = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def kraken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kraken]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Kraken()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def asset(server: Kraken, pair: str, **options: object) -> Asset:
    settings = {"base_url": server.url, "attempts": 3, "pause_seconds": 0, **options}
    return Asset.model_validate(
        {"symbol": f"{pair}-A", "source": "kraken", "source_symbol": pair, "options": settings}
    )


def fetch(server: Kraken, *pairs: str, start: datetime = START, **options: object) -> batch.Fetched:
    assets = {f"{pair}-A": asset(server, pair, **options) for pair in pairs}
    return batch.fetch(assets, [Window(symbol, start, END) for symbol in assets])


def test_bars_arrive_with_their_exact_bytes_and_the_last_one_provisional(kraken: Kraken) -> None:
    kraken.replies = {"XBTUSD": [bars()]}

    fetched = fetch(kraken, "XBTUSD")
    parsed = batch.parse(fetched)

    since = int(START.timestamp()) - 1
    payload = fetched.payloads[0][0]
    assert kraken.asked == [
        {"path": "/0/public/OHLC", "pair": "XBTUSD", "interval": "1440", "since": str(since)}
    ]
    assert payload.content == bars()[1]
    assert payload.locator == f"/0/public/OHLC?pair=XBTUSD&interval=1440&since={since}"
    assert parsed.bars.column("symbol").to_pylist() == ["XBTUSD-A"] * 4
    assert parsed.bars.column("close").to_pylist() == ["10.25", "11.25", "12.25", "13.25"]
    assert parsed.bars.column("is_provisional").to_pylist() == [False, False, False, True]
    assert parsed.log[0].date_format == "epoch_s"


def test_an_answer_that_is_lost_is_asked_for_by_the_same_query(kraken: Kraken) -> None:
    kraken.replies = {"XBTUSD": [bars()]}
    payload = fetch(kraken, "XBTUSD").payloads[0][0]

    content = fetch_again("kraken", payload.locator, asset(kraken, "XBTUSD"), END)

    assert content == payload.content
    assert kraken.asked[0] == kraken.asked[1]


def test_an_unknown_pair_fails_at_once_and_says_what_to_set(kraken: Kraken) -> None:
    kraken.replies = {"NOPE": [UNKNOWN]}

    fetched = fetch(kraken, "NOPE")

    assert len(kraken.asked) == 1
    assert fetched.failures[0].symbol == "NOPE-A"
    assert "Unknown asset pair" in fetched.failures[0].reason
    assert "source_symbol" in fetched.failures[0].reason


@pytest.mark.parametrize("trouble", [THROTTLED, UNAVAILABLE, (429, b"", {})])
def test_a_passing_trouble_is_waited_out(kraken: Kraken, trouble: Reply) -> None:
    kraken.replies = {"XBTUSD": [trouble, trouble, bars()]}

    fetched = fetch(kraken, "XBTUSD")

    assert len(kraken.asked) == 3
    assert (len(fetched.payloads), fetched.failures) == (1, [])


@pytest.mark.parametrize(
    ("trouble", "message"),
    [(THROTTLED, "Too many requests"), (UNAVAILABLE, "HTTP 503 Service Unavailable")],
)
def test_a_trouble_that_stays_is_a_failure_after_the_last_attempt(
    kraken: Kraken, trouble: Reply, message: str
) -> None:
    kraken.replies = {"XBTUSD": [trouble]}

    fetched = fetch(kraken, "XBTUSD")

    assert len(kraken.asked) == 3
    assert message in fetched.failures[0].reason


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (PAGE, "not JSON"),
        ((404, b"", {}), "HTTP 404 Not Found"),
        ((301, b"", {"Location": "http://127.0.0.1:1/"}), "HTTP 301"),
        ((429, b"", {"Retry-After": "3600"}), "Retry-After: 3600"),
    ],
)
def test_what_asking_again_cannot_cure_is_asked_once(
    kraken: Kraken, reply: Reply, message: str
) -> None:
    kraken.replies = {"XBTUSD": [reply]}

    fetched = fetch(kraken, "XBTUSD")

    assert len(kraken.asked) == 1
    assert message in fetched.failures[0].reason


def test_the_wait_that_the_server_asks_for_is_kept(kraken: Kraken) -> None:
    kraken.replies = {"XBTUSD": [(429, b"", {"Retry-After": "1"}), bars()]}

    fetched = fetch(kraken, "XBTUSD")

    assert len(fetched.payloads) == 1
    assert kraken.asked_at[1] - kraken.asked_at[0] >= 1.0


def test_a_slow_server_is_a_timeout(kraken: Kraken) -> None:
    kraken.replies = {"XBTUSD": [bars()]}
    kraken.delay_seconds = 0.5

    fetched = fetch(kraken, "XBTUSD", timeout_seconds=0.1, attempts=2)

    assert len(kraken.asked) == 2
    assert "could not be reached: timed out" in fetched.failures[0].reason


def test_an_answer_that_is_too_large_is_a_failure(
    kraken: Kraken, monkeypatch: pytest.MonkeyPatch
) -> None:
    kraken.replies = {"XBTUSD": [bars()]}
    monkeypatch.setattr(http, "LARGEST_ANSWER_BYTES", 100)

    fetched = fetch(kraken, "XBTUSD")

    assert len(kraken.asked) == 1
    assert "kraken answered with more than" in fetched.failures[0].reason


def test_a_server_that_is_gone_is_a_failure(kraken: Kraken) -> None:
    fetched = fetch(kraken, "XBTUSD", base_url="http://127.0.0.1:1", attempts=2)

    assert "could not be reached" in fetched.failures[0].reason
    assert "base_url" in fetched.failures[0].reason


def test_one_asset_that_fails_does_not_stop_another(kraken: Kraken) -> None:
    kraken.replies = {"NOPE": [UNKNOWN], "XBTUSD": [bars()]}

    fetched = fetch(kraken, "NOPE", "XBTUSD")

    assert [failure.symbol for failure in fetched.failures] == ["NOPE-A"]
    assert [payload.symbol for payload, _ in fetched.payloads] == ["XBTUSD-A"]


def test_requests_are_spaced(kraken: Kraken) -> None:
    kraken.replies = {"A": [bars()], "B": [bars()]}

    fetch(kraken, "A", "B", pause_seconds=0.2)

    assert kraken.asked_at[1] - kraken.asked_at[0] >= 0.2


@pytest.mark.parametrize(("rows", "warned"), [(720, True), (719, False)])
def test_a_history_that_kraken_no_longer_has_is_warned_of_and_the_rest_taken(
    kraken: Kraken, rows: int, warned: bool
) -> None:
    kraken.replies = {"XBTUSD": [bars(rows)]}

    with capture_logs() as events:
        fetched = fetch(kraken, "XBTUSD", start=START - timedelta(days=1))

    assert len(fetched.payloads) == 1
    assert [event["symbol"] for event in events] == (["XBTUSD-A"] if warned else [])
