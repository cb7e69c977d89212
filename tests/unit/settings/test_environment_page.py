"""``docs/environment.md`` and the two templates say what variables there are: all, and no other."""

from __future__ import annotations

import re

import pytest
from dotenv import dotenv_values

from sentinel_lib.settings.environment import Environment, load_environment
from sentinel_lib.settings.project import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| (yes|no) \|", PAGE, re.MULTILINE))
PLAIN = PROJECT_ROOT / ".env.example"
SECRET = PROJECT_ROOT / ".env.local.example"


def test_page_has_a_row_for_every_variable_and_for_no_other() -> None:
    assert sorted(ROWS) == sorted(name.upper() for name in Environment.model_fields)


def test_page_says_which_variables_are_secret() -> None:
    secret = {name.upper() for name in Environment.secret_names()}

    assert {name for name, said in ROWS.items() if said == "yes"} == secret


def test_templates_hold_every_variable_and_the_secrets_apart() -> None:
    secret = {name.upper() for name in Environment.secret_names()}

    assert set(dotenv_values(SECRET)) == secret
    assert set(dotenv_values(PLAIN)) == {name.upper() for name in Environment.model_fields} - secret


def test_templates_as_they_are_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Environment.model_config, "env_file", None)
    by_default = load_environment()
    monkeypatch.setitem(Environment.model_config, "env_file", (PLAIN, SECRET))

    assert load_environment() == by_default
