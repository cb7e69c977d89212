"""Rows of no asset: counted in lines of their own, quarantined, and never held against anyone."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.errors import counted, listed
from sentinel_lib.records.bar import VALUE_COLUMNS
from sentinel_lib.records.roles import QUARANTINE_BARS
from sentinel_lib.records.stage import NO_ASSET, NO_SYMBOL, UNLISTED, AssetLedger
from sentinel_lib.settings.assets import is_symbol
from sentinel_lib.storage.catalog import INSTANT, schema_of

RULES = {UNLISTED: "unlisted", NO_SYMBOL: "no_symbol"}

_LONGEST_SHOWN = 40


def line_of(assets: Collection[str], symbol: str | None) -> str:
    """The line that a row counts in: its asset's, ``(unlisted)``, or ``(no symbol)``."""
    if symbol in assets:
        return str(symbol)
    return UNLISTED if symbol and is_symbol(symbol) else NO_SYMBOL


def lines_of(assets: Collection[str], selected: Iterable[str], symbols: Iterable[str]) -> pa.Table:
    """``named`` (a symbol as rows have it, "" for none) and the ``asset`` or line that it is.

    Of the ``assets`` those that are not ``selected`` are left out.
    """
    lines = {symbol: line_of(assets, symbol) for symbol in {*symbols, ""}}
    wanted = {*selected, *NO_ASSET}
    rows = [(symbol, line) for symbol, line in sorted(lines.items()) if line in wanted]
    schema = pa.schema([("named", pa.string()), ("asset", pa.string())])
    return pa.table(list(zip(*rows, strict=True)), schema=schema)


def unlisted_counts(assets: Collection[str], rows: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Of ``rows`` by symbol those of no asset: per line, how many each symbol has, most first."""
    counts = {line: Counter[str]() for line in NO_ASSET}
    for symbol, count in rows.items():
        line = line_of(assets, symbol)
        if line in counts:
            counts[line][symbol] += count
    return {line: dict(symbols.most_common()) for line, symbols in counts.items() if symbols}


def unlisted_reason(line: str, counts: Mapping[str, int]) -> str:
    """How many rows a line has, of which symbols, and what would make them an asset's."""
    total = sum(counts.values())
    rows = f"{counted(total, 'row')} {'has' if total == 1 else 'have'}"
    if line == NO_SYMBOL and set(counts) == {""}:
        return f"{rows} no symbol: name the column by columns: {{symbol: ...}}"
    names = listed(f"{_shown(symbol)} ({count:,})" for symbol, count in counts.items() if symbol)
    if line == NO_SYMBOL:
        return f"{rows} no symbol that an asset can have: {names}"
    return (
        f"{rows} the symbol of no asset: {names}; list the symbol in assets.yaml, "
        "or set source_symbol of the asset that it is"
    )


def unlisted_ledgers(
    counts: Mapping[str, Mapping[str, int]], already: Mapping[str, Mapping[str, int]]
) -> dict[str, AssetLedger]:
    """The ledgers of Bronze for the lines of no asset, from ``unlisted_counts``.

    Rows that are there ``already`` count as deduplicated.
    """
    ledgers = {}
    for line, symbols in counts.items():
        rows_in, deduplicated = sum(symbols.values()), sum(already.get(line, {}).values())
        ledgers[line] = AssetLedger(
            status="unlisted",
            reason=unlisted_reason(line, symbols),
            rows_in=rows_in,
            promoted=rows_in - deduplicated,
            deduplicated=deduplicated,
        )
    return ledgers


def listed_rows(batch: Table) -> Table:
    """The rows of a batch that are an asset's: the others are not judged."""
    return batch.filter(batch.asset.notin(NO_ASSET))


def quarantined_unlisted(batch: Table, run_id: str, as_of: datetime) -> pa.Table:
    """The rows of no asset as ``quarantine.bars`` has them, made in the engine: they may be many.

    Their payload line is not repeated in ``text``: every value of it that is read stands beside it.
    """
    rows = batch.filter(batch.asset.isin(NO_ASSET))
    rule = (rows.asset == UNLISTED).ifelse(RULES[UNLISTED], RULES[NO_SYMBOL])
    verdict = (rows.asset == UNLISTED).ifelse("is not an asset", "is not a valid symbol")
    symbol = ibis.literal("symbol '") + rows.symbol.fill_null("").left(_LONGEST_SHOWN) + "' "
    place = rows.file + ibis.literal(" line ") + rows.line.cast("string") + ": "
    schema = schema_of(QUARANTINE_BARS)
    quarantined = rows.select(
        "asset", "file", "payload", "layout", "line", "symbol", "timestamp", *VALUE_COLUMNS,
        "is_provisional", "fetched_as_of",
        rule=rule,
        reason=place + symbol + verdict + " [" + rule + "]",
        text=ibis.null("string"),
        run_id=ibis.literal(run_id),
    ).order_by(["asset", "payload", "layout", "line"]).to_pyarrow()  # fmt: skip
    judged = pa.repeat(pa.scalar(as_of, INSTANT), len(quarantined))
    return quarantined.append_column("judged_as_of", judged).select(schema.names).cast(schema)


def _shown(symbol: str) -> str:
    text = symbol if symbol.isprintable() else ascii(symbol)[1:-1]
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
