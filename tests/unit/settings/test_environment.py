from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.environment import Environment, load_environment


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
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
