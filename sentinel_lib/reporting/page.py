"""The templates of pages and messages, and how much of a long table they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sentinel_lib.reporting import wording

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")

INDEX = "index.html"
"""The page of a folder of reports, and of the folder of one run."""

MAX_TABLE_ROWS = 200
"""Rows a table of a run report shows: a page stays small with thousands of assets."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Excerpt(Generic[Row]):
    """The first rows of a table, and how many there are that the page does not show."""

    rows: Sequence[Row]
    left_out: int = 0


def excerpt(rows: Sequence[Row], limit: int = MAX_TABLE_ROWS) -> Excerpt[Row]:
    """At most ``limit`` of ``rows``, from the front."""
    return Excerpt(rows[:limit], max(0, len(rows) - limit))


def render(template: str, **values: object) -> str:
    """What ``template`` makes of ``values``; a missing value is an error, not a gap.

    Every value is escaped for HTML, unless the template is named as text or Markdown.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is None or not name.endswith((".txt.j2", ".md.j2")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: tuple[Callable[..., Any], ...] = (
        wording.duration, wording.ending, wording.meaning, wording.moment, wording.plain,
        wording.short_reason, wording.thousands,
    )  # fmt: skip
    environment.filters |= {function.__name__: function for function in filters}
    return environment
