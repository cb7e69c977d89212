from __future__ import annotations

import base64
import html
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.environment import Environment
from sentinel_lib.settings.secrets import Scrubber, load_scrubber

KEY = "0123456789abcdef0123456789abcdef"
DSN = f"https://{KEY}@o1.ingest.example.com/42"
MAIL = "mailtos://robot:p%40ss-w0rd!@smtp.example.com?to=desk@example.com"
CHAT = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


class Vault(Environment):
    """An environment with one more secret: declaring it is all it takes."""

    vault_token: SecretStr | None = None


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Environment.model_config, "env_file", None)


def scrubber(secret: str) -> Scrubber:
    return Scrubber(Vault.model_construct(vault_token=SecretStr(secret)))


def twice_in_json(text: str) -> str:
    return json.dumps(json.dumps(text))


WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "urlsafe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 in a url": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "quoted": lambda text: quote(text, safe=""),
    "quoted, slashes kept": quote,
    "quoted with plus": quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "json, not only ascii": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json in json": twice_in_json,
    "html": html.escape,
    "html in html": lambda text: html.escape(html.escape(text)),
    "html in json": lambda text: json.dumps(html.escape(text))[1:-1],
    "repr": lambda text: repr(text)[1:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
}

secrets = st.text(
    st.one_of(
        st.characters(min_codepoint=33, max_codepoint=126),
        st.sampled_from("\"'\\<>&%+/= \n\té€😀"),
    ),
    min_size=8,
    max_size=40,
).filter(lambda text: text == text.strip())


@pytest.mark.parametrize("form", list(WRITTEN))
@pytest.mark.parametrize("secret", ["Tr0ub4dor-and-3", "p%40s 'w\"r\\d<>&/?=+é€😀\t!"])
def test_every_form_of_a_secret_is_replaced(form: str, secret: str) -> None:
    written = WRITTEN[form](secret)

    scrubbed = scrubber(secret).scrub(f"before, {written}, after")

    assert re.fullmatch(r"before, \W{0,4}\(secret:VAULT_TOKEN\)\S{0,4}, after", scrubbed)


@settings(max_examples=50, deadline=None)
@given(
    form=st.sampled_from(sorted(WRITTEN)),
    secret=secrets,
    before=st.text(max_size=5),
    after=st.text(max_size=5),
)
def test_no_form_of_any_secret_survives(form: str, secret: str, before: str, after: str) -> None:
    written = WRITTEN[form](secret)
    assume(written not in "(secret:VAULT_TOKEN)")

    found = scrubber(secret).scrub(f"{before} {written} {after}")

    assert written not in found
    assert "(secret:VAULT_TOKEN)" in found


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=200))
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    assume("Tr0ub4dor&3" not in text)

    assert scrubber("Tr0ub4dor&3").scrub(text) == text


def test_without_secrets_nothing_is_touched() -> None:
    tree = {"a": [Path("x"), 1, None]}

    found = Scrubber(Environment())

    assert found.scrub(DSN) == DSN
    assert found.scrub_tree(tree) is tree


def test_mark_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_DSN", DSN)
    monkeypatch.setenv("NOTIFY_URLS", f"{MAIL} {CHAT}")

    found = load_scrubber()

    assert found.scrub(f"to {DSN}, {CHAT} and {MAIL}.") == (
        "to (secret:SENTRY_DSN), (secret:NOTIFY_URLS) and (secret:NOTIFY_URLS)."
    )


@pytest.mark.parametrize(
    "part", [KEY, "p%40ss-w0rd!", "p@ss-w0rd!", "T1JJ3T3L2", "TIiajkdnlazkcOXrIdevi7FQ"]
)
def test_keys_and_passwords_of_addresses_are_secrets_by_themselves(part: str) -> None:
    found = Scrubber(
        Environment.model_construct(
            sentry_dsn=SecretStr(DSN), notify_urls=SecretStr(f"{MAIL}\n{CHAT}")
        )
    )

    assert re.fullmatch(r"key=\(secret:\w+\);", found.scrub(f"key={part};"))


@pytest.mark.parametrize(
    "text", ["smtp.example.com", "o1.ingest.example.com", "desk@example.com", "robot", "slack://"]
)
def test_hosts_and_people_in_addresses_are_no_secrets(text: str) -> None:
    found = Scrubber(
        Environment.model_construct(
            sentry_dsn=SecretStr(DSN), notify_urls=SecretStr(f"{MAIL} {CHAT}")
        )
    )

    assert found.scrub(text) == text


def test_longest_secret_that_begins_somewhere_is_the_one_that_is_replaced() -> None:
    found = Scrubber(
        Vault.model_construct(
            vault_token=SecretStr("hunter2-hunter2"), notify_urls=SecretStr("hunter2-hunter2-more")
        )
    )

    assert found.scrub("hunter2-hunter2-more hunter2-hunter2") == (
        "(secret:NOTIFY_URLS) (secret:VAULT_TOKEN)"
    )


def test_tree_is_scrubbed_in_its_keys_and_values_and_keeps_its_shape() -> None:
    tree = {
        "hunter2-hunter2": ["a hunter2-hunter2", ("x", None, True, 1.5)],
        "path": Path("in/hunter2-hunter2"),
        "plain": Path("in/box"),
    }

    found = scrubber("hunter2-hunter2").scrub_tree(tree)

    assert found == {
        "(secret:VAULT_TOKEN)": ["a (secret:VAULT_TOKEN)", ["x", None, True, 1.5]],
        "path": "in/(secret:VAULT_TOKEN)",
        "plain": Path("in/box"),
    }


def test_number_that_shows_a_secret_becomes_a_text() -> None:
    found = scrubber("8675309123").scrub_tree({"id": 8675309123, "rows": 12})

    assert found == {"id": "(secret:VAULT_TOKEN)", "rows": 12}


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("VAULT_TOKEN", "hunter2", "its value"),
        ("NOTIFY_URLS", "mailto://robot:hunter2@example.com", "the password in it"),
    ],
)
def test_secret_that_is_too_short_is_refused_without_being_shown(
    variable: str, value: str, what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Scrubber(Vault.model_construct(**{variable.lower(): SecretStr(value)}))

    assert str(caught.value).startswith(f"environment variable {variable}: {what} is too short")
    assert "hunter2" not in str(caught.value)


def test_search_costs_the_same_whatever_the_text_is_made_of() -> None:
    found = scrubber(r"C:\\\\secret\\\\place\\\\")
    texts = ["\\" * 50_000, "C:" + "\\" * 50_000, "\x1b[0" * 20_000, "%25" * 20_000]

    started = time.process_time()
    scrubbed = [found.scrub(text) for text in texts]

    assert scrubbed == texts
    assert time.process_time() - started < 2
