"""Payloads that need not be parsed or judged again: fetched as before, and promoted as they are.

Such a payload is the latest fetch of its place (source, locator and asset), and the run that
fetched it then promoted it, under the rules, the terms and the code that stand. It is logged, and
its rows count as deduplicated. By hand, with ``--input`` and in a replay everything is judged.
"""

import json
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pyarrow.dataset as ds

from sentinel_lib.ingestion.batch import digest_of
from sentinel_lib.ingestion.fetches import Fetched, LoggedPayload, Parsed, Place, place_of
from sentinel_lib.ingestion.source_columns import columns_of_json
from sentinel_lib.records.details import IngestDetails, ValidateDetails
from sentinel_lib.records.roles import BRONZE_FETCHES, INGEST, PROMOTE_SILVER, VALIDATE
from sentinel_lib.rules.suites import load_suite
from sentinel_lib.settings.assets import recorded_assets
from sentinel_lib.stages.certificates import gate_digests, made_with
from sentinel_lib.stages.ingest.earlier_runs import passed_by_both_gates
from sentinel_lib.stages.origin import recorded_ingest
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.tables import is_one_of


def unchanged_payloads(
    stage: Stage, fetched: Fetched, input_path: str
) -> dict[Place, LoggedPayload]:
    """Those among ``fetched``, by their place, as they were logged before.

    A rebuild goes by what its run found then.
    """
    if stage.is_by_hand or stage.is_replay or input_path:
        return {}
    recorded = recorded_ingest(stage).handed_on(IngestDetails) if stage.archive else None
    known = {tuple(reading) for reading in recorded.unchanged} if recorded else None
    settled, payloads = _Settled(stage), {}
    newest = _newest_fetches(stage)
    readers = Counter(place_of(payload) for payload, _ in fetched.payloads)
    for payload, _ in fetched.payloads:
        row = newest.get(place := place_of(payload))
        if row is None or readers[place] > 1 or row["payload"] != digest_of(payload.content):
            continue
        rows_by_symbol = json.loads(row["symbols"])
        if not isinstance(rows_by_symbol, dict):  # it was logged before 0.6
            continue
        reading = (row["payload"], row["layout"])
        if reading in known if known is not None else settled.holds(row["run_id"], rows_by_symbol):
            payloads[place] = _as_logged(row, rows_by_symbol)
    return payloads


def left_alone(stage: Stage, parsed: Parsed) -> dict[str, Any]:
    """What ingest hands on of the payloads that are not judged again, and for the next run to tell
    whether it reads as this one did.
    """
    readings = sorted({(logged.payload, logged.layout) for logged in parsed.unchanged})
    return {
        "unchanged": readings,
        "unchanged_rows": parsed.unchanged_rows,
        "code_digest": made_with(stage.config, INGEST),
    }


def _newest_fetches(stage: Stage) -> dict[Place, dict[str, Any]]:
    """The latest fetch of each place; none where its payload was read in several ways then."""
    stands = ~is_one_of("run_id", stage.history.undone()) & (ds.field("run_id") != stage.run_id)
    rows = stage.published.read_or_empty(BRONZE_FETCHES, where=stands)
    newest: dict[Place, dict[str, Any]] = {}
    several = set()
    for row in rows.sort_by([("as_of", "ascending"), ("run_id", "ascending")]).to_pylist():
        place = Place(row["source"], row["locator"], row["symbol"])
        if place in newest and newest[place]["run_id"] == row["run_id"]:
            several.add(place)
        else:
            several.discard(place)
        newest[place] = row
    return {place: row for place, row in newest.items() if place not in several}


class _Settled:
    """Whether what a run fetched was promoted, under what stands today."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._assets: dict[str, set[str] | None] = {}

    def holds(self, run_id: str, symbols: Mapping[str, int]) -> bool:
        """Whether that is so of all the assets of a payload that this run is about."""
        if run_id not in self._assets:
            self._assets[run_id] = self._promoted(run_id)
        assets = self._assets[run_id]
        return assets is not None and assets.issuperset(symbols.keys() & self.stage.assets.keys())

    def _promoted(self, run_id: str) -> set[str] | None:
        """The assets whose rows of that run need no other look; None where all do."""
        history, assets = self.stage.history, self.stage.assets
        ingested, validated, promoted = (
            history.read_stage(run_id, name) for name in (INGEST, VALIDATE, PROMOTE_SILVER)
        )
        gate = validated.handed_on(ValidateDetails) if validated else None
        read = ingested.handed_on(IngestDetails) if ingested else None
        if (
            not (promoted and gate and read)
            or promoted.status not in ("ok", "degraded")
            or read.code_digest != self._code
            or not self._rules.items() <= gate.certificate.model_dump().items()
        ):
            return None
        then = recorded_assets(read.assets)
        same = {symbol for symbol in read.selected if then.get(symbol) == assets.get(symbol)}
        return same & passed_by_both_gates(history, run_id)

    @cached_property
    def _rules(self) -> dict[str, str]:
        config = self.stage.config
        return gate_digests(config, load_suite(config, "silver"))

    @cached_property
    def _code(self) -> str:
        return made_with(self.stage.config, INGEST)


def _as_logged(row: Mapping[str, Any], rows_by_symbol: Mapping[str, int]) -> LoggedPayload:
    names = ("payload", "layout", "source", "locator", "symbol", "bytes", "rows", "date_format")
    return LoggedPayload(
        **{name: row[name] for name in (*names, "timezone", "reading")},
        symbols=tuple(symbol for symbol in rows_by_symbol if symbol),
        columns=columns_of_json(row["columns"]),
        rows_by_symbol=rows_by_symbol,
    )
