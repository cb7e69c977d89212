"""How times are written, by the evidence of all of them.

A file that has a day above the twelfth tells whether its days or its months come first; one that
has none does not, and is asked about.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.errors import Question, SourceError, listed
from sentinel_lib.ingestion.dialects.alphabets import values_of_another_form
from sentinel_lib.ingestion.dialects.date_forms import formats_of
from sentinel_lib.records.bar import ISO_8601, MISSING_WORDS, WHITESPACE

_YEARS = (1900, 2100)
"""Those that a pattern may find: another year means that the pattern is wrong."""
_FEWEST_IN_ORDER = 5
_CLEARLY = 5
_MOST_FORMS = 1_000
"""Months and weekdays in words make some hundreds of forms; more are texts of another kind."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class TimeReading:
    """``date_format`` as the ``files`` source takes it; the ``timezone`` that every time names, if
    they do; the ``evidence`` for it, in words; whether that is the file's own.
    """

    date_format: str
    timezone: str | None = None
    evidence: str = ""
    is_shown: bool = True


def time_reading(values: pa.ChunkedArray, settled: str | None, locator: str) -> TimeReading:
    """How ``values`` are written. ``settled`` answers what they leave open.

    Raises ``Question`` where they can be read in two ways, or contradict each other, and
    ``SourceError`` where none of them can be read.
    """
    if _are_iso(values):
        return TimeReading(ISO_8601)
    texts = pc.unique(pc.utf8_trim(values.drop_null(), characters=WHITESPACE))
    masks = pc.value_counts(pc.replace_substring_regex(texts, "[0-9]", "9")).to_pylist()
    if any(mask["values"].lower() in MISSING_WORDS for mask in masks):
        texts = texts.filter(pc.invert(pc.is_in(pc.utf8_lower(texts), pa.array(MISSING_WORDS))))
        masks = [mask for mask in masks if mask["values"].lower() not in MISSING_WORDS]
    if not masks:
        return TimeReading(ISO_8601)
    masks = sorted(masks, key=lambda mask: -mask["counts"])[:_MOST_FORMS]
    counts: Counter[str] = Counter()
    alike: dict[str, tuple[str, ...]] = {}
    for mask in masks:
        formats = tuple(formats_of(mask["values"]))
        counts.update(dict.fromkeys(formats, mask["counts"]))
        alike.update(dict.fromkeys(formats, formats))
    if not counts:
        raise _unknown(texts, locator)
    most = max(counts.values())
    common = max(
        (name for name in counts if counts[name] == most), key=lambda name: len(alike[name])
    )
    rivals = [name for name in alike[common] if counts[name] == most]
    if len(rivals) == 1 and "%" not in common:
        return TimeReading(common)
    return _settled_by_all(texts, rivals, settled, locator)


def zone_in(name: str, locator: str) -> str | None:
    """The time zone that a column's name says in brackets, as ``Time (EET)`` does.

    Raises ``Question`` for a zone of which only people know the name.
    """
    unit = re.search(r"[(\[]([A-Za-z/_]+)[)\]]", name)
    if unit is None or unit[1] in ("UTC", "GMT", "Z"):
        return None
    if unit[1] in available_timezones():
        return unit[1]
    if re.fullmatch(r"[A-Z]{1,3}[SD]?T", unit[1]):
        raise Question(
            f"{locator} has times in {unit[1]}, which several zones are called",
            observed=f"the column '{name}'",
            expected="the name of a zone, such as Asia/Tokyo",
            next_step="say which: timezone: ... in the options of the files source",
        )
    return None


def is_clock(values: pa.ChunkedArray) -> bool:
    """Whether these are times of day: half a time, of which another column has the date."""
    written = pc.utf8_trim(values.drop_null(), characters=WHITESPACE)
    return bool(len(written)) and bool(
        pc.all(
            pc.match_substring_regex(
                written, r"^[0-9]{1,2}:[0-9]{2}(:[0-9.]+)?( ?[AaPp][Mm])?$|^[0-9]{1,6}$"
            )
        ).as_py()
    )


def parsed_times(texts: pa.Array, formats: Sequence[str]) -> pa.Table:
    """``texts`` as times without zone by each strptime pattern, null where it does not fit."""
    import duckdb

    rows = pa.table({"text": texts})
    columns = ", ".join(f"try_strptime(text, {_quoted(name)})" for name in formats)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("rows", rows)
        read = connection.sql(f"SELECT {columns} FROM rows").to_arrow_table()
    return read.rename_columns([str(at) for at in range(len(formats))])


def _are_iso(values: pa.ChunkedArray) -> bool:
    """Whether all values that are there have the form of the first, and that is one of ISO 8601."""
    first = values.slice(0, 1).to_pylist()
    form = re.sub("[0-9]", "9", first[0] or "") if first else ""
    if formats_of(form) != (ISO_8601,):
        return False
    others = values_of_another_form(values, form)
    return not len(others) or set(pc.utf8_lower(others).to_pylist()) <= set(MISSING_WORDS)


def _settled_by_all(
    texts: pa.Array, rivals: Sequence[str], settled: str | None, locator: str
) -> TimeReading:
    """The one of ``rivals`` by which all values can be read that can be read at all."""
    patterns = [name for name in rivals if "%" in name]
    read = parsed_times(texts, patterns)
    times = {name: _sensible(read.column(at)) for at, name in enumerate(patterns)}
    counts = {name: len(column) - column.null_count for name, column in times.items()}
    best = max(counts, key=lambda name: counts[name])
    if len(rivals) > len(patterns) and counts[best] < len(texts):
        return TimeReading(next(name for name in rivals if name not in patterns))
    if not counts[best]:
        raise _unknown(texts, locator)
    for name, column in times.items():
        only_here = pc.and_(pc.is_valid(column), pc.is_null(times[best]))
        if pc.any(only_here).as_py():
            raise _contradiction(texts, best, times[best], name, only_here, locator)
    equal = [name for name in patterns if counts[name] == counts[best]]
    other = [name for name in equal if not times[name].equals(times[best])]
    if settled is not None and settled in equal and len(equal) > 1:
        evidence = "as other files of this place"
        return TimeReading(settled, _zone_of(settled), evidence, is_shown=False)
    if not other:
        rival = next((name for name in patterns if name not in equal), None)
        evidence = _evidence(texts, times, best, rival)
        return TimeReading(best, _zone_of(best), evidence, is_shown=len(equal) == 1)
    ordered = _in_order([name for name in equal if name == best or name in other], times)
    if len(ordered) == 1:
        return TimeReading(ordered[0], _zone_of(ordered[0]), "the order of the rows")
    keys = " or ".join(f"date_format: {_quoted(name)}" for name in ordered)
    moments = [f"{times[name].drop_null()[0].as_py():%d %B %Y}" for name in ordered]
    raise Question(
        f"{locator} does not tell which part of its dates is the day",
        observed=f"{texts[0].as_py()}, which is {' or '.join(moments)}; no day is above 12 in any "
        f"of its {len(texts):,} dates",
        expected="a date that settles it",
        next_step=f"say which: {keys}, in the options of the files source",
    )


def _unknown(texts: pa.Array, locator: str) -> SourceError:
    return SourceError(
        f"{locator} writes its times in a way that is not known",
        observed=listed(texts.slice(0, _SHOWN).to_pylist()),
        expected="ISO 8601, a usual way to write a date, or a number of seconds",
        next_step="say how they are written: date_format: a strptime pattern such as "
        "'%d/%m/%Y', in the options of the files source",
    )


def _sensible(column: pa.ChunkedArray) -> pa.ChunkedArray:
    years = pc.year(column)
    fits = pc.and_(pc.greater_equal(years, _YEARS[0]), pc.less_equal(years, _YEARS[1]))
    return pc.if_else(pc.fill_null(fits, False), column, pa.scalar(None, column.type))


def _in_order(formats: list[str], times: dict[str, pa.ChunkedArray]) -> list[str]:
    """Those of ``formats`` by which the file is in order, where that tells first from last year.

    Rows of a series are a step apart; with the day taken for the year they leap by years. Between
    day and month first the order tells nothing: both may be in order.
    """
    leaps = {name: _leaps(times[name]) for name in formats}
    years_first = [name for name in formats if name.startswith("%y")]
    years_last = [name for name in formats if name not in years_first]
    if not years_first or not years_last or len(times[formats[0]]) < _FEWEST_IN_ORDER:
        return formats
    first, last = (min(leaps[name] for name in names) for names in (years_first, years_last))
    if first * _CLEARLY < last:
        return years_first
    return years_last if last * _CLEARLY < first else formats


def _leaps(times: pa.ChunkedArray) -> int:
    """The sum of the steps from each time to the next, in seconds."""
    seconds = times.drop_null().cast(pa.timestamp("s"), safe=False).cast(pa.int64()).to_numpy()
    return int(abs(seconds[1:] - seconds[:-1]).sum())


def _evidence(
    texts: pa.Array, times: dict[str, pa.ChunkedArray], best: str, rival: str | None
) -> str:
    if rival is None:
        return ""
    decisive = texts.filter(pc.and_(pc.is_valid(times[best]), pc.is_null(times[rival])))
    return f"{decisive[0].as_py()} fits no other reading"


def _contradiction(
    texts: pa.Array, best: str, times: pa.ChunkedArray, other: str, mask: Any, locator: str
) -> Question:
    only_there = texts.filter(mask)[0].as_py()
    only_best = texts.filter(pc.is_valid(times))[0].as_py()
    return Question(
        f"{locator} writes its dates in two ways",
        observed=f"{only_there} fits {other} alone, others such as {only_best} fit {best}",
        expected="one way for the whole file",
        next_step=f"write the file again in one way, or say which one counts: date_format: "
        f"{_quoted(best)} or date_format: {_quoted(other)}; the other dates are quarantined",
    )


def _zone_of(date_format: str) -> str | None:
    area = re.search(r"[A-Z][A-Za-z]+/[A-Za-z_/]+$", date_format)
    return area[0] if area else None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
