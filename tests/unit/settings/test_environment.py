from __future__ import annotations

import traceback
from importlib import metadata
from pathlib import Path

import pytest
from pydantic import SecretStr

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.environment import Environment, load_environment

DSN = "https://0123456789abcdef@example.com/42"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Environment.model_config, "env_file", None)


def test_environment_logs_information_by_default() -> None:
    assert load_environment().log_level == "INFO"


def test_environment_reads_the_level_in_either_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "warning")

    assert load_environment().log_level == "WARNING"


def test_real_environment_stands_over_the_files_and_the_local_file_over_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=ERROR\nUNRELATED=1\n")
    (tmp_path / ".env.local").write_text("LOG_LEVEL=WARNING\n")
    files = (tmp_path / ".env", tmp_path / ".env.local")
    monkeypatch.setitem(Environment.model_config, "env_file", files)

    from_files = load_environment().log_level
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    from_both = load_environment().log_level

    assert (from_files, from_both) == ("WARNING", "DEBUG")


def test_wrong_value_in_the_environment_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "WARN")

    with pytest.raises(ConfigError) as caught:
        load_environment()

    assert str(caught.value).splitlines() == [
        "environment variable LOG_LEVEL: 'WARN' is not accepted; did you mean 'WARNING'?",
        "  expected: one of DEBUG, INFO, WARNING, ERROR",
        "  next: change it in the environment, .env or .env.local",
    ]


def test_without_variables_nothing_is_sent_anywhere() -> None:
    found = load_environment()

    assert (found.environment, found.sentry_dsn, found.notify_addresses()) == ("local", None, [])


def test_release_is_the_installed_version_unless_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_default = load_environment().release
    monkeypatch.setenv("SENTRY_RELEASE", "dataflow-sentinel@9.9.9+a1b2c3")
    named = load_environment().release

    assert by_default == f"dataflow-sentinel@{metadata.version('dataflow-sentinel')}"
    assert named == "dataflow-sentinel@9.9.9+a1b2c3"


@pytest.mark.parametrize("empty", ["", "  "])
def test_variable_without_a_value_is_not_set_and_still_stands_over_the_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty: str
) -> None:
    (tmp_path / ".env").write_text(f"SENTRY_DSN={DSN}\nLOG_LEVEL=ERROR\n")
    monkeypatch.setitem(Environment.model_config, "env_file", (tmp_path / ".env",))
    from_file = load_environment()

    monkeypatch.setenv("SENTRY_DSN", empty)
    monkeypatch.setenv("LOG_LEVEL", empty)
    from_both = load_environment()

    assert (from_file.sentry_dsn, from_file.log_level) == (SecretStr(DSN), "ERROR")
    assert (from_both.sentry_dsn, from_both.log_level) == (None, "INFO")


def test_addresses_to_notify_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_URLS", " mailto://robot@example.com\n\tjson://example.com/in ")

    found = [one.get_secret_value() for one in load_environment().notify_addresses()]

    assert found == ["mailto://robot@example.com", "json://example.com/in"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("environment", "local"),
        ("environment", "docker"),
        ("environment", "CI"),
        ("environment", "eu-west-1"),
        ("sentry_dsn", DSN),
        ("sentry_dsn", "http://key@127.0.0.1:9000/prefix/7"),
        ("sentry_release", "a1b2c3d"),
        ("sentry_monitor_slug", "daily-run"),
    ],
)
def test_valid_value_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name.upper(), value)

    found = getattr(load_environment(), name)

    shown = found.get_secret_value() if isinstance(found, SecretStr) else found
    assert shown == (value.lower() if name == "environment" else value)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ENVIRONMENT", "my laptop", "must be at most 64 letters, digits and -"),
        ("SENTRY_RELEASE", "feature/x", "must be at most 200 characters without spaces"),
        ("SENTRY_RELEASE", "..", "must be at most 200 characters without spaces"),
        ("SENTRY_MONITOR_SLUG", "Daily Run", "must be at most 50 lower-case letters"),
    ],
)
def test_invalid_value_is_shown_beside_what_is_accepted(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError) as caught:
        load_environment()

    assert str(caught.value).startswith(f"environment variable {variable}: {said}")
    assert caught.value.observed == f"'{value}'"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SENTRY_DSN", "canary"),
        ("SENTRY_DSN", "https://canary@example.com"),
        ("SENTRY_DSN", "https://canary@example.com/project"),
        ("SENTRY_DSN", "https://example.com/canary/1"),
        ("SENTRY_DSN", "https://canary@example.com:port/1"),
        ("SENTRY_DSN", "https://canary@[::1/1"),
        ("SENTRY_DSN", "ftp://canary@example.com/1"),
        ("SENTRY_DSN", "https://canary@ example.com/1"),
        ("NOTIFY_URLS", "canary@example.com"),
        ("NOTIFY_URLS", "json://example.com canary"),
        ("NOTIFY_URLS", "json:// canary"),
    ],
)
def test_invalid_secret_is_an_error_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError) as caught:
        load_environment()

    assert str(caught.value).startswith(f"environment variable {variable}: must be ")
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_secrets_are_not_shown_by_the_settings_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_DSN", DSN)
    monkeypatch.setenv("NOTIFY_URLS", "json://robot:hunter2-hunter2@example.com")

    found = load_environment()

    assert "0123456789" not in repr(found) + found.model_dump_json()
    assert "hunter2" not in repr(found) + found.model_dump_json()
