"""``config/assets.yaml``: what is watched, where it comes from, and when it is late."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SerializeAsAny,
    ValidationError,
    model_validator,
)

from sentinel_lib.errors import UsageError, nearest
from sentinel_lib.records.bar import (
    DECLARED_COLUMNS,
    INTERVAL_SECONDS,
    ONE_DAY,
    Fields,
    Interval,
    Prices,
)
from sentinel_lib.records.stage import NO_ASSET
from sentinel_lib.settings.calendar_names import CONTINUOUS, WEEKDAYS, known_calendar
from sentinel_lib.settings.document import Document, read_document
from sentinel_lib.settings.explanation import unknown_key, unknown_word
from sentinel_lib.settings.model import ConfigModel, Day
from sentinel_lib.settings.sources import SOURCES, SourceName, SourceOptions, Sources

FILE_NAME = "assets.yaml"
LONGEST_SYMBOL = 100


def is_symbol(name: str) -> bool:
    """Whether ``name`` can be the symbol of an asset."""
    has_length = 0 < len(name) <= LONGEST_SYMBOL
    return has_length and name.isprintable() and name == name.strip() and name not in NO_ASSET


def _symbol(name: str) -> str:
    if is_symbol(name):
        return name
    raise ValueError(
        "a symbol must be printable text without spaces around it, of at most "
        f"{LONGEST_SYMBOL} characters, and none of {', '.join(NO_ASSET)}"
    )


Symbol = Annotated[str, AfterValidator(_symbol)]
Hours = Literal["regular", "extended"]
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


class AssetTerms(ConfigModel):
    """What can be said of an asset, or of all of them under ``defaults``."""

    source: SourceName = "simulated"
    source_symbol: str | None = None
    interval: Interval = ONE_DAY
    calendar: Annotated[str, AfterValidator(known_calendar)] = CONTINUOUS
    fields: Fields = "ohlcv"
    prices: Prices = "positive"
    freshness: Limits = Limits()
    gaps: Literal["block", "warn"] = "block"
    hours: Hours = "regular"
    owner: str | None = None
    paused_until: Day | None = None
    reason: str | None = None


class Asset(AssetTerms):
    """One symbol with everything resolved: its terms over the defaults, its source's options.

    A ``question`` is what its bars leave open where nobody has configured it: it is held back.
    """

    symbol: Symbol
    options: SerializeAsAny[SourceOptions]
    question: Annotated[str | None, Field(exclude_if=lambda text: text is None)] = None

    @model_validator(mode="before")
    @classmethod
    def _options_are_of_the_source(cls, content: Any) -> Any:
        if isinstance(content, dict) and isinstance(content.get("options"), dict):
            model = SOURCES[content["source"]]
            return {**content, "options": model.model_validate(content["options"])}
        return content

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that a bar of this asset must have."""
        return DECLARED_COLUMNS[self.fields]

    @property
    def is_daily(self) -> bool:
        """Whether its sources give a bar a session."""
        return self.interval == ONE_DAY

    @property
    def bar_length(self) -> timedelta:
        """How long one of its bars lasts."""
        return timedelta(seconds=INTERVAL_SECONDS[self.interval])

    @property
    def keeps_hours(self) -> bool:
        """Whether bars outside the hours of its exchange are left out of its sessions."""
        return not self.is_daily and self._is_of_exchange and self.hours == "regular"

    @property
    def is_extended(self) -> bool:
        """Whether every bar of its exchange's day makes its session."""
        return self._is_of_exchange and self.hours == "extended"

    @property
    def _is_of_exchange(self) -> bool:
        return self.calendar not in (CONTINUOUS, WEEKDAYS)

    @property
    def asked_as(self) -> str:
        """The name by which the source knows it."""
        return self.source_symbol or self.symbol

    def is_paused(self, as_of: datetime) -> bool:
        """Whether it is neither fetched nor judged at ``as_of``."""
        return self.paused_until is not None and as_of.astimezone(UTC).date() < self.paused_until


class AssetsFile(ConfigModel):
    """The file as written. ``start`` is where the first fetch of an asset begins."""

    start: Day
    defaults: AssetTerms = AssetTerms()
    assets: dict[Symbol, dict[str, Any] | None]
    sources: Sources = Sources()

    def unlisted(
        self, symbol: str, source: str, options: dict[str, Any], inferred: Mapping[str, Any]
    ) -> Asset:
        """The terms of a symbol that a file holds and ``assets`` does not list: those that are
        ``inferred`` from its bars.
        """
        terms = {"calendar": WEEKDAYS, "gaps": "warn", "source": source, **inferred}
        question = terms.pop("question", None)
        asset = self._resolved(symbol, source, terms, options)
        return asset.model_copy(update={"question": question})

    def resolve(
        self, document: Document, source: str | None = None, options: dict[str, Any] | None = None
    ) -> dict[str, Asset]:
        """Every asset by symbol; ``source`` and ``options`` replace what the file says.

        Raises ``ConfigError`` with the line in ``document`` of what is wrong.
        """
        assets = {}
        for symbol, content in self.assets.items():
            written = content or {}
            configured = _source_of(symbol, written, self.defaults.source, document)
            chosen = source or configured
            if chosen != configured:  # what only the configured source understands is left out
                of_it = {"source_symbol", *SOURCES[configured].model_fields}
                written = {key: value for key, value in written.items() if key not in of_it}
            terms = {key: written[key] for key in written if key in AssetTerms.model_fields}
            given = {key: written[key] for key in written if key not in terms} | (options or {})
            try:
                assets[symbol] = self._resolved(symbol, chosen, terms, given)
            except ValidationError as invalid:
                models: list[type[BaseModel]] = [AssetTerms, SOURCES[chosen]]
                raise document.explained(invalid, models, ("assets", symbol)) from None
        return assets

    def _resolved(
        self, symbol: str, source: str, terms: dict[str, Any], options: dict[str, Any]
    ) -> Asset:
        shared = getattr(self.sources, source).model_dump(exclude_unset=True)
        resolved = SOURCES[source].model_validate(_over(shared, options))
        merged = _over(self.defaults.model_dump(exclude_unset=True), terms)
        return Asset.model_validate(
            {**merged, "source": source, "symbol": symbol, "options": resolved}
        )


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``; where both have a mapping, key by key."""
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = _over(below[key], above[key])
    return merged


def _source_of(symbol: str, written: dict[str, Any], default: str, document: Document) -> str:
    """The source that ``written`` names; raises ``ConfigError`` for a key that it does not know."""
    source = written.get("source", default)
    if not isinstance(source, str) or source not in SOURCES:
        raise document.error_of(("assets", symbol, "source"), unknown_word(source, SOURCES))
    accepted = {*AssetTerms.model_fields, *SOURCES[source].model_fields}
    for key in (key for key in written if key not in accepted):
        problem = unknown_key(key, accepted)
        for other, options in SOURCES.items():
            if key in options.model_fields:
                message = f"is an option of source {other}, and the source of {symbol} is {source}"
                problem = replace(problem, message=message)
        raise document.error_of(("assets", symbol, key), problem)
    return source


def read_assets(config: Path, shown: Path | None = None) -> tuple[AssetsFile, Document]:
    """``assets.yaml`` in the folder ``config``, which messages call ``shown`` if it is a copy of
    that, and its lines. Raises ``ConfigError`` with the line of what is wrong.
    """
    document = read_document(config / FILE_NAME, (shown or config) / FILE_NAME)
    return document.read_as(AssetsFile), document


def recorded_assets(terms: Mapping[str, Any]) -> dict[str, Asset]:
    """The assets that a stage record lists under ``assets``, as they were configured then."""
    return {symbol: Asset.model_validate(written) for symbol, written in terms.items()}


def select(assets: dict[str, Asset], symbols: Iterable[str]) -> dict[str, Asset]:
    """The ``assets`` that ``symbols`` names. Raises ``UsageError`` for a name that is not there."""
    chosen = set(symbols)
    for symbol in sorted(chosen - assets.keys()):
        raise UsageError(
            f"--assets names '{symbol}', which is not an asset{nearest(symbol, assets)}",
            expected=f"one of {', '.join(assets)}",
            next_step="name assets of assets.yaml, or list the new one there",
        )
    return {symbol: asset for symbol, asset in assets.items() if symbol in chosen}
