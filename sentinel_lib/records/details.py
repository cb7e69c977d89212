"""What each stage hands on to the stages after it and to the reports, as its record keeps it."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, PlainSerializer

Freshness = Literal["fresh", "late", "stale", "unknown", "paused"]
Second = Annotated[
    AwareDatetime,
    PlainSerializer(
        lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", when_used="json-unless-none"
    ),
]
"""A time, written in UTC and to the second."""


class Details(BaseModel, extra="allow", frozen=True):
    """Whatever a notebook recorded, where it is not what its stage has to hand on."""


class StageDetails(Details):
    """What every stage hands on: later stages do not read ``assets.yaml`` again.

    ``assets`` has each asset as it was configured, ``selected`` the symbols that the run is about;
    ``start`` is the first date of history. A stage run by hand ``follows`` a run, or none ("").
    """

    assets: dict[str, dict[str, JsonValue]]
    selected: tuple[str, ...]
    start: date
    follows: Annotated[str | None, Field(exclude_if=lambda run_id: run_id is None)] = None


class IngestDetails(StageDetails):
    """``due_sessions`` is how many sessions each selected asset should have delivered: it tells
    "expected but absent" from "nothing expected". ``readings`` says how each file of ``--input``
    was read, by its locator. ``unchanged`` are the payload and layout of each reading that is not
    judged again, ``unchanged_rows`` how many rows those have of each symbol ("" for none).
    ``code_digest`` is what ``10_ingest`` works with: its code, the engine and the calendars.
    """

    due_sessions: dict[str, int]
    readings: dict[str, str] = {}
    unchanged: tuple[tuple[str, str], ...] = ()
    unchanged_rows: dict[str, int] = {}
    code_digest: str = ""


# Certificates of version 0.2 and before have a field more: they can still be read.
class Certificate(BaseModel, extra="ignore", frozen=True):
    """What the Silver gate says of exactly one candidate. Nothing is published without one.

    ``candidate_digest`` names the rows that were audited, ``corrections`` is how many of them the
    published table has with other values; ``base_version`` the version of that (-1 where there was
    none), ``suite_digest`` the rules, ``config_digest`` the assets' terms, ``code_digest`` what
    ``20_validate`` consists of and can reach, ``engine`` what ran the row work, ``inputs`` the
    payloads; ``verdicts`` is each asset's status. It counts only while the rules, the terms and the
    code are these.
    """

    table: str
    run_id: str
    as_of: datetime
    candidate_digest: str
    base_version: int
    corrections: int = 0  # certificates of version 0.5 and before had none
    suite_digest: str
    config_digest: str = ""  # certificates of version 0.1 had none
    code_digest: str
    engine: str
    inputs: tuple[str, ...]
    verdicts: dict[str, str]


class ValidateDetails(StageDetails):
    """The certificate of the candidate."""

    certificate: Certificate


class PromoteDetails(StageDetails):
    """``changes``: how many rows were new to Silver (``insert``), and how many ``correction``s."""

    changes: dict[str, int]


class GoldDetails(StageDetails):
    """``silver`` is the version of Silver that Gold was made of, with the run that committed it;
    ``code_digest`` is what ``40_build_gold`` works with: its code, the engine and the calendars.
    """

    silver: tuple[int, str] | None
    code_digest: str


class AssetFreshness(BaseModel, frozen=True):
    """An asset's entry in ``freshness.json``. Times are UTC.

    ``max_loaded_at`` is the timestamp of the last good bar; ``sessions_behind`` counts the sessions
    that closed since that bar's, the source's grace included; ``next_breach_at`` is when the status
    gets worse if nothing arrives. Names follow dbt's source freshness artifact where it has one.
    """

    status: Freshness
    max_loaded_at: Second | None
    snapshotted_at: Second
    max_loaded_at_time_ago_in_s: int | None
    sessions_behind: int
    next_breach_at: Second | None
    reason: str
    criteria: dict[str, JsonValue]


class MonitorDetails(StageDetails):
    """Each asset's freshness. Until ``quiet_until`` no source owes anything new; None if one does
    already.
    """

    freshness: dict[str, AssetFreshness]
    quiet_until: Second | None
