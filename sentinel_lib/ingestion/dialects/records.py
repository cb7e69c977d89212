"""JSON: an array of objects, or an object a line. Numbers are kept as they are written."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from sentinel_lib.errors import SourceError, counted
from sentinel_lib.ingestion.dialects.sheets import WRITE_AGAIN, Sheet

_SHOWN_TEXT = 200
_KINDS = "an array of objects, or an object a line"


class _Number(str):
    """A number as JSON writes it."""


Record = dict[str, Any]


def is_json(text: bytes) -> bool:
    """Whether a text begins as JSON does."""
    return text.lstrip()[:1] in (b"{", b"[")


def records_sheet(text: bytes, locator: str) -> Sheet:
    """The records as rows: each with its line if there is one a line, else with its place from 1.

    A column is whatever a record names. Raises ``SourceError`` if there is none, or another thing.
    """
    records = list(_records(text, locator))
    if not records:
        raise SourceError(f"{locator} has no rows", next_step=WRITE_AGAIN)
    names = list(dict.fromkeys(name for _, record in records for name in record))
    values = [[record.get(name) for _, record in records] for name in names]
    numeric = {
        at
        for at, column in enumerate(values)
        if all(value is None or isinstance(value, _Number) for value in column)
    }
    columns = [pa.chunked_array([pa.array(map(_written, column))]) for column in values]
    return Sheet([names], columns, [line for line, _ in records], numeric=frozenset(numeric))


def _records(text: bytes, locator: str) -> Iterator[tuple[int, Record]]:
    content = _parsed(text)
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list) and value]
        if len(lists) == 1 and all(isinstance(value, dict) for value in lists[0]):
            content = lists[0]
        elif b"\n{" not in text and len(content) < 3:
            raise _unusable(locator, text)
        else:
            content = None if b"\n" in text.strip() and lists == [] else [content]
    if isinstance(content, list):
        if not all(isinstance(record, dict) for record in content):
            raise _unusable(locator, text)
        yield from enumerate(content, 1)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            record = _parsed(line)
            if not isinstance(record, dict):
                raise SourceError(
                    f"{locator}: line {number} is not a JSON object",
                    observed=line[:_SHOWN_TEXT].decode(errors="replace"),
                    expected=_KINDS,
                    next_step=WRITE_AGAIN,
                )
            yield number, record


def _parsed(text: bytes) -> Any:
    """The content of a JSON text; None if it is not one."""
    try:
        return json.loads(text, parse_float=_Number, parse_int=_Number)
    except ValueError:
        return None


def _written(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unusable(locator: str, text: bytes) -> SourceError:
    return SourceError(
        f"{locator} is an answer in JSON without bars",
        observed=f"{counted(len(text), 'byte')}: {text[:_SHOWN_TEXT].decode(errors='replace')}",
        expected=_KINDS,
        next_step="download it again: a vendor may have answered with an error",
    )
