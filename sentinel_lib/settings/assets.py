"""``config/assets.yaml``: what is watched, where it comes from, and when it is late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, SerializeAsAny, ValidationError, model_validator

from sentinel_lib.errors import ConfigError, UsageError, nearest
from sentinel_lib.records.bar import DECLARED_COLUMNS, Fields, Interval
from sentinel_lib.records.stage import NO_ASSET
from sentinel_lib.settings.calendar_names import CONTINUOUS, WEEKDAYS, known_calendar
from sentinel_lib.settings.document import Document, Location, read_document
from sentinel_lib.settings.explanation import Explanation, unknown_key, unknown_word
from sentinel_lib.settings.freshness_limits import Limits
from sentinel_lib.settings.model import ConfigModel, Day
from sentinel_lib.settings.sources import OPTIONS, SourceName, SourceOptions, Sources

FILE_NAME = "assets.yaml"
LONGEST_SYMBOL = 100


def is_symbol(name: str) -> bool:
    """Whether ``name`` can be the symbol of an asset."""
    is_text = name.isprintable() and name == name.strip()
    return is_text and 0 < len(name) <= LONGEST_SYMBOL and name not in NO_ASSET


def _symbol(name: str) -> str:
    if is_symbol(name):
        return name
    raise ValueError(
        "a symbol must be printable text without spaces around it, of at most "
        f"{LONGEST_SYMBOL} characters, and none of {', '.join(NO_ASSET)}"
    )


Symbol = Annotated[str, AfterValidator(_symbol)]
Hours = Literal["regular", "extended"]


class AssetTerms(ConfigModel):
    """What can be said of an asset, or of all of them under ``defaults``."""

    source: SourceName = "simulated"
    source_symbol: str | None = None
    interval: Interval = "1d"
    calendar: Annotated[str, AfterValidator(known_calendar)] = CONTINUOUS
    fields: Fields = "ohlcv"
    freshness: Limits = Limits()
    gaps: Literal["block", "warn"] = "block"
    hours: Hours = "regular"
    owner: str | None = None
    paused_until: Day | None = None
    reason: str | None = None


class Asset(AssetTerms):
    """One symbol with everything resolved: its terms over the defaults, its source's options."""

    symbol: Symbol
    options: SerializeAsAny[SourceOptions]

    @model_validator(mode="before")
    @classmethod
    def _options_are_of_the_source(cls, content: Any) -> Any:
        if isinstance(content, dict) and isinstance(content.get("options"), dict):
            model = OPTIONS[content["source"]]
            return {**content, "options": model.model_validate(content["options"])}
        return content

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that a bar of this asset must have."""
        return DECLARED_COLUMNS[self.fields]

    @property
    def keeps_hours(self) -> bool:
        """Whether bars outside the hours of its exchange are left out of its sessions."""
        return self.interval != "1d" and self._is_of_exchange and self.hours == "regular"

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

    def unlisted(self, symbol: str, source: SourceName, options: dict[str, Any]) -> Asset:
        """The terms of a symbol that a file holds and ``assets`` does not list."""
        terms = {"calendar": WEEKDAYS, "gaps": "warn", "source": source}
        return self._resolved(symbol, source, terms, options)

    def resolve(
        self,
        document: Document,
        source: SourceName | None = None,
        options: dict[str, Any] | None = None,
    ) -> dict[str, Asset]:
        """Every asset by symbol; ``source`` and ``options`` stand over what the file says."""
        found = {}
        for symbol, written in self.assets.items():
            own_source = _own_source(symbol, written or {}, self.defaults.source, document)
            _check_keys(symbol, written or {}, own_source, document)
            kept = written or {}
            if source not in (None, own_source):
                kept = {key: kept[key] for key in kept if key not in _of_one_source(own_source)}
            terms = {key: kept[key] for key in kept if key in AssetTerms.model_fields}
            own = {key: kept[key] for key in kept if key not in terms}
            chosen = source or own_source
            try:
                found[symbol] = self._resolved(symbol, chosen, terms, {**own, **(options or {})})
            except ValidationError as invalid:
                models: list[type[BaseModel]] = [AssetTerms, OPTIONS[chosen]]
                raise document.explained(invalid, models, ("assets", symbol)) from None
        return found

    def _resolved(
        self, symbol: str, source: SourceName, terms: dict[str, Any], options: dict[str, Any]
    ) -> Asset:
        shared = getattr(self.sources, source).model_dump(exclude_unset=True)
        resolved = OPTIONS[source].model_validate(_over(shared, options))
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


def _own_source(
    symbol: str, written: dict[str, Any], default: SourceName, document: Document
) -> SourceName:
    source: SourceName = written.get("source", default)
    if isinstance(source, str) and source in OPTIONS:
        return source
    raise _at(document, ("assets", symbol, "source"), unknown_word(source, OPTIONS))


def _check_keys(
    symbol: str, written: dict[str, Any], source: SourceName, document: Document
) -> None:
    accepted = set(AssetTerms.model_fields) | set(OPTIONS[source].model_fields)
    for key in written:
        if key in accepted:
            continue
        said = unknown_key(key, accepted)
        others = [name for name, options in OPTIONS.items() if key in options.model_fields]
        if others:
            message = f"is an option of source {others[0]}, and the source of {symbol} is {source}"
            said = Explanation(message, expected=said.expected)
        raise _at(document, ("assets", symbol, key), said)


def _of_one_source(source: SourceName) -> set[str]:
    """The keys that mean nothing to another source: its options, and its name for the asset."""
    return {"source_symbol", *OPTIONS[source].model_fields}


def _at(document: Document, location: Location, said: Explanation) -> ConfigError:
    return document.error(location, said.message, observed=said.observed, expected=said.expected)


def read_assets(config: Path, shown: Path | None = None) -> tuple[AssetsFile, Document]:
    """``assets.yaml`` in the folder ``config``, and its lines.

    ``shown`` is the folder that messages name, if ``config`` is a copy of it.
    """
    document = read_document(config / FILE_NAME, (shown or config) / FILE_NAME)
    return document.read_as(AssetsFile), document


def load_assets(
    config: Path, source: SourceName | None = None, options: dict[str, Any] | None = None
) -> dict[str, Asset]:
    """The assets by symbol, in the file's order; raises ``ConfigError`` naming file and line."""
    file, document = read_assets(config)
    return file.resolve(document, source, options)


def recorded_assets(terms: Mapping[str, Any]) -> dict[str, Asset]:
    """The assets that a stage record lists under ``assets``, as they were configured then."""
    return {symbol: Asset.model_validate(written) for symbol, written in terms.items()}


def select(assets: dict[str, Asset], symbols: Iterable[str]) -> dict[str, Asset]:
    """Those of ``assets`` that are named; a name that is not there is a ``UsageError``."""
    for symbol in symbols:
        if symbol not in assets:
            raise UsageError(
                f"--assets names '{symbol}', which is not an asset{nearest(symbol, assets)}",
                expected=f"one of {', '.join(assets)}",
            )
    return {symbol: assets[symbol] for symbol in assets if symbol in set(symbols)}
