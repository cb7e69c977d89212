"""When an asset's data counts as late, and when as stale."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sentinel_lib.settings.model import ConfigModel

Period = Literal["minute", "hour", "day", "session"]


class Limit(ConfigModel):
    """An age: a number of periods. A session is a trading day of the asset's own calendar."""

    count: Annotated[int, Field(ge=1)]
    period: Period

    @property
    def duration(self) -> timedelta | None:
        """The age as a time, or None if it is counted in sessions."""
        return None if self.period == "session" else timedelta(**{f"{self.period}s": self.count})


class Limits(ConfigModel):
    """``late`` from ``warn_after`` on, ``stale`` from ``error_after`` on."""

    warn_after: Limit = Limit(count=1, period="session")
    error_after: Limit = Limit(count=2, period="session")

    @model_validator(mode="after")
    def _warns_before_the_error(self) -> Self:
        warn, error = self.warn_after, self.error_after
        if warn.period == error.period and warn.count > error.count:
            raise ValueError(
                f"warn_after ({warn.count} {warn.period}) must not come later than "
                f"error_after ({error.count} {error.period})"
            )
        return self
