"""Requests over HTTP: retries, pauses, ``Retry-After``, limits of time and size, for all sources.

A source that is an API says what to request and whether the answer is one; all else is here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import tenacity

from sentinel_lib.errors import SourceError
from sentinel_lib.logger import log
from sentinel_lib.records.payload import FetchFailure, Payload
from sentinel_lib.settings.sources import HttpOptions

if TYPE_CHECKING:  # it is slow to import, and most runs do not need it
    import httpx

LONGEST_WAIT_SECONDS = 60.0
LARGEST_ANSWER_BYTES = 64 * 2**20

_OK, _TOO_MANY_REQUESTS, _SERVER_ERROR = 200, 429, 500


class _UnavailableError(SourceError):
    """An answer that may say after how many seconds to request it again."""

    wait_seconds: float | None = None


def answers(
    source: str,
    options: HttpOptions,
    locators: Mapping[str, str],
    check: Callable[[bytes, str], object],
) -> Iterator[Payload | FetchFailure]:
    """The answer to one GET per asset: ``locators`` has the path and query by symbol.

    ``check`` is given the bytes and the locator of an answer with status 200. It raises
    ``SourceError`` if they hold no bars, a transient one if the request is worth repeating.
    """
    import httpx

    def get(locator: str) -> bytes:
        content = _content(client, source, str(options.base_url).rstrip("/") + locator)
        check(content, locator)
        return content

    with httpx.Client(timeout=options.timeout_seconds) as client:
        for place, (symbol, locator) in enumerate(locators.items()):
            time.sleep(options.pause_seconds if place else 0)
            try:
                content = _retrying(source, options, symbol)(get, locator)
            except SourceError as failed:
                yield FetchFailure(symbol, str(failed), failed.is_transient)
            else:
                yield Payload(source, locator, content, symbol)


def _retrying(source: str, options: HttpOptions, symbol: str) -> tenacity.Retrying:
    """Again after a transient failure: after the wait that the server names, else after ever longer
    ones, with jitter.
    """
    pause = options.pause_seconds
    backoff = tenacity.wait_exponential(pause, LONGEST_WAIT_SECONDS) + tenacity.wait_random(
        0, pause
    )

    def wait(state: tenacity.RetryCallState) -> float:
        failed = state.outcome.exception() if state.outcome else None
        seconds: float | None = getattr(failed, "wait_seconds", None)
        return backoff(state) if seconds is None else seconds

    def announce(state: tenacity.RetryCallState) -> None:
        log().warning(
            f"{source} is asked again",
            symbol=symbol,
            attempt=state.attempt_number,
            wait_seconds=round(state.upcoming_sleep, 1),
            reason=getattr(state.outcome and state.outcome.exception(), "message", ""),
        )

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda failed: getattr(failed, "is_transient", False)),
        stop=tenacity.stop_after_attempt(options.attempts),
        wait=wait,
        before_sleep=announce,
        reraise=True,
    )


def _content(client: httpx.Client, source: str, address: str) -> bytes:
    import httpx

    content = bytearray()
    try:
        with client.stream("GET", address) as response:
            if response.status_code != _OK:
                raise _bad_status(source, response)
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > LARGEST_ANSWER_BYTES:
                    raise SourceError(
                        f"{source} answered with more than {LARGEST_ANSWER_BYTES // 2**20} MiB",
                        next_step="check base_url: no answer of this API is that large",
                    )
    except httpx.RequestError as failed:
        raise SourceError(
            f"{source} could not be reached: {str(failed) or type(failed).__name__}",
            next_step="check the network and base_url, then run again",
            is_transient=True,
        ) from failed
    return bytes(content)


def _bad_status(source: str, response: httpx.Response) -> SourceError:
    status, wait = response.status_code, response.headers.get("Retry-After", "")
    seconds = float(wait) if wait.isdigit() else None
    may_pass = status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR
    is_transient = may_pass and (seconds or 0) <= LONGEST_WAIT_SECONDS
    error = _UnavailableError(
        f"{source} answered with HTTP {status} {response.reason_phrase}".rstrip(),
        observed=f"Retry-After: {wait}" if wait else None,
        next_step="wait and run again" if is_transient or wait else "check base_url",
        is_transient=is_transient,
    )
    error.wait_seconds = seconds
    return error
