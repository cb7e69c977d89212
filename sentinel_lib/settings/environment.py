"""The environment: the only place that reads it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.explanation import explanation
from sentinel_lib.settings.project import PROJECT_ROOT

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _upper(written: object) -> object:
    return written.upper() if isinstance(written, str) else written


class Environment(BaseSettings):
    """Settings that differ from machine to machine. Later sources win: ``.env``, ``.env.local``,
    the real environment.
    """

    model_config = SettingsConfigDict(
        env_file=(PROJECT_ROOT / ".env", PROJECT_ROOT / ".env.local"),
        extra="ignore",
    )

    log_level: Annotated[LogLevel, BeforeValidator(_upper)] = "INFO"


def load_environment() -> Environment:
    """The settings of this machine; raises ``ConfigError`` naming the variable that is wrong."""
    try:
        return Environment()
    except ValidationError as invalid:
        detail = invalid.errors(include_url=False)[0]
        said = explanation(detail, [Environment])
        variable = str(detail["loc"][0]).upper()
        raise ConfigError(
            f"environment variable {variable}: {said.message}",
            observed=said.observed,
            expected=said.expected,
            next_step="change it in the environment, .env or .env.local",
        ) from None
