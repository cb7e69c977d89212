"""What earlier results rest on."""

from __future__ import annotations

import pytest

from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.stages import certificates
from sentinel_lib.stages.certificates import made_with

CONFIG = PROJECT_ROOT / "config"


def test_what_a_stage_works_with_is_the_same_until_it_changes() -> None:
    digests = {made_with(CONFIG, stage) for stage in ("ingest", "build_gold", "ingest")}

    assert len(digests) == 2


@pytest.mark.parametrize("part", ["version", "engine_name"])
def test_other_calendars_or_another_engine_are_another_thing_to_work_with(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    before = made_with(CONFIG, "build_gold")
    monkeypatch.setattr(certificates, part, lambda *_: "99")

    assert made_with(CONFIG, "build_gold") != before
