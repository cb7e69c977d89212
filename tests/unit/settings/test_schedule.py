from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.settings.schedule import Health, Schedule, read_cron

Write = Callable[[str, str], Path]

STAGES = "stages: [{name: ingest, notebook: 10_ingest.ipynb}]\n"


@pytest.mark.parametrize(
    ("text", "weekdays"),
    [
        ("0 0 * * 0", {0}),
        ("0 0 * * 7", {0}),
        ("0 0 * * sun", {0}),
        ("0 0 * * 1-5", {1, 2, 3, 4, 5}),
        ("0 0 * * MON-Fri", {1, 2, 3, 4, 5}),
        ("0 0 * * sun-tue", {0, 1, 2}),
        ("0 0 * * 5-7", {5, 6, 0}),
        ("0 0 * * */2", {0, 2, 4, 6}),
        ("0 0 * * 1-5/2,sat", {1, 3, 5, 6}),
        ("0 0 * * *", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_weekdays_count_from_sunday_as_in_cron(text: str, weekdays: set[int]) -> None:
    assert read_cron(text).weekdays == weekdays


def test_fields_are_lists_of_numbers_names_ranges_and_steps() -> None:
    cron = read_cron("*/20,5 8-10,22 1,31 jan-mar/2,12 *")

    assert cron.minutes == {0, 5, 20, 40}
    assert cron.hours == {8, 9, 10, 22}
    assert cron.days == {1, 31}
    assert cron.months == {1, 3, 12}
    assert not cron.is_of_every_hour


@pytest.mark.parametrize(
    ("text", "either"),
    [
        ("0 0 13 * 5", True),
        ("0 0 13 * *", False),
        ("0 0 * * 5", False),
        ("0 0 */2 * 5", False),
    ],
)
def test_either_day_is_enough_only_where_both_are_restricted(text: str, either: bool) -> None:
    assert read_cron(text).takes_either_day == either


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30 17 * *", "must have five fields"),
        ("0 30 17 * * 1-5", "must have five fields"),
        ("@daily", "must have five fields"),
        ("60 0 * * *", "minute: '60' must be 0 to 59"),
        ("0 24 * * *", "hour: '24' must be 0 to 23"),
        ("0 0 0 * *", "day of month: '0' must be 1 to 31"),
        ("0 0 last * *", "day of month: 'last' must be 1 to 31"),
        ("0 0 * 13 *", "month: '13' must be 1 to 12 or jan to dec"),
        ("0 0 * * 8", "day of week: '8' must be 0 to 7 or sun to sat"),
        ("0 0 * * monday", "day of week: 'monday' must be 0 to 7 or sun to sat"),
        ("0 0 * * fri-mon", "day of week: 'fri-mon' must go upwards"),
        ("0 0 * * 5#2", "day of week: '5#2' must be as in"),
        ("5/15 * * * *", "minute: '5/15' must be a range, as in 5-59/2"),
        ("*/0 * * * *", "minute: '*/0' must have a step of 1 or more"),
        ("0, 0 * * *", "minute: '' must be as in"),
        ("-5 0 * * *", "minute: '-5' must be as in"),
        ("0 0 30 2 *", "is never due: no month of it has a day 30"),
        ("0 0 31 4,6 *", "is never due: no month of it has a day 31"),
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
        ("timezone: Europe/Berln", "such as America/New_York; did you mean 'Europe/Berlin'?"),
        ("timezone: Europe", "must be an IANA time zone"),
        ("timezone: ../etc/passwd", "must be an IANA time zone"),
        ("timezone: ''", "must be an IANA time zone"),
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
