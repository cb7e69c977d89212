"""Keeping secrets out of everything that a run leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.environment import Environment, load_environment
from sentinel_lib.settings.secret_forms import Form, forms

SHORTEST = 8
"""Characters. What is shorter stands in ordinary text too, which scrubbing would destroy."""

BEGINNING = 4
"""Characters of a form that are searched for, before the whole of it is compared."""

LONG_ENOUGH_TO_BE_RANDOM = 16

DSN = "SENTRY_DSN"
"""Its user is a key, and never a person's name."""


class Scrubber:
    """Puts ``(secret:NAME)`` in the place of every secret, in whatever form it is written.

    A secret is every ``SecretStr`` that is set; of one that is an address, or several, also the
    password, and each part that looks like a key. Raises ``ConfigError`` for a secret that is too
    short to be told from ordinary text.
    """

    def __init__(self, environment: Environment, *, users_are_secret: bool = True) -> None:
        """``users_are_secret``: whether the user of an address may be a key without a password."""
        values: dict[str, str] = {}
        for variable, secret in _secrets(environment):
            with_users = users_are_secret or variable == DSN
            for value in _values(variable, secret, with_users):
                values.setdefault(value, variable)
        longest_first = sorted(values, key=lambda value: (-len(value), value))
        self._forms: dict[str, list[tuple[Form, str]]] = {}
        for value in longest_first:
            for form in forms(value):
                self._forms.setdefault(form.first, []).append((form, values[value]))
        beginnings = {form.pattern(BEGINNING) for same in self._forms.values() for form, _ in same}
        # Compiling whole forms takes long, and most processes never meet one.
        self._beginning = re.compile("|".join(sorted(beginnings))) if beginnings else None

    def scrub(self, text: str) -> str:
        """``text`` without secrets."""
        kept, at = [], 0
        for start, end, name in self._shown_in(text):
            kept += [text[at:start], f"(secret:{name})"]
            at = end
        return "".join([*kept, text[at:]])

    def first(self, text: str) -> tuple[int, str] | None:
        """Where in ``text`` the first secret begins, and the variable that holds it."""
        return next(((start, name) for start, _, name in self._shown_in(text)), None)

    def _shown_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Every secret in ``text``: where it begins and ends, and its variable."""
        begun = self._beginning.search(text) if self._beginning else None
        while begun and self._beginning:
            start = end = begun.start()
            for form, name in self._forms[text[start]]:
                if found := form.compiled.match(text, start):
                    end = found.end()
                    yield start, end, name
                    break
            begun = self._beginning.search(text, max(end, start + 1))

    def scrub_tree(self, tree: Any) -> Any:
        """The same for every text in mappings, their keys too, and in lists.

        What is no text stays as it is, unless it shows a secret when it is written out: then it
        becomes that text, scrubbed.
        """
        if self._beginning is None:
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
    """For the secrets of this machine; raises ``ConfigError`` as ``load_environment`` does."""
    return Scrubber(load_environment())


def _secrets(environment: Environment) -> Iterator[tuple[str, str]]:
    for name in environment.secret_names():
        if secret := getattr(environment, name):
            yield name.upper(), secret.get_secret_value()


def _values(variable: str, secret: str, with_users: bool) -> Iterator[str]:
    """``secret`` and its parts that are secrets by themselves."""
    if len(secret) < SHORTEST:
        raise _too_short(variable, "its value")
    yield secret
    for item in secret.split():
        if "://" in item:
            yield item
            yield from _parts(variable, item, with_users)


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
    keys = [password] if password else [user]
    queried = [pair.partition("=")[2] for pair in parts.query.split("&")]
    places = [user, host, *parts.path.split("/"), *queried, parts.fragment]
    keys += [part for part in places if _looks_like_a_key(part)]
    for key in keys:
        yield from {one for one in (key, unquote(key)) if len(one) >= SHORTEST}


def _looks_like_a_key(part: str) -> bool:
    has_digit = any(character.isdigit() for character in part)
    is_word_or_host = "." in part or part.partition(":")[0] == "localhost"
    return not is_word_or_host and (has_digit or len(part) >= LONG_ENOUGH_TO_BE_RANDOM)


def _too_short(variable: str, what: str) -> ConfigError:
    return ConfigError(
        f"environment variable {variable}: {what} is too short to be kept out of logs and reports",
        expected=f"{SHORTEST} characters or more: fewer would also be found in ordinary text",
        next_step="set a longer one, and in .env.local or the environment",
    )
