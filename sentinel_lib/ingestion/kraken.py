"""The kraken source: Kraken's public OHLC endpoint.

One response holds at most the newest 720 intervals, and rows after its ``last`` are not final.
Errors arrive with HTTP 200, in ``error``. About one request a second is allowed.
https://docs.kraken.com/api/docs/rest-api/get-ohlc-data
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import http
from sentinel_lib.ingestion.raw_bars import raw_bars
from sentinel_lib.ingestion.source import Reading, Source
from sentinel_lib.ingestion.source_columns import NUMBER, SourceColumn
from sentinel_lib.logger import log
from sentinel_lib.records.bar import INTERVAL_SECONDS
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import KrakenOptions

NAME = "kraken"
PATH = "/0/public/OHLC"
MOST_ROWS = 720
POSITIONS = {"timestamp": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 6}
VALUES_IN_A_ROW = 8
COLUMNS = tuple(SourceColumn(field, NUMBER, (field,)) for field in POSITIONS)
"""The places of a row have no names, and an answer of another shape is rejected."""
TRANSIENT_ERRORS = ("EGeneral:Too many requests", "EAPI:Rate limit exceeded", "EService:")
UNKNOWN_PAIR = "EQuery:Unknown asset pair"

_SHOWN_TEXT = 120


class KrakenSource(Source):
    """Bars of Kraken's pairs; an asset's ``source_symbol`` is the pair, such as XBTUSD."""

    options: KrakenOptions
    assets: Mapping[str, Asset]

    def fetch(self, windows: Sequence[Window]) -> Iterator[Payload | FetchFailure]:
        """One request per window."""
        starts = {window.symbol: window.start for window in windows}
        locators = {symbol: self._locator(symbol, start) for symbol, start in starts.items()}
        for answer in http.answers(NAME, self.options, locators, answer_in):
            if isinstance(answer, Payload):
                _warn_of_lost_history(answer, starts[answer.symbol or ""])
            yield answer

    def read(self, payload: Payload) -> Reading:
        answer = answer_in(payload.content, payload.locator)
        return Reading(
            NAME,
            partial(bars_of, answer, payload.symbol or ""),
            columns=lambda: COLUMNS,
            date_format="epoch_s",
            terms={"symbol": payload.symbol},
        )

    def start_of(self, locator: str) -> datetime | None:
        since = re.search(r"[?&]since=(\d+)$", locator)
        return datetime.fromtimestamp(int(since[1]) + 1, UTC) if since else None

    def _locator(self, symbol: str, start: datetime) -> str:
        asset = self.assets[symbol]
        query = {
            "pair": asset.asked_as,
            "interval": INTERVAL_SECONDS[asset.interval] // 60,
            "since": int(start.timestamp()) - 1,
        }
        return f"{PATH}?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class Answer:
    """``rows`` as sent, numbers kept as the text they were; ``last`` is the newest final one's time
    in seconds since the epoch.
    """

    rows: list[Any]
    last: int

    @property
    def first_time(self) -> int:
        """The time of the oldest row, in seconds since the epoch; 0 where there is none."""
        return _seconds(self.rows[0][0]) if self.rows and isinstance(self.rows[0], list) else 0


def answer_in(content: bytes, locator: str) -> Answer:
    """The answer in ``content``; raises ``SourceError`` if it is an error or of another shape."""
    try:
        body = json.loads(content, parse_int=str, parse_float=str)
    except ValueError:  # not JSON, or not even text
        start = content[:_SHOWN_TEXT].decode("utf-8", "replace")
        raise SourceError(
            f"kraken answered {locator} with something that is not JSON",
            observed=repr(start),
            next_step="check base_url, and whether the service is down for maintenance",
        ) from None
    errors = body.get("error") if isinstance(body, dict) else None
    if errors:
        raise _error(errors if isinstance(errors, list) else [errors], locator)
    result = body.get("result") if isinstance(body, dict) else None
    rows = _series(result) if isinstance(result, dict) else None
    if not isinstance(result, dict) or rows is None:
        raise SourceError(
            f"kraken answered {locator} in an unknown shape",
            observed=repr(content[:_SHOWN_TEXT].decode("utf-8", "replace")),
            expected='{"error": [], "result": {PAIR: [[time, ...], ...], "last": time}}',
            next_step="see whether the API has changed, and report it",
        )
    return Answer(rows, _seconds(result["last"]))


def bars_of(answer: Answer, symbol: str) -> pa.Table:
    """The rows as raw bars, their place in the array as the line."""
    rows, defects = [], []
    for row in answer.rows:
        is_sound = isinstance(row, list) and len(row) >= VALUES_IN_A_ROW
        defects.append(None if is_sound else _defect(row))
        values = [_text(value) for value in row] if isinstance(row, list) else []
        rows.append(values + [None] * (VALUES_IN_A_ROW - len(values)))
    return raw_bars(
        range(1, len(rows) + 1),
        {
            field: pa.array([row[at] for row in rows], pa.string())
            for field, at in POSITIONS.items()
        },
        symbol=symbol,
        defects=pa.array(defects, pa.string()),
        is_provisional=pa.array([_seconds(row[0]) > answer.last for row in rows], pa.bool_()),
    )


def _warn_of_lost_history(payload: Payload, start: datetime) -> None:
    answer = answer_in(payload.content, payload.locator)
    if len(answer.rows) >= MOST_ROWS and start.timestamp() < answer.first_time:
        log().warning(
            "kraken keeps no bars as old as those asked for; the newest ones were taken",
            symbol=payload.symbol,
            asked_from=start.isoformat(),
            rows=len(answer.rows),
        )


def _series(result: dict[str, Any]) -> list[Any] | None:
    """The one list of rows, whatever name the pair has in the answer."""
    series = [value for name, value in result.items() if name != "last"]
    is_whole = len(series) == 1 and isinstance(series[0], list)
    return series[0] if is_whole and str(result.get("last", "")).isdigit() else None


def _error(errors: list[Any], locator: str) -> SourceError:
    texts = [str(error) for error in errors]
    next_step = "wait and run again"
    if any(text.startswith(UNKNOWN_PAIR) for text in texts):
        next_step = "set source_symbol to the pair's name at Kraken, such as XBTUSD"
    return SourceError(
        f"kraken answered {locator} with an error: {', '.join(texts)}",
        next_step=next_step,
        is_transient=all(text.startswith(TRANSIENT_ERRORS) for text in texts),
    )


def _defect(row: object) -> str:
    count = f"{len(row)} values" if isinstance(row, list) else "not a list of values"
    return f"{count} where kraken sends {VALUES_IN_A_ROW}: {json.dumps(row)[:_SHOWN_TEXT]}"


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _seconds(value: object) -> int:
    text = str(value)
    return int(text) if text.isdigit() else 0
