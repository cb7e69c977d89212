"""How numbers are written: which mark is the decimal one, and what else stands around the digits.

All numbers of a file are written alike, so all of them are evidence. ``8.900`` alone is none: it is
8900 where the point groups digits, and 8.9 where it does not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.errors import Question, listed
from sentinel_lib.ingestion.dialects.alphabets import has_character, values_beyond
from sentinel_lib.records.bar import MISSING_WORDS

DECIMAL_MARKS = (".", ",")

_AROUND = r"[\s\x{00A0}\x{202F}\x{2019}'$€£¥₹₩₽₺฿]|^(?:USD|EUR|GBP|Rs\.?|Rp\.?)|(?:USD|EUR|GBP)$"
"""White space, apostrophes and signs of currencies: none of them changes a number."""
_NUMBER = re.compile(
    r"[(+-]?\s?([$€£¥₹₩₽₺฿]|USD|EUR|GBP|Rs\.?|Rp\.?)?\s?[+-]?[\d.,'\u2019\s]*\d[\d.,'\u2019\s]*"
    r"([eE][+-]?\d+)?\s?[KMBTkmbt]?\s?%?\)?\s?([$€£¥₹₩₽₺฿]|USD|EUR|GBP)?"
)
_MULTIPLES = {"K": "e3", "M": "e6", "B": "e9", "T": "e12"}
_UNCLEAR = r"^[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}$"
_DRESSED = r"[^0-9.eE+\-\sA-Za-z/#]|[0-9]\s?[KMBTkmbt]$|^[A-Za-z]+\.?\s?[0-9]|[0-9]\s?[A-Z]{3}$"
"""What only ``plain_numbers`` makes a number of."""
_NOT_BARE = r"[^0-9.,+\-]"
_PLAIN = "0123456789.+-"
_SHOWN = 3
_FIRST_PIECE = 1_000
"""Values looked at first for an example: mostly it is among them."""


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """``decimal`` is the mark before the fraction, None where no number has one; ``is_shown`` says
    that the file itself tells. ``is_plain``: the numbers need not be rewritten.
    """

    decimal: str | None = None
    is_shown: bool = False
    is_plain: bool = True


@lru_cache(maxsize=4_096)
def looks_like_number(text: str) -> bool:
    """Whether a cell holds a number, however it is written."""
    return _NUMBER.fullmatch(text.strip()) is not None


def style_of(
    columns: Mapping[str, pa.ChunkedArray], given: str | None, settled: str | None, locator: str
) -> NumberStyle:
    """The style of the numbers in ``columns``, by field. ``given`` overrides what they show.

    ``settled`` answers what they leave open. Raises ``Question`` if it is open or contradictory.
    """
    odd = {name: _odd_values(column) for name, column in columns.items()}
    shown = None if given else _shown_mark(columns, odd, settled, locator)
    decimal = given or shown or settled
    is_dressed = any(_first(values, _DRESSED) for values in odd.values())
    return NumberStyle(decimal, shown is not None, decimal != "," and not is_dressed)


def _odd_values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values that are more than digits with at most one point. All others are evidence of a
    decimal point at most, and need no sign of anything taken off.
    """
    dressed = values_beyond(column, _PLAIN)
    if not has_character(column, "."):
        return dressed
    pointed = column.filter(pc.greater(pc.count_substring(column, "."), 1))
    return pa.chunked_array([*dressed.chunks, *pointed.chunks], column.type)


def _shown_mark(
    columns: Mapping[str, pa.ChunkedArray],
    odd: Mapping[str, pa.ChunkedArray],
    settled: str | None,
    locator: str,
) -> str | None:
    """The decimal mark that the numbers show, or None.

    Raises ``Question`` if they need one to be read, and nothing has ``settled`` it.
    """
    bare = {name: _bare(values) for name, values in odd.items()}
    shown: dict[str, str] = {}
    for name, values in columns.items():
        for mark, other in (DECIMAL_MARKS, DECIMAL_MARKS[::-1]):
            if mark in shown:
                continue
            evidence = _evidence(mark, other)
            example = _first(bare[name], evidence)
            if not example and mark == "." and has_character(values, mark):
                example = _first(values, evidence)
            if example:
                shown[mark] = f"{example} ({name})"
    if len(shown) == 2:
        raise Question(
            f"{locator} writes its numbers in two ways",
            observed=f"{shown['.']} has a decimal point, {shown[',']} a decimal comma",
            expected="one way for the whole file",
            next_step="write the file again in one way, or say which one counts: decimal: '.' or "
            "decimal: ',' in the options of the files source; the other numbers are quarantined",
        )
    if not shown and settled is None:
        every = (_bare(column) if len(odd[name]) else column for name, column in columns.items())
        unclear = [text for values in every for text in _some(values, _UNCLEAR)]
        if unclear:
            raise Question(
                f"{locator} does not tell what the mark in its numbers is",
                observed=f"{listed(dict.fromkeys(unclear), _SHOWN)}, and no number that settles it",
                expected="a decimal mark, or one that groups digits",
                next_step="say what the decimal mark is: decimal: '.' or decimal: ',' "
                "in the options of the files source",
            )
    return next(iter(shown), None)


def plain_numbers(column: pa.ChunkedArray, style: NumberStyle) -> pa.ChunkedArray:
    """``1.234,50 €`` as ``1234.50``, ``2.18M`` as ``2.18e6``; any other text stays as it is."""
    if style.is_plain:
        return column
    is_bare = not _first(column, _NOT_BARE)
    bare = column if is_bare else _stripped(column)
    decimal, grouping = (",", ".") if style.decimal == "," else (".", ",")
    grouped = rf"[0-9]{{1,3}}(?:\{grouping}[0-9]{{2,3}})*\{grouping}[0-9]{{3}}"
    pattern = rf"[+-]?(?:(?:{grouped}|[0-9]+)(?:\{decimal}[0-9]*)?|\{decimal}[0-9]+)"
    number = pc.replace_substring(pc.replace_substring(bare, grouping, ""), decimal, ".")
    if is_bare:
        return pc.if_else(pc.match_substring_regex(bare, f"^{pattern}$"), number, column)
    number = pc.replace_substring_regex(number, r"^\((.*)\)$", r"-\1")
    number = pc.replace_substring(number, "%", "")
    for letter, power in _MULTIPLES.items():
        number = pc.replace_substring_regex(number, f"(?i){letter}$", power)
    ending = r"(?:[eE][+-]?[0-9]{1,2}|[KMBTkmbt])?%?\)?$"
    return pc.if_else(pc.match_substring_regex(bare, rf"^\(?{pattern}{ending}"), number, column)


def _bare(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values without what stands around them, the multiples included; missing ones left out."""
    bare = pc.replace_substring_regex(_stripped(column).drop_null(), r"[%KMBTkmbt()]+$|^\(", "")
    missing = pc.is_in(pc.utf8_lower(bare), pa.array(MISSING_WORDS, pa.string()))
    return bare.filter(pc.invert(missing))


def _stripped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(column, _AROUND, "")


def _evidence(mark: str, other: str) -> str:
    """What only a number with the decimal ``mark`` looks like: both marks, the other one repeated,
    or a fraction that is not three digits or follows no such group.
    """
    grouped = rf"[0-9]{{1,3}}(\{other}[0-9]{{2,3}})*\{other}[0-9]{{3}}"
    return (
        rf"^[+-]?({grouped}\{mark}[0-9]*|[0-9]{{1,3}}(\{other}[0-9]{{2,3}})+\{other}[0-9]{{3}}"
        rf"|[0-9]*\{mark}([0-9]{{0,2}}|[0-9]{{4,}})|(0[0-9]*|[0-9]{{4,}})?\{mark}[0-9]{{3}})"
        r"([eE][+-]?[0-9]+)?$"
    )


def _first(values: pa.ChunkedArray, pattern: str) -> str:
    matches = _some(values, pattern)
    return matches[0] if matches else ""


def _some(values: pa.ChunkedArray, pattern: str) -> list[str]:
    matches: list[str] = []
    pieces = (_FIRST_PIECE, len(values))
    for start, end in zip((0, *pieces), pieces, strict=False):
        piece = values.slice(start, end - start)
        matches += piece.filter(pc.match_substring_regex(piece, pattern)).to_pylist()[:_SHOWN]
        if len(matches) >= _SHOWN:
            break
    return matches
