"""What Kraken's OHLC end point answers, and the raw bars in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.raw_bars import raw_bars
from sentinel_lib.ingestion.source_columns import NUMBER, SourceColumn

POSITIONS = {"timestamp": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 6}
VALUES_IN_A_ROW = 8
COLUMNS = tuple(SourceColumn(field, NUMBER, (field,)) for field in POSITIONS)
"""The places of a row have no names, and an answer of another shape is refused."""
TRANSIENT_ERRORS = ("EGeneral:Too many requests", "EAPI:Rate limit exceeded", "EService:")
UNKNOWN_PAIR = "EQuery:Unknown asset pair"

_SHOWN_TEXT = 120


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


def read(content: bytes, where: str) -> Answer:
    """The answer in ``content``; an error in it, or another shape, is a ``SourceError``."""
    try:
        body = json.loads(content, parse_int=str, parse_float=str)
    except ValueError:  # not JSON, or not even text
        start = content[:_SHOWN_TEXT].decode("utf-8", "replace")
        raise SourceError(
            f"kraken answered {where} with something that is not JSON",
            observed=repr(start),
            next_step="check base_url, and whether the service is down for maintenance",
        ) from None
    errors = body.get("error") if isinstance(body, dict) else None
    if errors:
        raise _error(errors if isinstance(errors, list) else [errors], where)
    result = body.get("result") if isinstance(body, dict) else None
    rows = _series(result) if isinstance(result, dict) else None
    if not isinstance(result, dict) or rows is None:
        raise SourceError(
            f"kraken answered {where} in a shape that is not known",
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


def _series(result: dict[str, Any]) -> list[Any] | None:
    """The one list of rows, whatever name the pair has in the answer."""
    series = [value for name, value in result.items() if name != "last"]
    is_whole = len(series) == 1 and isinstance(series[0], list)
    return series[0] if is_whole and str(result.get("last", "")).isdigit() else None


def _error(errors: list[Any], where: str) -> SourceError:
    texts = [str(error) for error in errors]
    is_unknown = any(text.startswith(UNKNOWN_PAIR) for text in texts)
    return SourceError(
        f"kraken answered {where} with an error: {', '.join(texts)}",
        next_step="set source_symbol to the pair's name at Kraken, such as XBTUSD"
        if is_unknown
        else "wait and run again",
        is_transient=all(text.startswith(TRANSIENT_ERRORS) for text in texts),
    )


def _defect(row: object) -> str:
    count = f"{len(row)} values" if isinstance(row, list) else "no list of values"
    return f"{count} where kraken sends {VALUES_IN_A_ROW}: {json.dumps(row)[:_SHOWN_TEXT]}"


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _seconds(value: object) -> int:
    text = str(value)
    return int(text) if text.isdigit() else 0
