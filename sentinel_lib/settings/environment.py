"""What is configured by the environment: read here alone."""

import re
from contextlib import suppress
from importlib import metadata
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    HttpUrl,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.explanation import explanation
from sentinel_lib.settings.model import matching
from sentinel_lib.settings.project import PROJECT_ROOT

PACKAGE = "dataflow-sentinel"

LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)]
Place = Annotated[
    str,
    matching(
        r"[a-z0-9-]{1,64}", "must be at most 64 letters, digits and -, such as local, docker or ci"
    ),
    BeforeValidator(str.lower),
]
Release = Annotated[
    str,
    matching(
        r"(?!\.\.?$)[^\s/\\]{1,200}",
        "must be at most 200 characters without spaces and slashes, such as "
        f"{PACKAGE}@1.2.3 or a commit",
    ),
]
MonitorSlug = Annotated[
    str,
    matching(
        r"[a-z0-9_-]{1,50}",
        "must be at most 50 lower-case letters, digits, _ and -, such as daily-run: "
        "the slug of a cron monitor in Sentry",
    ),
]


def _dsn(secret: SecretStr) -> SecretStr:
    with suppress(ValidationError):
        address = HttpUrl(secret.get_secret_value())
        if address.username and re.search(r"/[0-9]+$", address.path or ""):
            return secret
    raise ValueError(
        "must be a Sentry DSN, https://KEY@HOST/PROJECT with a number as the project: "
        "Sentry shows it under Settings, Projects, Client Keys"
    )


def _addresses(secret: SecretStr) -> SecretStr:
    for number, address in enumerate(secret.get_secret_value().split(), start=1):
        if not re.match(r"[a-z][a-z0-9+.-]*://\S", address, re.IGNORECASE):
            raise ValueError(
                "must be Apprise addresses separated by spaces, such as "
                f"mailtos://user:password@example.com; number {number} has no scheme://"
            )
    return secret


class Environment(BaseSettings):
    """Settings that differ from machine to machine. Later sources win: ``.env``, ``.env.local``,
    the real environment. A variable without a value counts as not set, so that a later source can
    also switch something off.
    """

    model_config = SettingsConfigDict(
        env_file=(PROJECT_ROOT / ".env", PROJECT_ROOT / ".env.local"), extra="ignore"
    )

    log_level: LogLevel = "INFO"
    environment: Place = "local"
    sentry_dsn: Annotated[SecretStr, AfterValidator(_dsn)] | None = None
    sentry_release: Release | None = None
    sentry_monitor_slug: MonitorSlug | None = None
    notify_urls: Annotated[SecretStr, AfterValidator(_addresses)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_set(cls, written: dict[str, Any]) -> dict[str, Any]:
        texts = {name: text.strip() for name, text in written.items() if isinstance(text, str)}
        return {name: value for name, value in {**written, **texts}.items() if value != ""}

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
        """Each address of ``NOTIFY_URLS``."""
        addresses = self.notify_urls.get_secret_value() if self.notify_urls else ""
        return [SecretStr(address) for address in addresses.split()]


def load_environment() -> Environment:
    """The settings of this machine.

    Raises ``ConfigError`` naming the variable that is not valid; without its value if secret.
    """
    try:
        return Environment()
    except ValidationError as invalid:
        detail = invalid.errors(include_url=False)[0]
        problem = explanation(detail, [Environment])
        name = str(detail["loc"][0])
        is_secret = name in Environment.secret_names()
        raise ConfigError(
            f"environment variable {name.upper()}: {problem.message}",
            observed=None if is_secret else problem.observed,
            expected=problem.expected,
            next_step="change it in the environment, .env or .env.local",
        ) from None


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))
