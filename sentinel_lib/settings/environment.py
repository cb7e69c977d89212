"""What is configured by the environment: read here alone."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.explanation import explanation
from sentinel_lib.settings.project import PROJECT_ROOT

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

PACKAGE = "dataflow-sentinel"


def _upper(written: object) -> object:
    return written.upper() if isinstance(written, str) else written


def _lower(written: object) -> object:
    return written.lower() if isinstance(written, str) else written


def _place(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
        raise ValueError("must be at most 64 letters, digits and -, such as local, docker or ci")
    return name


def _release(name: str) -> str:
    if not re.fullmatch(r"[^\s/\\]{1,200}", name) or name in (".", ".."):
        raise ValueError(
            "must be at most 200 characters without spaces and slashes, such as "
            f"{PACKAGE}@1.2.3 or a commit"
        )
    return name


def _monitor(slug: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]{1,50}", slug):
        raise ValueError(
            "must be at most 50 lower-case letters, digits, _ and -, such as daily-run: "
            "the slug of a cron monitor in Sentry"
        )
    return slug


def _dsn(secret: SecretStr) -> SecretStr:
    if not _is_dsn(secret.get_secret_value()):
        raise ValueError(
            "must be a Sentry DSN, https://KEY@HOST/PROJECT with a number as the project: "
            "Sentry shows it under Settings, Projects, Client Keys"
        )
    return secret


def _is_dsn(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_address = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or brackets that do not close
        return False
    project = parts.path.rpartition("/")[2]
    return bool(
        parts.scheme in ("http", "https")
        and has_address
        and parts.username
        and re.fullmatch(r"[0-9]+", project)
        and not re.search(r"\s", text)
    )


def _addresses(secret: SecretStr) -> SecretStr:
    for number, address in enumerate(secret.get_secret_value().split(), start=1):
        if not re.match(r"[a-z][a-z0-9+.-]*://\S", address, re.IGNORECASE):
            raise ValueError(
                "must be Apprise addresses with spaces between them, such as "
                f"mailtos://user:password@example.com; number {number} has no scheme://"
            )
    return secret


class Environment(BaseSettings):
    """Settings that differ from machine to machine. Later sources win: ``.env``, ``.env.local``,
    the real environment. A variable without a value counts as not set, so that a later source can
    also switch something off.
    """

    model_config = SettingsConfigDict(
        env_file=(PROJECT_ROOT / ".env", PROJECT_ROOT / ".env.local"),
        extra="ignore",
    )

    log_level: Annotated[LogLevel, BeforeValidator(_upper)] = "INFO"
    environment: Annotated[str, BeforeValidator(_lower), AfterValidator(_place)] = "local"
    sentry_dsn: Annotated[SecretStr, AfterValidator(_dsn)] | None = None
    sentry_release: Annotated[str, AfterValidator(_release)] | None = None
    sentry_monitor_slug: Annotated[str, AfterValidator(_monitor)] | None = None
    notify_urls: Annotated[SecretStr, AfterValidator(_addresses)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_set(cls, written: dict[str, Any]) -> dict[str, Any]:
        stripped = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in written.items()
        }
        return {name: value for name, value in stripped.items() if value != ""}

    @classmethod
    def secret_names(cls) -> list[str]:
        """The settings whose values nothing may show."""
        return [name for name, field in cls.model_fields.items() if _is_secret(field.annotation)]

    @property
    def release(self) -> str:
        """What Sentry files events under: ``SENTRY_RELEASE``, or the installed version."""
        if self.sentry_release:
            return self.sentry_release
        try:
            return f"{PACKAGE}@{metadata.version(PACKAGE)}"
        except metadata.PackageNotFoundError:  # run from a folder that was copied, not installed
            return f"{PACKAGE}@unknown"

    def notify_addresses(self) -> list[SecretStr]:
        """The addresses of ``NOTIFY_URLS``, one by one."""
        written = self.notify_urls.get_secret_value() if self.notify_urls else ""
        return [SecretStr(address) for address in written.split()]


def load_environment() -> Environment:
    """The settings of this machine; raises ``ConfigError`` naming the variable that is wrong.

    The value of a secret is not in the error.
    """
    try:
        return Environment()
    except ValidationError as invalid:
        detail = invalid.errors(include_url=False)[0]
        said = explanation(detail, [Environment])
        name = str(detail["loc"][0])
        is_secret = name in Environment.secret_names()
        raise ConfigError(
            f"environment variable {name.upper()}: {said.message}",
            observed=None if is_secret else said.observed,
            expected=said.expected,
            next_step="change it in the environment, .env or .env.local",
        ) from None


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))
