"""Rows of no asset: counted in lines of their own, quarantined, and never held against anyone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.records.bar import VALUE_COLUMNS
from sentinel_lib.records.roles import QUARANTINE_BARS
from sentinel_lib.records.stage import NO_ASSET, NO_SYMBOL, UNLISTED, AssetLedger
from sentinel_lib.settings.assets import is_symbol
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.catalog import INSTANT, schema_of

RULES = {UNLISTED: "unlisted", NO_SYMBOL: "no_symbol"}

_SHOWN_SYMBOLS = 5
_LONGEST_SHOWN = 40


def line_of(stage: Stage, symbol: str | None) -> str:
    """The line that a row counts in: its asset's, ``(unlisted)``, or ``(no symbol)``."""
    if symbol in stage.assets:
        return str(symbol)
    return UNLISTED if symbol and is_symbol(symbol) else NO_SYMBOL


def lines_of(stage: Stage, symbols: Iterable[str]) -> pa.Table:
    """``named`` (a symbol as rows have it, "" for none) and the ``asset`` or line that it is.

    Assets that this run is not about are left out.
    """
    lines = {symbol: line_of(stage, symbol) for symbol in {*symbols, ""}}
    wanted = {*stage.selected, *NO_ASSET}
    rows = [(symbol, line) for symbol, line in sorted(lines.items()) if line in wanted]
    schema = pa.schema([("named", pa.string()), ("asset", pa.string())])
    return pa.table(list(zip(*rows, strict=True)), schema=schema)


def unlisted_counts(stage: Stage, rows: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Of ``rows`` by symbol those of no asset: per line, how many each symbol has."""
    found: dict[str, Counter[str]] = {}
    for symbol, count in rows.items():
        line = line_of(stage, symbol)
        if line in NO_ASSET:
            found.setdefault(line, Counter())[symbol] += count
    return {line: dict(found[line].most_common()) for line in NO_ASSET if line in found}


def unlisted_reason(line: str, counts: Mapping[str, int]) -> str:
    """How many rows a line has, of which symbols, and what would make them an asset's."""
    total = sum(counts.values())
    if line == NO_SYMBOL and set(counts) == {""}:
        return f"{total:,} rows have no symbol: name the column by columns: {{symbol: ...}}"
    shown = [f"{_shown(symbol)} ({rows:,})" for symbol, rows in counts.items() if symbol]
    more = [f"and {len(shown) - _SHOWN_SYMBOLS} more"] if len(shown) > _SHOWN_SYMBOLS else []
    names = ", ".join([*shown[:_SHOWN_SYMBOLS], *more])
    if line == NO_SYMBOL:
        return f"{total:,} rows have no symbol that an asset can have: {names}"
    return (
        f"{total:,} rows are of no asset: {names}; list the symbol in assets.yaml, "
        "or set source_symbol of the asset that it is"
    )


def unlisted_ledgers(
    counts: Mapping[str, Mapping[str, int]], known: Mapping[str, int]
) -> dict[str, AssetLedger]:
    """The ledgers of Bronze for the lines of no asset; ``known`` rows are there already."""
    return {
        line: AssetLedger(
            status="unlisted",
            reason=unlisted_reason(line, symbols),
            rows_in=sum(symbols.values()),
            promoted=sum(symbols.values()) - known.get(line, 0),
            deduplicated=known.get(line, 0),
        )
        for line, symbols in counts.items()
    }


def listed_rows(batch: Table) -> Table:
    """The rows of a batch that are an asset's: the others are not judged."""
    return batch.filter(batch.asset.notin(NO_ASSET))


def quarantined_unlisted(stage: Stage, batch: Table) -> pa.Table:
    """The rows of no asset as ``quarantine.bars`` has them, made in the engine: they may be many.

    Their payload line is not repeated in ``text``: every value of it that is read stands beside it.
    """
    rows = batch.filter(batch.asset.isin(NO_ASSET))
    rule = (rows.asset == UNLISTED).ifelse(RULES[UNLISTED], RULES[NO_SYMBOL])
    words = (rows.asset == UNLISTED).ifelse("is no asset", "is no symbol")
    named = ibis.literal("symbol '") + rows.symbol.fill_null("").left(_LONGEST_SHOWN) + "' "
    place = rows.file + ibis.literal(" line ") + rows.line.cast("string") + ": "
    schema = schema_of(QUARANTINE_BARS)
    found = rows.select(
        "asset", "file", "payload", "layout", "line", "symbol", "timestamp", *VALUE_COLUMNS,
        "is_provisional", "fetched_as_of",
        rule=rule,
        reason=place + named + words + " [" + rule + "]",
        text=ibis.null("string"),
        run_id=ibis.literal(stage.run_id),
    ).order_by(["asset", "payload", "layout", "line"]).to_pyarrow()  # fmt: skip
    judged = pa.repeat(pa.scalar(stage.as_of, INSTANT), len(found))
    return found.append_column("judged_as_of", judged).select(schema.names).cast(schema)


def _shown(symbol: str) -> str:
    text = symbol if symbol.isprintable() else ascii(symbol)[1:-1]
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
