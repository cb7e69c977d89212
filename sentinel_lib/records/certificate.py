"""The certificate: what a gate audited, and what it said. Nothing is published without one."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Certificate(BaseModel):
    """A gate's word about exactly one candidate.

    ``candidate_digest`` names the rows that were audited, ``base_version`` the version of the
    published table they were made against (-1 where there was none), ``suite_digest`` the rules,
    ``code_digest`` the library and the notebooks, ``engine`` what ran the row work, ``inputs`` the
    payloads; ``verdicts`` is each asset's status.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    run_id: str
    as_of: datetime
    candidate_digest: str
    base_version: int
    suite_digest: str
    code_digest: str
    engine: str
    inputs: tuple[str, ...]
    verdicts: dict[str, str]
    checks_passed: int
