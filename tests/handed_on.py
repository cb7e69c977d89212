"""What stages hand on, for the records that tests write."""

from __future__ import annotations

from typing import Any

IN_EFFECT: dict[str, Any] = {"assets": {}, "selected": [], "start": "2024-01-01"}
CERTIFICATE = {
    "table": "silver.bars",
    "run_id": "r",
    "as_of": "2024-01-03T00:00:00Z",
    "candidate_digest": "",
    "base_version": -1,
    "suite_digest": "",
    "code_digest": "",
    "engine": "duckdb",
    "inputs": [],
    "verdicts": {},
}


def freshness(status: str = "fresh", **changes: Any) -> dict[str, Any]:
    """An asset's entry in ``freshness.json``."""
    return {
        "status": status,
        "max_loaded_at": None,
        "snapshotted_at": "2024-01-03T00:00:00Z",
        "max_loaded_at_time_ago_in_s": None,
        "sessions_behind": 0,
        "next_breach_at": None,
        "reason": "",
        "criteria": {},
        **changes,
    }


def details(stage: str, **changes: Any) -> dict[str, Any]:
    """The details that ``stage`` has to hand on; those of the monitor speak of no asset."""
    of_stage: dict[str, dict[str, Any]] = {
        "ingest": {"due_sessions": {}},
        "validate": {"certificate": CERTIFICATE},
        "promote_silver": {"changes": {}},
        "build_gold": {"silver": None, "code_digest": ""},
        "monitor": {"freshness": {}, "quiet_until": None},
    }
    return {**IN_EFFECT, **of_stage.get(stage, {}), **changes}


def monitored(**statuses: str) -> dict[str, Any]:
    """The details of a monitor that found these assets of these statuses."""
    ages = {symbol: freshness(status) for symbol, status in statuses.items()}
    return details("monitor", freshness=ages)
