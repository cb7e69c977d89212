"""The names that columns go by, in the languages of the vendors. One table: add words to it.

The words of a field stand best first: where a file has several of its columns, the first counts.
They are compared as ``plain`` makes them: without case, accents, spaces and most punctuation.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_WORDS: dict[str, tuple[str, ...]] = {
    "timestamp": (
        "open time, timeopen, opentime, timestamp, datetime, date time, date/time, date, date1, "
        "trade date, trading day, observation date, snapped at, gmt time, local time, time, "
        "window start, unix, unix timestamp, unixtime, epoch, day, period, "
        "session, dt, t, event time, ts event, start, start time, begin",
        "datum, zeitpunkt, handelstag, zeit, uhrzeit",  # German
        "date heure, séance, jour, horodatage, heure",  # French
        "fecha, fecha hora, dia, hora, data, data hora",  # Spanish, Portuguese
        "giorno, data ora, ora, orario",  # Italian
        "tarih, saat, дата, время, tanggal, waktu",  # Turkish, Russian, Indonesian
        "日付, 日付け, 日時, 年月日, 날짜, 일자, 日期, 时间, 交易日期, 交易日, 時間, 時刻, 시간",
    ),
    "symbol": (
        "symbol, ticker, instrument, asset, tic, code, ts code, act symbol, pair, stock, contract, "
        "security, secid, coin, name",
        "kürzel, symbole, código, codigo, ativo, simbolo, símbolo, sembol, hisse, тикер, kode",
        "コード, 銘柄コード, 銘柄, 종목코드, 종목, 代码, 股票代码, 证券代码, 代號",
    ),
    "open": (
        "open, open price, opening price, first, o, px open",
        "eröffnung, eröffnungskurs, eröffn, erster, start, ouverture, ouv",
        "apertura, abertura, aper",
        "açılış, откр, открытие, pembukaan, 始値, 시가, 오픈, 开盘, 开盘价, 開盤, 開盤價",  # noqa: RUF001
    ),
    "high": (
        "high, high price, highest price, max, h, px high",
        "hoch, tageshoch, höchst, plus haut, haut, máximo, máxima, max, massimo, alto",
        "yüksek, макс, максимум, tertinggi, 高値, 고가, 最高, 最高价, 最高價, 高",
    ),
    "low": (
        "low, low price, lowest price, min, l, px low",
        "tief, tagestief, tiefst, plus bas, bas, mínimo, mínima, min, minimo, basso",
        "düşük, мин, минимум, terendah, 安値, 저가, 最低, 最低价, 最低價, 低",
    ),
    "close": (
        "close, close price, closing price, settle, settlement price, settlement, close/last, "
        "price, last, last price, value, rate, nav, c, px last, prc",
        "schluss, schlusskurs, kurs, zuletzt, clôture, clot, fermeture, dernier, cierre, último",
        "ultimo, fechamento, chiusura, prezzo, precio, preço, prix",
        "kapanış, şimdi, цена, закр, закрытие, terakhir, penutupan, 終値, 종가",  # noqa: RUF001
        "收盘, 收盘价, 收盤, 收盤價",
    ),
    "adj_close": (
        "adj close, adjusted close, adj close price, adjusted close price, adjclose, adjusted",
        "調整後終値, 調整終値, 수정종가",
    ),
    "volume": (
        "volume, vol, v, no of shares, number of shares, no of shares traded, shares, "
        "ttl trd qnty, quantity, qty, traded volume, total traded quantity, tickvol, tick volume, "
        "base volume",
        "stücke, stuecke, stück, volumen, umsatz, volumes, quantité, volúmen, quantidade, quantità",
        "hacim, hac, объём, объем, объём торгов, 出来高, 거래량, 成交量, 成交股數, 交易量",
    ),
}
_ALSO_SEEN = (
    "bid, ask, spread, mid, change, change %, chg, chg %, pct change, return, amount, turnover, "
    "trades, number of trades, count, barcount, average, vwap, wap, market cap, marketcap, "
    "open interest, openint, oi, dividends, stock splits, split ratio, ex dividend, series, "
    "tradecount, quote volume, prev close, previous close, isin, currency, type, exchange, index, "
    "sno, per, volume usd, total volume, taker buy volume, ma, rsi, upper, lower, basis, note"
)


def _flat(lists: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plain(word) for text in lists for word in text.split(", ")))


def plain(name: str) -> str:
    """A column's name as it is compared: ``<CLOSE>`` and ``1. close (USD)`` are ``close``."""
    text = re.sub(r"^\s*\d+\.\s+|\([^)]*\)|\[[^]]*\]", "", name) or name
    spread = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(letter for letter in spread if not unicodedata.combining(letter))
    return re.sub(r"[\s_.*:<>\"'|\-]", "", letters)


ALIASES: dict[str, tuple[str, ...]] = {field: _flat(lists) for field, lists in _WORDS.items()}
"""The plain names of each field, best first."""

CLOCKS = frozenset(
    _flat(
        [
            "time, hour, zeit, uhrzeit, heure, hora, ora, orario, saat, время, waktu",
            "時刻, 時間, 时间, 시간",
        ]
    )
)
"""Plain names of columns that may hold the time of day, beside one that holds the date."""

CURRENCIES = frozenset(
    "usd usdt usdc busd eur gbp jpy chf cad aud nzd cny krw inr try rub idr".split()  # noqa: SIM905
)

NOT_A_SERIES = frozenset(_flat([_ALSO_SEEN])) | {
    word for field in ("open", "high", "low", "volume", "adj_close") for word in ALIASES[field]
}
"""Plain names of columns that are never a series of their own, whatever stands in them."""

_FIELD_OF = {word: field for field, words in reversed(ALIASES.items()) for word in words}


@lru_cache(maxsize=4096)
def field_of(name: str) -> str | None:
    """The field that a column of this name holds, if any."""
    word = plain(name)
    return _FIELD_OF.get(word) or ("volume" if re.match(r"volume\S", word) else None)
