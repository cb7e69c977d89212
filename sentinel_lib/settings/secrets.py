"""Keeping secrets out of everything that a run leaves behind."""

import base64
import html
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.environment import Environment, load_environment

SHORTEST = 8
"""Characters. Anything shorter occurs in ordinary text too, which scrubbing would destroy."""

LONG_ENOUGH_TO_BE_RANDOM = 16

DSN = "SENTRY_DSN"
"""The user in this address is a key, never a person's name."""


class Scrubber:
    """Replaces every secret by ``(secret:NAME)``: as it is, as text in Python, JSON, HTML or an
    address shows it (one inside another too), and as base64.

    A secret is every ``SecretStr`` that is set; of one that holds addresses also their passwords,
    and each part that looks like a key. Raises ``ConfigError`` if a secret is too short to be told
    from ordinary text.
    """

    def __init__(self, environment: Environment, *, users_are_secret: bool = True) -> None:
        """``users_are_secret``: whether the user of an address without a password may be a key."""
        variable_of: dict[str, str] = {}
        for name in environment.secret_names():
            variable, secret = name.upper(), getattr(environment, name)
            with_users = users_are_secret or variable == DSN
            for value in _values(variable, secret.get_secret_value(), with_users) if secret else ():
                for form in _forms(value):
                    variable_of.setdefault(form, variable)
        longest_first = sorted(variable_of, key=len, reverse=True)
        self._variable_of = {form: variable_of[form] for form in longest_first}

    def scrub(self, text: str) -> str:
        """``text`` without secrets."""
        for form, variable in self._variable_of.items():
            text = text.replace(form, f"(secret:{variable})")
        return text

    def first(self, text: str) -> tuple[int, str] | None:
        """Where in ``text`` the first secret begins, and the variable that holds it."""
        shown = ((text.find(form), name) for form, name in self._variable_of.items())
        return min((place for place in shown if place[0] >= 0), default=None)

    def scrub_tree(self, tree: Any) -> Any:
        """``tree`` without secrets: in every text of its mappings, their keys included, and lists.

        Any other value stays as it is, unless its text shows a secret: then that text, scrubbed,
        takes its place.
        """
        if not self._variable_of:
            return tree
        if isinstance(tree, str):
            return self.scrub(tree)
        if isinstance(tree, dict):
            return {self.scrub_tree(key): self.scrub_tree(value) for key, value in tree.items()}
        if isinstance(tree, list | tuple):
            return [self.scrub_tree(value) for value in tree]
        shown = str(tree)
        scrubbed = self.scrub(shown)
        return tree if scrubbed == shown else scrubbed


def load_scrubber() -> Scrubber:
    """A scrubber for the secrets of this machine. Raises ``ConfigError`` if one is not valid."""
    return Scrubber(load_environment())


def _values(variable: str, secret: str, with_users: bool) -> Iterator[str]:
    """``secret``, and its parts that are secrets by themselves."""
    if len(secret) < SHORTEST:
        raise _too_short(variable, "its value")
    yield secret
    for address in secret.split():
        if "://" in address:
            yield address
            yield from _parts(variable, address, with_users)


def _parts(variable: str, address: str, with_users: bool) -> Iterator[str]:
    """The password of an address, and what looks like a key: a user without a password, and parts
    that mix letters with digits or are as long as random ones.
    """
    parts = urlsplit(address)
    user_and_password, _, host = parts.netloc.rpartition("@")
    user, _, password = user_and_password.partition(":")
    if password and len(password) < SHORTEST:
        raise _too_short(variable, "the password in it")
    if not (password or with_users):
        user = ""
    queried = [pair.partition("=")[2] for pair in parts.query.split("&")]
    places = [user, host, *parts.path.split("/"), *queried, parts.fragment]
    for key in (password or user, *filter(_looks_like_a_key, places)):
        yield from (text for text in (key, unquote(key)) if len(text) >= SHORTEST)


def _looks_like_a_key(part: str) -> bool:
    has_digit = any(character.isdigit() for character in part)
    is_word_or_host = "." in part or part.partition(":")[0] == "localhost"
    return not is_word_or_host and (has_digit or len(part) >= LONG_ENOUGH_TO_BE_RANDOM)


def _forms(value: str) -> set[str]:
    """The texts in which ``value`` may be shown."""
    content = value.encode(errors="surrogatepass")
    encoders = (base64.b64encode, base64.urlsafe_b64encode)
    encoded = {encode(content).decode().rstrip("=") for encode in encoders}
    inner = _escaped(value) | encoded | {repr(content)[2:-1]}
    return {form for text in inner for form in _escaped(text)}


def _escaped(text: str) -> set[str]:
    """``text``, and how Python, JSON, HTML and addresses write it."""
    in_addresses = {quote(text, safe, errors="surrogatepass") for safe in ("", "/")}
    return {
        text,
        repr(text)[1:-1],
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        html.escape(text),
        html.escape(text, quote=False),
        html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        quote_plus(text, errors="surrogatepass"),
        *in_addresses,
    }


def _too_short(variable: str, part: str) -> ConfigError:
    return ConfigError(
        f"environment variable {variable}: {part} is too short to be kept out of logs and reports",
        expected=f"{SHORTEST} or more characters: fewer also occur in ordinary text",
        next_step="set a longer one in .env.local or the environment",
    )
