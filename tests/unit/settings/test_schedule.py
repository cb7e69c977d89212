from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.settings.schedule import Health, Schedule

Write = Callable[[str, str], Path]

STAGES = "stages: [{name: ingest, notebook: 10_ingest.ipynb}]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30 17 * *", "must have five fields"),
        ("0 30 17 * * 1-5", "must have five fields"),
        ("@daily", "must have five fields"),
        ("60 0 * * *", "minute: '60' must be 0 to 59"),
        ("0 24 * * *", "hour: '24' must be 0 to 23"),
        ("0 0 0 * *", "day-of-month: '0' must be 1 to 31"),
        ("0 0 last * *", "day-of-month: 'last' must be 1 to 31"),
        ("0 0 * 13 *", "month: '13' must be 1 to 12, or jan to dec"),
        ("0 0 * * 8", "day-of-week: '8' must be 0 to 7, or sun to sat"),
        ("0 0 * * monday", "day-of-week: 'monday' must be 0 to 7, or sun to sat"),
        ("0 0 * * fri-mon", "day-of-week: 'fri-mon' must be 0 to 7"),
        ("0 0 * * 5#6", "day-of-week: '5#6' must be 0 to 7"),
        ("*/0 * * * *", "minute: '*/0' must be 0 to 59, as in *, 5, 1-5, */15 or 1-5,7"),
        ("0, 0 * * *", "minute: '0,' must be 0 to 59"),
        ("-5 0 * * *", "minute: '-5' must be 0 to 59"),
        ("0 0 30 2 *", "day-of-month: '30' must be 1 to 31, in a month that has that day"),
        ("0 0 31 4,6 *", "day-of-month: '31' must be 1 to 31, in a month that has that day"),
    ],
)
def test_what_cron_does_not_know_is_an_error_at_its_line(
    config_with: Write, text: str, said: str
) -> None:
    config = config_with("pipeline.yaml", f"{STAGES}schedule:\n  cron: '{text}'\n")

    with pytest.raises(ConfigError) as caught:
        load_pipeline(config)

    assert str(caught.value).startswith(f"{config / 'pipeline.yaml'}:3: schedule.cron: ")
    assert said in str(caught.value)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 31 2,3 *", "0 0 30 2 mon"])
def test_day_that_some_month_has_is_accepted(text: str) -> None:
    assert Schedule(cron=text).cron == text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("timezone: Europe/Berln", "such as 'America/New_York'; did you mean 'Europe/Berlin'?"),
        ("timezone: Europe", "'Europe' is not a time zone: write 'UTC' or an IANA name"),
        (
            "timezone: ../etc/passwd",
            "'../etc/passwd' is not a time zone: write 'UTC' or an IANA name",
        ),
        ("timezone: ''", "'' is not a time zone: write 'UTC' or an IANA name"),
        ("missed: skipp", "did you mean 'skip'?"),
        ("drain_seconds: -1", "drain_seconds: must be 0"),
        ("drain_second: 5", "did you mean 'drain_seconds'?"),
        ("health: {prot: 1}", "unknown key 'prot'; did you mean 'port'?"),
        ("health: {port: 65536}", "must be 65535 or less"),
        ("health: 8080", "must be a mapping"),
    ],
)
def test_schedule_that_is_wrong_is_an_error_at_its_line(
    config_with: Write, written: str, said: str
) -> None:
    text = f"{STAGES}schedule:\n  cron: 0 0 * * 1\n  {written}\n"
    config = config_with("pipeline.yaml", text)

    with pytest.raises(ConfigError) as caught:
        load_pipeline(config)

    assert str(caught.value).startswith(f"{config / 'pipeline.yaml'}:4: schedule.")
    assert said in str(caught.value)


def test_schedule_has_defaults_for_everything_but_its_times(config_with: Write) -> None:
    config = config_with("pipeline.yaml", f"{STAGES}schedule: {{cron: 30 17 * * 1-5}}\n")

    schedule = load_pipeline(config).schedule

    assert schedule == Schedule(
        cron="30 17 * * 1-5",
        timezone="UTC",
        missed="run_once",
        drain_seconds=60,
        health=Health(host="127.0.0.1", port=8080),
    )


def test_health_can_be_switched_off_and_no_schedule_is_none(config_with: Write) -> None:
    off = load_pipeline(
        config_with("pipeline.yaml", f"{STAGES}schedule: {{cron: 0 0 * * *, health: null}}\n")
    )
    none = load_pipeline(config_with("pipeline.yaml", STAGES))

    assert off.schedule is not None
    assert off.schedule.health is None
    assert none.schedule is None


def test_page_lists_every_key_and_its_example_is_valid() -> None:
    page = (PROJECT_ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8")
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    keys = page.partition("## cron expressions")[0]

    listed = re.findall(r"^\| `([a-z_]+)` \|", keys, re.MULTILINE)
    found = Schedule.model_validate(yaml.safe_load(example)["schedule"])

    assert listed == [*Schedule.model_fields, *Health.model_fields]
    assert found == Schedule(cron="30 17 * * *", timezone="America/New_York")
