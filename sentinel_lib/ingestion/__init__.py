"""Where bars come from: the sources, what is due from each, and payloads read into raw bars."""

from sentinel_lib.ingestion.batch import (
    Fetched,
    LoggedPayload,
    Parsed,
    digest_of,
    fetch,
    parse,
    read_files,
    sources_of,
    symbols_in,
)
from sentinel_lib.ingestion.raw_bars import RAW_BARS, STORED_RAW_BARS
from sentinel_lib.ingestion.schedule import due_sessions, due_windows, next_due
from sentinel_lib.ingestion.source import Rejected

__all__ = [
    "RAW_BARS",
    "STORED_RAW_BARS",
    "Fetched",
    "LoggedPayload",
    "Parsed",
    "Rejected",
    "digest_of",
    "due_sessions",
    "due_windows",
    "fetch",
    "next_due",
    "parse",
    "read_files",
    "sources_of",
    "symbols_in",
]
