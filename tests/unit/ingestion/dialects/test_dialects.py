"""One series as vendors, programs and data sets write it: the same bars come back.

The header lines and the forms of dates and numbers are those of public files.
"""

# ruff: noqa: E501, RUF001 lines as they are written elsewhere
from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from tests.unit.ingestion.dialects.reading import Row, days, read_back

SERIES = [
    Row(
        datetime(day.year, day.month, day.day),
        Decimal(f"{2185 + at}.25"),
        Decimal(f"{2190 + at}.5"),
        Decimal(f"{2180 + at}.75"),
        Decimal(f"{2188 + at}.4"),
        Decimal(1_991_700 + 1_000 * at),
    )
    for at, day in enumerate(days(date(2012, 12, 4), 20))
]
NEWEST_FIRST = SERIES[::-1]
CLOSES = [Row(bar.time, None, None, None, bar.close, None) for bar in SERIES]
WITHOUT_VOLUME = [Row(*bar[:5], None) for bar in SERIES]
PLAIN = "Date,Open,High,Low,Close,Volume"


def lines(
    header: str | None,
    write: Callable[[Row], str],
    series: list[Row] = SERIES,
    end: str = "\n",
) -> bytes:
    """A text file: its header, and a line for each bar."""
    head = [] if header is None else [header]
    return "".join(line + end for line in [*head, *map(write, series)]).encode()


def plain(bar: Row, time: str = "%Y-%m-%d") -> str:
    return ",".join([bar.time.strftime(time), *map(str, bar[1:])])


def epoch(bar: Row, unit: int) -> int:
    return int(bar.time.replace(tzinfo=UTC).timestamp()) * unit


def german(number: Decimal | None) -> str:
    return f"{number:,}".translate(str.maketrans(",.", ".,"))


def in_thousands(volume: Decimal | None) -> str:
    return f"{Decimal(volume or 0) / 1000:.3f}K"


def quoted(*cells: object) -> str:
    return ",".join(f'"{cell}"' for cell in cells)


TEXTS = {
    "yahoo": lines(
        "Date,Open,High,Low,Close,Adj Close,Volume",
        lambda b: f"{b.time:%Y-%m-%d},{b.open},{b.high},{b.low},{b.close},{b.close},{b.volume}",
    ),
    "yfinance, three lines": lines(
        "Price,Close,High,Low,Open,Volume\nTicker,GOOG,GOOG,GOOG,GOOG,GOOG\nDate,,,,,",
        lambda b: f"{b.time:%Y-%m-%d},{b.close},{b.high},{b.low},{b.open},{b.volume}",
    ),
    "two lines, old pandas": lines(
        ",Open,High,Low,Close,Volume\n,GOOG,GOOG,GOOG,GOOG,GOOG\nDate,,,,,", plain
    ),
    "stooq": lines(PLAIN, plain, end="\r\n"),
    "stooq, bulk": lines(
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
        lambda b: f"GOOG,D,{plain(b, '%Y%m%d,000000')},0",
    ),
    "metatrader 5": lines(
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        lambda b: "\t".join(
            [f"{b.time:%Y.%m.%d}", *map(str, b[1:5]), "999", str(b.volume), "1"]
        ),
    ),
    "metatrader 4, without a header": lines(None, lambda b: plain(b, "%Y.%m.%d,%H:%M")),
    "tradingview, seconds": lines(
        "time,open,high,low,close,Volume,Volume MA",
        lambda b: f"{epoch(b, 1)},{','.join(map(str, b[1:]))},7",
    ),
    "tradingview, offset": lines(
        "time,open,high,low,close,Volume", lambda b: plain(b, "%Y-%m-%dT00:00:00-05:00")
    ),
    "binance, milliseconds": lines(
        None,
        lambda b: f"{epoch(b, 1000)},{','.join(map(str, b[1:]))},{epoch(b, 1000) + 1},1.5,9,1,1,0",
    ),
    "binance, microseconds": lines(
        None, lambda b: f"{epoch(b, 10**6)},{','.join(map(str, b[1:]))},{epoch(b, 10**6) + 1},1,9"
    ),
    "kraken": lines(None, lambda b: f"{epoch(b, 1)},{','.join(map(str, b[1:]))},12"),
    "polygon, nanoseconds": lines(
        "ticker,volume,open,close,high,low,window_start,transactions",
        lambda b: f"GOOG,{b.volume},{b.open},{b.close},{b.high},{b.low},{epoch(b, 10**9)},5",
    ),
    "seconds as floats": lines(
        "timestamp,open,high,low,close,volume",
        lambda b: f"{epoch(b, 1)}.0,{','.join(map(str, b[1:]))}",
    ),
    "cryptodatadownload": lines(
        "https://www.CryptoDataDownload.com\n"
        "unix,date,symbol,open,high,low,close,Volume GOOG,Volume USD",
        lambda b: f"{epoch(b, 1)},{b.time},GOOG,{','.join(map(str, b[1:]))},1.5",
        NEWEST_FIRST,
    ),
    "coinmarketcap": lines(
        '"timeOpen";"timeClose";"name";"open";"high";"low";"close";"volume";"timestamp"',
        lambda b: ";".join(
            [
                f'"{b.time:%Y-%m-%d}T00:00:00.000Z";"{b.time:%Y-%m-%d}T23:59:59.999Z";"2781"',
                *map(str, b[1:]),
                f'"{b.time:%Y-%m-%d}T23:59:59.999Z"',
            ]
        ),
        NEWEST_FIRST,
    ),
    "investing, english": lines(
        quoted("Date", "Price", "Open", "High", "Low", "Vol.", "Change %"),
        lambda b: quoted(
            f"{b.time:%m/%d/%Y}", f"{b.close:,}", f"{b.open:,}", f"{b.high:,}", f"{b.low:,}",
            in_thousands(b.volume), "0.06%",
        ),
        NEWEST_FIRST,
    ),
    "investing, german": lines(
        "\ufeff" + quoted("Datum", "Zuletzt", "Eröffn.", "Hoch", "Tief", "Vol.", "+/- %"),
        lambda b: quoted(
            f"{b.time:%d.%m.%Y}", german(b.close), german(b.open), german(b.high), german(b.low),
            in_thousands(b.volume).replace(".", ","), "0,06%",
        ),
    ),
    "investing, turkish in its code page": "\n".join(
        ["Tarih;Şimdi;Açılış;Yüksek;Düşük;Hac."]
        + [
            ";".join([f"{b.time:%d.%m.%Y}", *map(str, (b.close, b.open, b.high, b.low, b.volume))])
            for b in SERIES
        ]
    ).encode("cp1254"),
    "investing, japanese": lines(
        "日付け,終値,始値,高値,安値,出来高,変化率 %",
        lambda b: f'{b.time:%Y年%m月%d日},"{b.close:,}","{b.open:,}","{b.high:,}","{b.low:,}",'
        f"{in_thousands(b.volume)},-0.01%",
    ),
    "japanese in shift-jis": "\n".join(
        ["日付,始値,高値,安値,終値,出来高"] + [plain(b, "%Y/%m/%d") for b in SERIES]
    ).encode("cp932"),
    "korean in its code page": "\n".join(
        ["날짜,시가,고가,저가,종가,거래량"] + [plain(b) for b in SERIES]
    ).encode("cp949"),
    "chinese in gb18030": "\n".join(
        ["日期,开盘价,最高价,最低价,收盘价,成交量"] + [plain(b) for b in SERIES]
    ).encode("gb18030"),
    "russian in its code page": "\n".join(
        ["Дата;Откр.;Макс.;Мин.;Цена;Объём"]
        + [plain(b, "%d.%m.%Y").replace(",", ";") for b in SERIES]
    ).encode("cp1251"),
    "french": lines(
        "Date;Ouverture;Plus haut;Plus bas;Clôture;Volume",
        lambda b: ";".join(
            [f"{b.time:%d/%m/%Y}", *(f"{n:,}".replace(",", "\u202f").replace(".", ",") for n in b[1:])]
        ),
    ),
    "spanish": lines(
        "Fecha;Apertura;Máximo;Mínimo;Cierre;Volumen",
        lambda b: ";".join([f"{b.time:%d-%m-%Y}", *map(german, b[1:])]),
    ),
    "portuguese": lines(
        quoted("Data", "Último", "Abertura", "Máxima", "Mínima", "Vol."),
        lambda b: quoted(
            f"{b.time:%d.%m.%Y}", *map(german, (b.close, b.open, b.high, b.low, b.volume))
        ),
    ),
    "italian": lines(
        quoted("Data", "Ultimo", "Apertura", "Massimo", "Minimo", "Vol."),
        lambda b: quoted(
            f"{b.time:%d.%m.%Y}", *map(german, (b.close, b.open, b.high, b.low, b.volume))
        ),
    ),
    "indonesian": lines(
        quoted("Tanggal", "Terakhir", "Pembukaan", "Tertinggi", "Terendah", "Vol."),
        lambda b: quoted(
            f"{b.time:%d/%m/%Y}", *map(german, (b.close, b.open, b.high, b.low, b.volume))
        ),
    ),
    "ariva": lines(
        "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen",
        lambda b: ";".join([f"{b.time:%Y-%m-%d}", *map(german, b[1:]), "123.281.008"]),
    ),
    "swiss": lines(
        "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen",
        lambda b: ";".join([f"{b.time:%d.%m.%y}", *(f"{n:,}".replace(",", "'") for n in b[1:])]),
    ),
    "nasdaq": lines(
        "Date,Close/Last,Volume,Open,High,Low",
        lambda b: f"{b.time:%m/%d/%Y},${b.close},{b.volume},${b.open},${b.high},${b.low}",
        NEWEST_FIRST,
    ),
    "nasdaq, old": lines(
        quoted("date", "close", "volume", "open", "high", "low"),
        lambda b: quoted(f"{b.time:%Y/%m/%d}", b.close, f"{b.volume:,}", b.open, b.high, b.low),
    ),
    "marketwatch": lines(
        PLAIN,
        lambda b: f'{b.time:%m/%d/%Y},"{b.open:,}","{b.high:,}","{b.low:,}","{b.close:,}",'
        f'"{b.volume:,}"',
    ),
    "quandl": lines(
        "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,"
        "Adj. Open,Adj. High,Adj. Low,Adj. Close,Adj. Volume",
        lambda b: f"{plain(b)},0.0,1.0,1.5,2.5,0.5,1.25,77.0",
    ),
    "alpha vantage": lines("timestamp,1. open,2. high,3. low,4. close,5. volume", plain),
    "dukascopy": lines(
        "Gmt time,Open,High,Low,Close,Volume", lambda b: plain(b, "%d.%m.%Y %H:%M:%S.000")
    ),
    "dukascopy, local": lines(
        "Local time,Open,High,Low,Close,Volume",
        lambda b: plain(b, "%d.%m.%Y %H:%M:%S.000 GMT+0100"),
    ),
    "google": lines(PLAIN, lambda b: plain(b, "%d-%b-%y"), NEWEST_FIRST),
    "bse": lines(
        "Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares,No. of Trades",
        lambda b: f"{b.time:%d-%B-%Y},{','.join(map(str, b[1:5]))},2587.23,{b.volume},42547",
    ),
    "nse": lines(
        "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, "
        "CLOSE_PRICE, TTL_TRD_QNTY",
        lambda b: f"GOOG,EQ,{b.time:%d-%b-%Y},1.5,{b.open},{b.high},{b.low},2.5,{b.close},{b.volume}",
    ),
    "futures": lines(
        "Date,Open,High,Low,Last,Change,Settle,Volume,Previous Day Open Interest",
        lambda b: f"{','.join([f'{b.time:%Y-%m-%d}', *map(str, b[1:4])])},1.5,0.1,{b.close},{b.volume},9",
    ),
    "quantmod": lines(
        '"","GOOG.Open","GOOG.High","GOOG.Low","GOOG.Close","GOOG.Volume","GOOG.Adjusted"',
        lambda b: f'"{b.time:%Y-%m-%d}",{",".join(map(str, b[1:]))},1.5',
    ),
    "pandas, row numbers": lines(f",{PLAIN}", lambda b: f"{b.time.day},{plain(b)}"),
    "row names without a header": lines(
        PLAIN.replace(",", " ").replace(" ", ","), lambda b: f"{b.time.day},{plain(b)}"
    ),
    "trailing separator": lines(PLAIN + ",", lambda b: plain(b) + ","),
    "trailing separator below": lines(PLAIN, lambda b: plain(b) + ","),
    "preamble and footer": lines(
        "Symbol: GOOG\nExported on 2013-03-01 by someone\n\n" + PLAIN, plain
    ) + b"\nSource: the exchange. All rights reserved\n",
    "am and pm": lines(PLAIN, lambda b: plain(b, "%m/%d/%Y %I:%M:%S %p")),
    "words and a comma": lines(PLAIN, lambda b: f'"{b.time:%b %d, %Y}",{plain(b).split(",", 1)[1]}'),
    "weekdays": lines(PLAIN, lambda b: f'"{b.time:%a, %d %b %Y}",{plain(b).split(",", 1)[1]}'),
    "two-digit years": lines(PLAIN, lambda b: plain(b, "%m/%d/%y")),
    "two-digit years first": lines(PLAIN, lambda b: plain(b, "%y-%m-%d")),
    "compact": lines("date;open;high;low;close;volume", lambda b: plain(b, "%Y%m%d").replace(",", ";")),
    "zone name": lines(PLAIN, lambda b: plain(b, "%Y-%m-%d %H:%M:%S Europe/Berlin")),
    "utc": lines("Date(UTC),Open,High,Low,Close,Volume", lambda b: plain(b, "%Y-%m-%d %H:%M:%S UTC")),
    "excel serial numbers": lines(
        PLAIN,
        lambda b: f"{(b.time - datetime(1899, 12, 30)).days},{plain(b).split(',', 1)[1]}",
    ),
    "rupiah": lines(
        "Date,Open,High,Low,Close,Volume",
        lambda b: f'{b.time:%Y-%m-%d},{",".join(f"Rp{n}" for n in b[1:5])},{b.volume}',
    ),
    "percent": lines(PLAIN, lambda b: ",".join([f"{b.time:%Y-%m-%d}", *(f"{n}%" for n in b[1:5]), str(b.volume)])),
    "bars as separator": lines(PLAIN.replace(",", "|"), lambda b: plain(b).replace(",", "|")),
    "utf-16": ("\n".join([PLAIN, *map(plain, SERIES)])).encode("utf-16"),
    "utf-16 without a mark": ("\n".join([PLAIN, *map(plain, SERIES)])).encode("utf-16-le"),
    "json": json.dumps(
        [
            {"date": f"{b.time:%Y-%m-%d}"}
            | dict(zip(("open", "high", "low", "close", "volume"), map(float, b[1:]), strict=True))
            for b in SERIES
        ]
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS.keys())
def test_the_same_bars_come_back_from_every_dialect(content: bytes) -> None:
    assert read_back(content) == {"GOOG": SERIES}


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        pytest.param(
            lines("snapped_at,price,market_cap,total_volume",
                  lambda b: f"{b.time:%Y-%m-%d %H:%M:%S} UTC,{b.close},,{b.volume}"),
            CLOSES, id="coingecko",
        ),
        pytest.param(
            lines("observation_date,GOOG", lambda b: f"{b.time:%Y-%m-%d},{b.close}"),
            CLOSES, id="fred",
        ),
        pytest.param(
            lines(PLAIN, lambda b: ",".join([f"{b.time:%Y-%m-%d}", *map(str, b[1:5]), "-"])),
            WITHOUT_VOLUME, id="an index",
        ),
        pytest.param(
            lines("Date,Open,High,Low,Close", lambda b: plain(Row(*b[:5], None)).rsplit(",", 1)[0]),
            WITHOUT_VOLUME, id="without a volume",
        ),
    ],
)  # fmt: skip
def test_fields_that_a_file_lacks_stay_absent(content: bytes, wanted: list[Row]) -> None:
    assert read_back(content) == {"GOOG": wanted}


OTHER = [bar._replace(close=Decimal(5 + at)) for at, bar in enumerate(CLOSES)]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        pytest.param(
            lines("Date,GOOG,XYZ", lambda b: f"{b.time:%Y-%m-%d},{b.close},{5 + CLOSES.index(b)}",
                  CLOSES),
            {"GOOG": CLOSES, "XYZ": OTHER}, id="a panel",
        ),
        pytest.param(
            lines("Date,symbol,close",
                  lambda b: f"{b.time:%Y-%m-%d},GOOG,{b.close}\n"
                            f"{b.time:%Y-%m-%d},XYZ,{5 + CLOSES.index(b)}", CLOSES),
            {"GOOG": CLOSES, "XYZ": OTHER}, id="long",
        ),
        pytest.param(
            lines("date,open,high,low,close,volume,Name",
                  lambda b: f"{plain(b)},GOOG\n{plain(b)},XYZ"),
            {"GOOG": SERIES, "XYZ": SERIES}, id="Name",
        ),
        pytest.param(
            lines("Price,Close,Close,Open,Open\nTicker,GOOG,XYZ,GOOG,XYZ\nDate,,,,",
                  lambda b: f"{b.time:%Y-%m-%d},{b.close},{5 + CLOSES.index(b)},,", CLOSES),
            {"GOOG": CLOSES, "XYZ": OTHER}, id="levels",
        ),
        pytest.param(
            lines("Ticker,GOOG,GOOG,XYZ,XYZ\nPrice,Open,Close,Open,Close\nDate,,,,",
                  lambda b: f"{b.time:%Y-%m-%d},,{b.close},,{5 + CLOSES.index(b)}", CLOSES),
            {"GOOG": CLOSES, "XYZ": OTHER}, id="levels, tickers first",
        ),
    ],
)  # fmt: skip
def test_several_series_of_one_file_are_told_apart(
    content: bytes, wanted: dict[str, list[Row]]
) -> None:
    assert read_back(content, "closes.csv") == wanted


def test_an_empty_cell_of_a_panel_is_not_a_row() -> None:
    content = b"Date,GOOG,XYZ\n2024-01-02,1.5,\n2024-01-03,1.6,7.5\n"

    bars = read_back(content)

    assert [len(rows) for rows in bars.values()] == [2, 1]


FRAME = pd.DataFrame(
    {
        "Open": [float(bar.open or 0) for bar in SERIES],
        "High": [float(bar.high or 0) for bar in SERIES],
        "Low": [float(bar.low or 0) for bar in SERIES],
        "Close": [float(bar.close or 0) for bar in SERIES],
        "Volume": [int(bar.volume or 0) for bar in SERIES],
    },
    index=pd.DatetimeIndex([bar.time for bar in SERIES], name="Date"),
)


def parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


def feathered(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    feather.write_feather(pa.Table.from_pandas(frame.reset_index()), sink)
    return sink.getvalue()


def zipped(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return sink.getvalue()


def workbook(rows: list[list[object]]) -> bytes:
    """An .xlsx file as Excel writes it: as little of it as readers need."""
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    office = "http://schemas.openxmlformats.org"
    cells = "".join(
        f'<row r="{number}">'
        + "".join(
            f"<c><v>{value}</v></c>"
            if isinstance(value, int | float | Decimal)
            else f'<c t="inlineStr"><is><t>{value}</t></is></c>'
            for value in row
        )
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    main = f'xmlns="{office}/spreadsheetml/2006/main"'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{office}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{types}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{office}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}/officeDocument/2006/relationships">'
        '<sheets><sheet name="Prices" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{office}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{cells}</sheetData></worksheet>",
    }  # fmt: skip
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return sink.getvalue()


SHEET = workbook(
    [["Prices of GOOG"], PLAIN.split(",")] + [[f"{bar.time:%d.%m.%Y}", *bar[1:]] for bar in SERIES]
)
COLUMNS = pd.MultiIndex.from_product([FRAME.columns, ["GOOG"]])
CONTAINERS = {
    "gzip": ("GOOG.csv.gz", gzip.compress(TEXTS["stooq"])),
    "gzipped json": ("GOOG.jsonl.gz", gzip.compress(
        "\n".join(json.dumps(row) for row in json.loads(TEXTS["json"])).encode())),
    "zip": ("all.zip", zipped(GOOG_csv=TEXTS["stooq"])),
    "a folder in a zip": ("all.zip", zipped(
        prices__GOOG_csv=TEXTS["investing, english"], __MACOSX__GOOG_csv=b"\0", notes_md=b"hello")),
    "parquet, index": ("GOOG.parquet", parquet(FRAME)),
    "parquet, two indexes": ("all.parquet", parquet(
        FRAME.assign(Ticker="GOOG").set_index("Ticker", append=True))),
    "parquet, two levels of columns": ("all.parquet", parquet(FRAME.set_axis(COLUMNS, axis=1))),
    "feather": ("GOOG.feather", feathered(FRAME)),
    "excel": ("GOOG.xlsx", SHEET),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content"), CONTAINERS.values(), ids=CONTAINERS.keys())
def test_the_same_bars_come_back_from_every_container(name: str, content: bytes) -> None:
    assert read_back(content, name) == {"GOOG": SERIES}


def test_a_parquet_column_of_texts_is_read_as_a_text_file_is() -> None:
    sink = io.BytesIO()
    texts = {"Date": [f"{bar.time:%d/%m/%Y}" for bar in SERIES]}
    pq.write_table(pa.table(texts | {"Close": [german(bar.close) for bar in SERIES]}), sink)

    assert read_back(sink.getvalue(), "GOOG.parquet") == {"GOOG": CLOSES}
