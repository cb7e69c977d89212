"""A random series written in a random combination of kinds: the same bars come back, or a question.

Never other bars. ``SENTINEL_DIALECTS`` sets how many combinations are tried.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, event, given, reject, settings
from hypothesis import strategies as st

from sentinel_lib.errors import SourceError
from tests.unit.ingestion.dialects.reading import Row, read_back

EXAMPLES = int(os.environ.get("SENTINEL_DIALECTS", "300"))
EPOCH = datetime(1970, 1, 1)

Time = Callable[[datetime], str]
Number = Callable[[Decimal], str]


def seconds(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())


DAILY: dict[str, Time] = {
    **{
        pattern: lambda moment, pattern=pattern: moment.strftime(pattern)
        for pattern in (
            "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y",
            "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%y-%m-%d", "%d-%b-%y", "%d-%b-%Y",
            "%d %B %Y", "%b %d %Y", "%b %d, %Y", "%a, %d %b %Y", "%Y年%m月%d日",
            "%Y-%m-%d 00:00:00",
            "%d.%m.%Y 00:00", "%m/%d/%Y 12:00:00 AM", "%Y-%m-%dT00:00:00Z",
            "%Y-%m-%d 00:00:00 UTC",
            "%Y-%m-%dT00:00:00+09:00", "%d.%m.%Y 00:00:00.000 GMT-0500",
            "%Y-%m-%d 00:00:00 Asia/Tokyo",
        )
    },
    "single digits": lambda moment: f"{moment.month}/{moment.day}/{moment.year}",
    "single digits, day first": lambda moment: f"{moment.day}.{moment.month}.{moment.year}",
    "epoch_s": lambda moment: str(seconds(moment)),
    "epoch_ms": lambda moment: str(seconds(moment) * 10**3),
    "epoch_us": lambda moment: str(seconds(moment) * 10**6),
    "epoch_ns": lambda moment: str(seconds(moment) * 10**9),
    "epoch float": lambda moment: f"{seconds(moment)}.0",
    "excel": lambda moment: str((moment - datetime(1899, 12, 30)).days),
}  # fmt: skip
INTRADAY: dict[str, Time] = {
    **{
        pattern: lambda moment, pattern=pattern: moment.strftime(pattern)
        for pattern in (
            "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p",
            "%Y%m%d %H%M%S", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y.%m.%d %H:%M", "%d-%b-%Y %H:%M:%S",
        )
    },
    "epoch_s": lambda moment: str(seconds(moment)),
    "epoch_ms": lambda moment: str(seconds(moment) * 1000),
}  # fmt: skip


def grouped(mark: str, decimal: str) -> Number:
    def write(number: Decimal) -> str:
        return f"{number:,}".replace(",", "\0").replace(".", decimal).replace("\0", mark)

    return write


NUMBERS: dict[str, tuple[str, Number]] = {
    "plain": (".", str),
    "comma": (",", lambda number: str(number).replace(".", ",")),
    "1,234.5": (".", grouped(",", ".")),
    "1.234,5": (",", grouped(".", ",")),
    "1 234,5": (",", grouped("\u202f", ",")),
    "1'234.5": (".", grouped("'", ".")),
    "$": (".", lambda number: f"${number:,}"),
    "€": (",", lambda number: f"{grouped('.', ',')(number)} €"),
    "exponent": (".", lambda number: f"{number:e}"),
}
HEADERS = {
    "english": ("Date", "Open", "High", "Low", "Close", "Volume"),
    "brackets": ("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"),
    "numbered": ("timestamp", "1. open", "2. high", "3. low", "4. close", "5. volume"),
    "prices": ("date", "open_price", "high_price", "low_price", "close_price", "volume"),
    "german": ("Datum", "Eröffnung", "Hoch", "Tief", "Schluss", "Volumen"),
    "spanish": ("Fecha", "Apertura", "Máximo", "Mínimo", "Cierre", "Volumen"),
    "russian": ("Дата", "Откр.", "Макс.", "Мин.", "Цена", "Объём"),
    "japanese": ("日付", "始値", "高値", "安値", "終値", "出来高"),
    "none": (),
}
ENCODINGS = {
    "utf-8": HEADERS,
    "utf-8-sig": HEADERS,
    "utf-16": HEADERS,
    "cp1252": ("english", "german", "spanish"),
    "cp1251": ("russian",),
    "cp932": ("japanese",),
}


@st.composite
def series(draw: st.DrawFn) -> list[Row]:
    """Bars of days, or of an intraday interval, of prices of some order of magnitude."""
    count = draw(st.integers(2, 25))
    step = draw(
        st.sampled_from([timedelta(1), timedelta(1), timedelta(hours=1), timedelta(minutes=5)])
    )
    start = draw(st.datetimes(datetime(1995, 1, 1), datetime(2030, 1, 1)))
    start = datetime(start.year, start.month, start.day)
    places = draw(st.integers(0, 4))
    unit = Decimal(1).scaleb(-places)
    largest = 10 ** draw(st.integers(1, 6))
    prices = st.integers(1, largest * 10**places).map(lambda whole: whole * unit)
    bars = []
    for at in range(count):
        low, first, last, high = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
        if draw(st.booleans()):
            first, last = last, first
        bars.append(
            Row(start + at * step, first, high, low, last, Decimal(draw(st.integers(0, 10**8))))
        )
    return bars


@st.composite
def files(draw: st.DrawFn) -> tuple[list[Row], bytes, str, str]:
    """A series, the bytes and the name of its file, and the kinds that were combined."""
    bars = draw(series())
    is_daily = all(bar.time == bar.time.replace(hour=0, minute=0) for bar in bars)
    time_kind = draw(st.sampled_from(sorted(DAILY if is_daily else INTRADAY)))
    number_kind = draw(st.sampled_from(sorted(NUMBERS)))
    encoding = draw(st.sampled_from(sorted(ENCODINGS)))
    header_kind = draw(st.sampled_from(sorted(ENCODINGS[encoding])))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    layout = draw(
        st.sampled_from(["plain", "preamble", "footer", "trailing", "row numbers", "CRLF"])
    )
    is_newest_first, is_packed, has_volume = (draw(st.booleans()) for _ in range(3))
    if not has_volume:
        bars = [bar._replace(volume=None) for bar in bars]
    write_time = (DAILY if is_daily else INTRADAY)[time_kind]
    write_number = NUMBERS[number_kind][1]

    def row(cells: list[str]) -> str:
        text = delimiter.join(
            f'"{cell}"' if delimiter in cell or layout == "CRLF" else cell for cell in cells
        )
        return text + (delimiter if layout == "trailing" else "")

    width = 6 if has_volume else 5
    rows = [
        [
            write_time(bar.time),
            *(write_number(value) for value in bar[1:width] if value is not None),
        ]
        for bar in (bars[::-1] if is_newest_first else bars)
    ]
    if layout == "row numbers":
        rows = [[str(at), *cells] for at, cells in enumerate(rows)]
    names = [*HEADERS[header_kind][:width]]
    if names and layout == "row numbers":
        names = ["", *names]
    lines = [row(names)] if names else []
    lines += map(row, rows)
    if layout == "preamble":
        lines = ["Prices of the exchange", "", *lines]
    if layout == "footer":
        lines += ["", "All rights reserved"]
    end = "\r\n" if layout == "CRLF" else "\n"
    try:
        text = (end.join(lines) + end).encode(encoding)
    except UnicodeEncodeError:  # the sign of a currency that this code page lacks
        reject()
    kinds = f"{time_kind} | {number_kind} | {header_kind} | {encoding} | {delimiter!r} | {layout}"
    content = gzip.compress(text, mtime=0) if is_packed else text
    return bars, content, "GOOG.csv.gz" if is_packed else "GOOG.csv", kinds


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
@given(files())
def test_a_file_of_any_kind_gives_its_bars_or_a_question(
    file: tuple[list[Row], bytes, str, str],
) -> None:
    bars, content, name, kinds = file
    try:
        found = read_back(content, name)
    except SourceError:
        event("question or refusal")
        return
    event("read back")
    assert found == {"GOOG": sorted(bars)}, kinds
