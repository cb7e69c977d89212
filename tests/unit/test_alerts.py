from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from sentinel_lib import alerts
from sentinel_lib.alerts import Message
from sentinel_lib.errors import AlertError, ConfigError
from sentinel_lib.settings.environment import Environment
from tests.mailbox import PASSWORD, Mailbox, part

# apprise looks for a module that Python 3.13 has no more
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOBODY = 1  # a port on which nobody listens
MESSAGE = Message(
    "it failed", "words for a chat", "<html><body><p>words <b>&amp; page</b></p></body></html>"
)


def send(*addresses: str) -> list[str]:
    secret = SecretStr(" ".join(addresses)) if addresses else None
    return alerts.send(MESSAGE, Environment.model_construct(notify_urls=secret))


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    server = Mailbox()
    server.start()
    yield server
    server.stop()


def test_no_address_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(ConfigError, match="environment variable NOTIFY_URLS is not set"):
        send()


def test_a_mail_has_subject_sender_recipient_and_the_page_as_html_and_as_text(
    mailbox: Mailbox,
) -> None:
    taken = send(mailbox.address())

    [mail] = mailbox.mails
    assert mail["Subject"] == "it failed"
    assert "pipeline@example.org" in mail["From"]
    assert "team@example.org" in mail["To"]
    assert mail["X-Application"] == "Dataflow Sentinel"
    assert "words <b>&amp; page</b>" in part(mail, "html")
    assert part(mail, "plain").strip() == "words & page"
    assert taken == [f"E-Mail at ops:****@127.0.0.1:{mailbox.port}"]


def test_a_refused_password_is_told_in_the_servers_words_and_without_the_password(
    mailbox: Mailbox, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(AlertError) as failed:
        send(mailbox.address("wr0ng-p4ss"))

    assert "1 of 1 services did not take the message" in str(failed.value)
    assert "535" in str(failed.value)
    assert "Authentication credentials invalid" in str(failed.value)
    assert mailbox.mails == []
    captured = capfd.readouterr()
    everything = [str(failed.value), repr(failed.value), caplog.text, captured.out, captured.err]
    assert not any("wr0ng" in text for text in everything)


def test_a_server_that_is_down_is_an_error_that_names_it(mailbox: Mailbox) -> None:
    with pytest.raises(AlertError) as failed:
        send(mailbox.address(port=NOBODY))

    assert f"E-Mail at ops:****@127.0.0.1:{NOBODY}" in str(failed.value)
    assert "refused" in str(failed.value)
    assert PASSWORD not in str(failed.value)


def test_a_server_that_takes_no_mail_is_quoted(mailbox: Mailbox) -> None:
    mailbox.refuses = "552 the mailbox is full"

    with pytest.raises(AlertError, match=r"552.*the mailbox is full.*team@example\.org"):
        send(mailbox.address())


def test_a_server_that_repeats_the_password_is_quoted_without_it(mailbox: Mailbox) -> None:
    mailbox.refuses = f"552 no mail for {PASSWORD}"

    with pytest.raises(AlertError) as failed:
        send(mailbox.address())

    assert "552, b'no mail for (secret:NOTIFY_URLS)'" in str(failed.value)
    assert PASSWORD not in str(failed.value)


def test_a_service_that_fails_is_named_and_the_others_have_the_message(mailbox: Mailbox) -> None:
    with pytest.raises(AlertError) as failed:
        send(mailbox.address(port=NOBODY), mailbox.address())

    assert "1 of 2 services" in str(failed.value)
    assert f":{NOBODY}" in str(failed.value)
    assert f":{mailbox.port}:" not in str(failed.value)
    assert len(mailbox.mails) == 1


def test_a_webhook_gets_the_text_and_its_token_stays_secret(mailbox: Mailbox) -> None:
    hook = f"json://ops:{PASSWORD}@127.0.0.1:{NOBODY}/?+X-Key=t0ken-t0ken"

    with pytest.raises(AlertError) as failed:
        send(hook)

    assert "JSON" in str(failed.value)
    assert PASSWORD not in str(failed.value)
    assert "t0ken" not in str(failed.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("s3cret-without-a-service", "address 2 of 2 names an unknown service"),
        ("mailtoss://u:s3cret-word@h", "names an unknown service; did you mean 'mailtos'?"),
        ("mailto://u:s3cret-word", "is not a complete mailto:// address"),
        ("slack://s3cret-word", "is not a complete slack:// address"),
    ],
)
def test_a_wrong_address_is_told_by_its_place_and_nothing_is_sent(
    written: str, said: str, mailbox: Mailbox, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as wrong:
        send(mailbox.address(), written)

    assert said in str(wrong.value)
    assert "s3cret" not in str(wrong.value) + "".join(capfd.readouterr())
    assert mailbox.mails == []


def test_the_log_of_the_service_reaches_others_again_afterwards(mailbox: Mailbox) -> None:
    send(mailbox.address())

    log = logging.getLogger("apprise")
    assert (log.propagate, log.level) == (True, logging.NOTSET)
