"""What the stages are given: values that fit what their notebooks declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sentinel_lib.errors import ConfigError, UsageError, nearest
from sentinel_lib.notebook_runner.parameters import Parameter
from sentinel_lib.records.request import RunRequest

Value = str | int

REQUIRED = ("run_id", "as_of", "config_dir", "data_dir")

_FITTING = {"str": ("str",), "int": ("int", "float")}


def injected(
    notebook: Path, declared: Mapping[str, Parameter], offered: Mapping[str, Value]
) -> dict[str, Value]:
    """The part of ``offered`` that ``notebook`` declares.

    Raises ``ConfigError`` if it lacks a required parameter, or declares one with another type.
    """
    for name in REQUIRED:
        if name not in declared:
            raise ConfigError(
                f"{notebook}: the parameters cell lacks '{name}'{nearest(name, declared)}",
                observed=", ".join(declared) or "no parameters",
                expected=_listing(offered),
                next_step=f'write a line such as {name}: str = "..." into that cell',
            )
    for name, value in offered.items():
        if name in declared and not _fits(declared[name].type, value):
            raise ConfigError(
                f"{notebook}: parameter '{name}' has another type than its value",
                observed=f"{name}: {declared[name].type}" if declared[name].type else "no type",
                expected=_listing(offered),
                next_step="correct the type in its parameters cell",
            )
    return {name: value for name, value in offered.items() if name in declared}


def require_heard(request: RunRequest, declared: Iterable[Mapping[str, Parameter]]) -> None:
    """Raise ``UsageError`` if no notebook declares a parameter that was given by its flag."""
    heard = {name for parameters in declared for name in parameters}
    for name, (_, flag) in request.heard().items():
        if flag and name not in heard:
            raise UsageError(
                f"{flag} was given, but no notebook has a parameter '{name}'",
                observed=f"parameters: {', '.join(sorted(heard))}",
                next_step=f"declare {name} in the notebook that should use it, or leave it out",
            )


def _fits(annotation: str, value: Value) -> bool:
    return any(part.strip() in _FITTING[type(value).__name__] for part in annotation.split("|"))


def _listing(offered: Mapping[str, Value]) -> str:
    return ", ".join(f"{name}: {type(value).__name__}" for name, value in offered.items())
