from __future__ import annotations

from pathlib import Path

from sentinel_lib.settings.project import PROJECT_ROOT, in_project


def test_relative_path_starts_at_the_project() -> None:
    assert in_project("data/gold") == PROJECT_ROOT / "data" / "gold"


def test_absolute_path_stays_where_it_is(tmp_path: Path) -> None:
    assert in_project(tmp_path) == tmp_path


def test_tilde_is_the_home_of_the_user() -> None:
    assert in_project("~/data") == Path.home() / "data"


def test_project_root_holds_the_library() -> None:
    assert (PROJECT_ROOT / "sentinel_lib" / "settings" / "project.py").is_file()
