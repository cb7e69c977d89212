"""A look at every byte that is kept, by its checksum. Lost payloads are asked for again."""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sentinel_lib.errors import LockedError, SourceError, StorageError
from sentinel_lib.ingestion.batch import digest_of, fetch_again
from sentinel_lib.records.details import StageDetails
from sentinel_lib.records.inspection import Inspection
from sentinel_lib.records.roles import BRONZE_FETCHES, INGEST
from sentinel_lib.settings.assets import Asset
from sentinel_lib.storage import root
from sentinel_lib.storage.layout import table_names
from sentinel_lib.storage.payloads import PayloadArchive
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

Hold = Callable[[], AbstractContextManager[None]]
"""Makes this process the one writer, or raises ``LockedError``."""


@dataclass(frozen=True, slots=True)
class LostPayload:
    """A payload whose bytes are not there any more, and why; ``fetches`` is its log, newest first.

    ``refusal`` says why it could not be had again, once that has been tried.
    """

    digest: str
    why: str
    fetches: tuple[dict[str, Any], ...]
    refusal: str = ""

    def __str__(self) -> str:
        last = self.fetches[0]
        symbols = list(filter(None, json.loads(last["symbols"])))
        more = f" and {len(symbols) - 5} more" if len(symbols) > 5 else ""
        text = (
            f"payload {self.digest[:12]} of {', '.join(symbols[:5]) or 'no symbol'}{more} "
            f"({last['locator']}, which run {last['run_id']} fetched from {last['source']}) is "
            f"lost: {self.why}"
        )
        if not self.refusal:
            return text
        runs = list(dict.fromkeys(fetch["run_id"] for fetch in self.fetches))
        return (
            f"{text}; fetched again: {self.refusal}. Its rows are still in bronze.bars as text, "
            f"but what follows from run {', '.join(runs[:3])}{' and others' * (len(runs) > 3)} "
            "cannot be built again, unless a backup has the file"
        )


def lost_payloads(data: Path, until: str | None = None, after: str = "") -> list[LostPayload]:
    """The payloads that runs (up to ``until``, ``after`` another) fetched and that are altered or
    missing.

    Raises ``StorageError`` if the log of fetches cannot be read.
    """
    archive, fetches = PayloadArchive(data), fetched_payloads(data, until, after)
    problems = {digest: archive.problem(digest) for digest in sorted(fetches)}
    return [
        LostPayload(digest, why, tuple(fetches[digest])) for digest, why in problems.items() if why
    ]


def fetched_payloads(
    data: Path, until: str | None = None, after: str = ""
) -> dict[str, list[dict[str, Any]]]:
    """The payloads that runs (up to ``until``, ``after`` another) fetched, each with its log, the
    newest first.

    Raises ``StorageError`` if that log cannot be read.
    """
    rows = Lake(data, is_checked=not root.is_older(data)).read_or_empty(BRONZE_FETCHES)
    fetches: dict[str, list[dict[str, Any]]] = {}
    for row in rows.sort_by([("run_id", "descending"), ("locator", "ascending")]).to_pylist():
        if after < row["run_id"] and (until is None or row["run_id"] <= until):
            fetches.setdefault(row["payload"], []).append(row)
    return fetches


def recover(data: Path, lost: Iterable[LostPayload]) -> tuple[list[LostPayload], list[LostPayload]]:
    """Ask the sources of lost payloads for them again: those that came, and those that did not.

    A payload is put back only if its bytes are the same. Only for the one writer.
    """
    tried = [replace(payload, refusal=_recover(data, payload)) for payload in lost]
    recovered = [payload for payload in tried if not payload.refusal]
    return recovered, [payload for payload in tried if payload.refusal]


def _recover(data: Path, payload: LostPayload) -> str:
    """Put a payload back; why not, if that failed."""
    refusals: dict[tuple[str, str], str] = {}
    for fetch in payload.fetches:
        place = (fetch["source"], fetch["locator"])
        if place in refusals:
            continue
        try:
            content = fetch_again(*place, _asset(data, fetch), fetch["as_of"])
        except (SourceError, StorageError) as refused:
            refusals[place] = refused.message
            continue
        if digest_of(content) == payload.digest:
            PayloadArchive(data).store(content)
            return ""
        refusals[place] = f"{fetch['source']} has other bytes for {fetch['locator']} now"
    return "; ".join(dict.fromkeys(refusals.values()))


def _asset(data: Path, fetch: dict[str, Any]) -> Asset | None:
    """The asset that a payload was asked for, as it was configured then."""
    record = RunHistory(data).read_stage(fetch["run_id"], INGEST) if fetch["symbol"] else None
    details = record.handed_on(StageDetails) if record else None
    terms = details.assets.get(fetch["symbol"]) if details else None
    return None if terms is None else Asset.model_validate(terms)


def inspect(data: Path, now: datetime, hold: Hold) -> Inspection:
    """Compare every file of the tables as they stand, and every payload, with its checksum.

    A payload that is lost is asked for again. What was found is kept for ``/healthz``. Raises
    ``StorageError`` only if that cannot be written.
    """
    problems, files = list[str](), 0
    for name in filter(Lake(data).exists, table_names(data)):
        try:
            files += len(Lake(data, is_checked=False).files(name))
            problems += map(str, Lake(data).damaged(name))
        except StorageError as unreadable:
            problems.append(str(unreadable))
    try:
        count, (recovered, gone) = len(fetched_payloads(data)), _payloads(data, hold)
    except StorageError:  # the log of the fetches, which is among the problems already
        count, recovered, gone = 0, [], ["which payloads there must be cannot be known"]
    inspection = Inspection(
        inspected_at_utc=now,
        files=files,
        payloads=count,
        problems=(*problems, *gone),
        recovered=tuple(recovered),
    )
    RunHistory(data).write_inspection(inspection)
    return inspection


def _payloads(data: Path, hold: Hold) -> tuple[list[str], list[str]]:
    """The lost payloads that could be had again, and those that could not, in words."""
    lost = lost_payloads(data)
    if not lost:
        return [], []
    try:
        with hold():
            recovered, gone = recover(data, lost)
    except LockedError as locked:
        return [], [f"{payload}; not asked for again, for {locked.message}" for payload in lost]
    return list(map(str, recovered)), list(map(str, gone))
