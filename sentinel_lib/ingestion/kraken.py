"""The kraken source: Kraken's public OHLC end point.

One response holds at most the newest 720 intervals, and rows after its ``last`` are not final.
Errors arrive with HTTP 200, in ``error``. About one request a second is allowed.
https://docs.kraken.com/api/docs/rest-api/get-ohlc-data
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from urllib.parse import urlencode

import httpx
import tenacity

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import kraken_answer
from sentinel_lib.ingestion.source import Reading
from sentinel_lib.logger import log
from sentinel_lib.records.bar import INTERVAL_SECONDS
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import KrakenOptions

NAME = "kraken"
PATH = "/0/public/OHLC"
MOST_ROWS = 720
LONGEST_WAIT_SECONDS = 60.0

_TOO_MANY_REQUESTS = 429


class _ThrottledError(SourceError):
    """A transient failure whose answer says after how many seconds to ask again."""

    wait_seconds: float | None = None


class KrakenSource:
    """Bars of Kraken's pairs; an asset's ``source_symbol`` is the pair, such as XBTUSD."""

    def __init__(self, options: KrakenOptions, assets: Mapping[str, Asset]) -> None:
        self._options = options
        self._assets = assets

    def fetch(self, windows: Sequence[Window]) -> Iterator[Payload | FetchFailure]:
        """One request per window, with pauses between them."""
        with httpx.Client(timeout=self._options.timeout_seconds) as client:
            for place, window in enumerate(windows):
                time.sleep(self._options.pause_seconds if place else 0)
                try:
                    yield self._payload(client, window)
                except SourceError as failed:
                    yield FetchFailure(window.symbol, str(failed), failed.is_transient)

    def read(self, payload: Payload) -> Reading:
        """Open a response, stored or new."""
        answer = kraken_answer.read(payload.content, payload.locator)
        return Reading(
            NAME,
            partial(kraken_answer.bars_of, answer, payload.symbol or ""),
            columns=lambda _: kraken_answer.COLUMNS,
            date_format="epoch_s",
            terms={"symbol": payload.symbol},
        )

    def asset_of(self, payload: Payload) -> str | None:
        return payload.symbol

    def serves(self, payload: Payload) -> bool:
        """Each payload is of the asset that it was asked for."""
        return payload.symbol in self._assets

    def _payload(self, client: httpx.Client, window: Window) -> Payload:
        asset = self._assets[window.symbol]
        query = {
            "pair": asset.asked_as,
            "interval": INTERVAL_SECONDS[asset.interval] // 60,
            "since": int(window.start.timestamp()) - 1,
        }
        locator = f"{PATH}?{urlencode(query)}"
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._options.attempts),
            wait=self._wait,
            retry=tenacity.retry_if_exception(_is_transient),
            before_sleep=partial(_log_retry, window.symbol),
            reraise=True,
        )
        content, answer = retrying(self._get, client, locator)
        if len(answer.rows) >= MOST_ROWS and window.start.timestamp() < answer.first_time:
            log().warning(
                "kraken keeps no bars as old as those asked for; the newest ones were taken",
                symbol=window.symbol,
                asked_from=window.start.isoformat(),
                rows=len(answer.rows),
            )
        return Payload(source=NAME, locator=locator, content=content, symbol=window.symbol)

    def _get(self, client: httpx.Client, locator: str) -> tuple[bytes, kraken_answer.Answer]:
        """The bytes of an answer that holds bars; anything else is a ``SourceError``."""
        try:
            response = client.get(str(self._options.base_url).rstrip("/") + locator)
        except httpx.RequestError as failed:
            reason = str(failed) or type(failed).__name__
            raise SourceError(
                f"kraken could not be reached: {reason}",
                next_step="check the network and base_url, then run again",
                is_transient=True,
            ) from failed
        if response.status_code != httpx.codes.OK:
            raise _bad_status(response)
        return response.content, kraken_answer.read(response.content, locator)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _ThrottledError) and error.wait_seconds is not None:
            return error.wait_seconds
        pause = self._options.pause_seconds
        backoff = tenacity.wait_exponential(multiplier=pause, max=LONGEST_WAIT_SECONDS)
        return backoff(state) + tenacity.wait_random(0, pause)(state)


def _bad_status(response: httpx.Response) -> SourceError:
    status = response.status_code
    wait = response.headers.get("Retry-After", "")
    seconds = float(wait) if wait.isdigit() else None
    is_transient = status == _TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR
    if seconds is not None and seconds > LONGEST_WAIT_SECONDS:
        is_transient = False
    error = _ThrottledError(
        f"kraken answered with HTTP {status} {response.reason_phrase}".rstrip(),
        observed=f"Retry-After: {wait}" if wait else None,
        next_step="wait and run again" if is_transient or wait else "check base_url",
        is_transient=is_transient,
    )
    error.wait_seconds = seconds
    return error


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, SourceError) and error.is_transient


def _log_retry(symbol: str, state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log().warning(
        "kraken is asked again",
        symbol=symbol,
        attempt=state.attempt_number,
        wait_seconds=round(state.upcoming_sleep, 1),
        reason=error.message if isinstance(error, SourceError) else str(error),
    )
