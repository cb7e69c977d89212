from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_lib.errors import ConfigError
from sentinel_lib.storage.config_copy import config_copy, exact_files
from sentinel_lib.storage.run_history import RunHistory

ASSETS = b"start: 2024-01-01\r\n# \xe9: not UTF-8\nassets: {A: {owner: market-data-alerts}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    (folder / "expectations").mkdir(parents=True)
    (folder / "assets.yaml").write_bytes(ASSETS)
    (folder / "expectations" / "silver.yaml").write_text("table: silver.bars\n")
    (folder / "notes.txt").write_text("not configuration")
    return folder


def test_run_keeps_every_yaml_file_byte_for_byte(config: Path, tmp_path: Path) -> None:
    history = RunHistory(tmp_path / "data")

    with config_copy(config, tmp_path / "data") as copy:
        (config / "assets.yaml").write_text("edited meanwhile")
        history.keep_config("r1", copy)

    kept = history.layout.config_of("r1")
    assert (kept / "assets.yaml").read_bytes() == ASSETS
    assert sorted(path.relative_to(kept).as_posix() for path in kept.rglob("*.*")) == [
        "assets.yaml", "expectations/silver.yaml",
    ]  # fmt: skip


def test_copy_that_no_run_keeps_goes_and_so_do_those_of_killed_runs(
    config: Path, tmp_path: Path
) -> None:
    left = tmp_path / "data" / "ops" / ".config-left" / "config"
    left.mkdir(parents=True)

    with config_copy(config, tmp_path / "data") as copy:
        assert (copy / "assets.yaml").exists()

    assert list((tmp_path / "data" / "ops").iterdir()) == []


def test_file_that_holds_a_secret_is_an_error_at_its_line(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_URLS", "json://robot:hunter2-hunter2@example.com")
    file = config / "assets.yaml"
    file.write_text("start: 2024-01-01\nassets:\n  A: {reason: ask hunter2-hunter2}\n")

    with pytest.raises(ConfigError) as caught, config_copy(config, tmp_path / "data"):
        pass

    assert str(caught.value).startswith(f"{file}:3: holds the value of NOTIFY_URLS")
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_name_of_a_user_without_a_password_is_no_secret(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_URLS", "mailto://market-data-alerts@example.com")

    assert exact_files(config)[Path("assets.yaml")] == ASSETS


def test_key_in_a_sentry_dsn_is_a_secret(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_DSN", "https://0123456789abcdef@sentry.example.com/1")
    (config / "assets.yaml").write_text("reason: 0123456789abcdef\n")

    with pytest.raises(ConfigError, match="1: holds the value of SENTRY_DSN"):
        exact_files(config)
