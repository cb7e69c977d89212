from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sentinel_lib.errors import ConfigError
from sentinel_lib.service.health import HealthResponse
from sentinel_lib.service.health_server import answering
from sentinel_lib.settings.schedule import Health

ANYWHERE = Health(port=0)
FILE = Path("pipeline.yaml")


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


def test_answer_is_json_with_its_status_and_asked_for_anew(client: httpx.Client) -> None:
    answers = [HealthResponse(200, {"status": "ok"}), HealthResponse(503, {"status": "failed"})]

    with answering(ANYWHERE, lambda: answers.pop(0), FILE) as address:
        first, second = client.get(address), client.get(f"{address}?verbose")

    assert address.startswith("http://127.0.0.1:")
    assert (first.status_code, first.json()) == (200, {"status": "ok"})
    assert (second.status_code, second.json()) == (503, {"status": "failed"})
    assert first.headers["content-type"] == "application/json"
    assert "python" not in first.headers["server"].casefold()


def test_head_has_the_status_and_no_body(client: httpx.Client) -> None:
    with answering(ANYWHERE, lambda: HealthResponse(503, {"status": "failed"}), FILE) as address:
        found = client.head(address)

    assert (found.status_code, found.content) == (503, b"")
    assert int(found.headers["content-length"]) > 0


@pytest.mark.parametrize("path", ["/", "/healthz/", "/../etc/passwd", "/metrics"])
def test_other_paths_are_not_found(client: httpx.Client, path: str) -> None:
    with answering(ANYWHERE, lambda: HealthResponse(200, {}), FILE) as address:
        found = client.get(address.removesuffix("/healthz") + path)

    assert found.status_code == 404
    assert found.json() == {"error": "only /healthz is here"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused_and_nothing_is_printed(
    client: httpx.Client, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with answering(ANYWHERE, lambda: HealthResponse(200, {}), FILE) as address:
        found = client.request(method, address)

    assert found.status_code == 501
    assert capfd.readouterr() == ("", "")


def test_nothing_is_left_when_the_block_is_left(client: httpx.Client) -> None:
    threads = threading.active_count()

    with answering(ANYWHERE, lambda: HealthResponse(200, {}), FILE) as address:
        client.get(address)

    assert threading.active_count() == threads
    with pytest.raises(httpx.ConnectError):
        client.get(address)


def test_client_that_says_nothing_keeps_no_other_one_waiting(client: httpx.Client) -> None:
    with answering(ANYWHERE, lambda: HealthResponse(200, {}), FILE) as address:
        port = httpx.URL(address).port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)):
            found = client.get(address)

    assert found.status_code == 200


def test_port_that_somebody_else_has_is_an_error_at_its_line(tmp_path: Path) -> None:
    config = tmp_path / "pipeline.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(f"stages: []\nschedule:\n  health:\n    port: {port}\n")

        with (
            pytest.raises(ConfigError) as caught,
            answering(Health(port=port), lambda: HealthResponse(200, {}), config),
        ):
            pass

    said = f"{config}:4: schedule.health.port: 127.0.0.1:{port} cannot be listened on: Address"
    assert str(caught.value).startswith(said)


def test_health_that_is_switched_off_has_no_address_and_no_thread() -> None:
    threads = threading.active_count()

    with answering(None, lambda: HealthResponse(200, {}), FILE) as address:
        assert threading.active_count() == threads

    assert address == ""
