"""Where the project stands on this machine."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def in_project(path: str | Path) -> Path:
    """``path`` as an absolute one; a relative path starts at the project's root."""
    return PROJECT_ROOT / Path(path).expanduser()
