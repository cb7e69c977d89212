"""The certificate: what a gate audited, and its verdicts. Nothing is published without one."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Certificate(BaseModel):
    """What a gate says of exactly one candidate.

    ``candidate_digest`` names the rows that were audited, ``base_version`` the version of the
    published table they were made against (-1 where there was none), ``suite_digest`` the rules,
    ``config_digest`` the assets' terms, ``code_digest`` what ``20_validate`` consists of and can
    reach, ``engine`` what ran the row work, ``inputs`` the payloads; ``verdicts`` is each asset's
    status. It counts only while the rules, the terms and the code are these.
    """

    # Certificates of version 0.2 and before have a field more: they can still be read.
    model_config = ConfigDict(extra="ignore", frozen=True)

    table: str
    run_id: str
    as_of: datetime
    candidate_digest: str
    base_version: int
    suite_digest: str
    config_digest: str = ""  # certificates of version 0.1 had none
    code_digest: str
    engine: str
    inputs: tuple[str, ...]
    verdicts: dict[str, str]
