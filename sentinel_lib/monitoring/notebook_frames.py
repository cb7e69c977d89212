"""A traceback as IPython writes it into a notebook, taken apart for Sentry."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sentinel_lib.settings.project import PROJECT_ROOT

Frame = dict[str, Any]

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CELL = re.compile(r"\s*(?:Cell |Input )In *\[(\d+|\s*)\], line (\d+)(?:, in (.+))?")
_FILE = re.compile(r"\s*File (.+):(\d+)(?:, in (.+))?")
_SOURCE = re.compile(r"(-*>)? *(\d+)(?: (.*))?")
_INSTALLED = re.compile("/lib/python3[.][0-9]+/(?:site-packages/)?|/site-packages/")
_PACKAGE = __name__.partition(".")[0]
_HEAD = re.compile(r"-{20,}")
_LINKED = "The above exception was the direct cause of the following exception:"
_DURING = "During handling of the above exception, another exception occurred:"


def frames(traceback: Sequence[str], notebook: str) -> list[Frame]:
    """Sentry's stack frames of the error that ended a cell of ``notebook``, the outermost first.

    Empty where the traceback has none, or is written another way. Of errors that were raised from
    one another it is the last: the one that the notebook names.
    """
    parts = (_frame(part, notebook) for part in _last_of_chain(traceback))
    return [frame for frame in parts if frame is not None]


def plain(traceback: Sequence[str]) -> str:
    """The traceback as text without colours."""
    return _COLOUR.sub("", "\n".join(traceback))


def _last_of_chain(traceback: Sequence[str]) -> list[str]:
    parts = [_COLOUR.sub("", part) for part in traceback]
    links = [at for at, part in enumerate(parts) if part.strip() in (_LINKED, _DURING)]
    return parts[links[-1] + 1 :] if links else parts


def _frame(part: str, notebook: str) -> Frame | None:
    head, *lines = part.splitlines() or [""]
    if _HEAD.fullmatch(head):
        return None
    if in_cell := _CELL.fullmatch(head):
        _, number, function = in_cell.groups()
        frame: Frame = {"filename": notebook, "in_app": True}
    elif in_file := _FILE.fullmatch(head):
        path, number, function = in_file.groups()
        frame = _in_file(path)
    else:
        return None
    frame["lineno"] = int(number)
    frame["function"] = (function or "<cell>").partition("(")[0]
    return {**frame, **_context(lines)}


def _in_file(path: str) -> Frame:
    """Named from the project's root or the installed packages: where those are is private."""
    full = Path(path).expanduser()
    installed = _INSTALLED.split(full.as_posix())
    if len(installed) > 1:
        inside = Path(installed[-1])
    elif full.is_relative_to(PROJECT_ROOT):
        inside = full.relative_to(PROJECT_ROOT)
    else:
        inside = Path(full.name)
    module = ".".join(inside.with_suffix("").parts).removesuffix(".__init__")
    is_ours = inside.parts[0] == _PACKAGE
    return {"filename": inside.as_posix(), "module": module, "in_app": is_ours}


def _context(lines: Sequence[str]) -> Frame:
    """The source around the line that was running, which IPython marks with an arrow."""
    before: list[str] = []
    after: list[str] = []
    current: str | None = None
    for arrow, text in _source(lines):
        if arrow:
            current = text
        else:
            (before if current is None else after).append(text)
    if current is None:  # a syntax error shows the line alone, without a number
        return {"context_line": lines[0].strip()} if lines else {}
    return {"pre_context": before, "context_line": current, "post_context": after}


def _source(lines: Sequence[str]) -> Iterator[tuple[bool, str]]:
    for line in lines:
        if match := _SOURCE.fullmatch(line.strip()):
            arrow, _, text = match.groups()
            yield bool(arrow), text or ""
