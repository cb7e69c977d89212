"""The image that analysts work in: nobody without the token, nothing published from it."""

import json

import pytest

from tests.image import containers

VISIT = """\
import json, os, subprocess, sys, time, urllib.error, urllib.request

def answer(path):
    try:
        return urllib.request.urlopen("http://127.0.0.1:8888" + path, timeout=10).status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return None

server = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
until = time.monotonic() + 60
while answer("/api") is None and time.monotonic() < until:
    time.sleep(0.2)
token = "?token=" + (os.environ.get("JUPYTER_TOKEN") or "none")
print(json.dumps([answer("/api"), answer("/api/contents"), answer("/api/contents" + token)]))
server.terminate()
"""


@pytest.fixture
def lab(engine, lab_image):
    volumes = containers.Volumes(engine, lab_image)
    yield volumes
    volumes.remove()


def visit(lab, token):
    """What the server of the image answers: to anybody, without the token, and with it."""
    settings = containers.settings_of(lab.engine, lab.image)
    command = [*settings["Entrypoint"], *settings["Cmd"]]
    options = [f"--env=JUPYTER_TOKEN={token}", "--user=12345:12345"]
    done = lab.run("-c", VISIT, *command, entrypoint="python", options=options)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_the_lab_opens_to_the_token_alone(lab):
    assert visit(lab, "a-token-of-the-test") == [200, 403, 200]


def test_an_empty_token_does_not_open_the_lab(lab):
    assert visit(lab, "") == [200, 403, 403]


def test_an_analyst_of_any_user_id_opens_a_stage_over_the_published_tables(deployed, lab_image):
    published, run = deployed
    lab = containers.Volumes(published.engine, lab_image, published.name)

    opened = lab.run(
        "nbconvert", "--to=notebook", "--execute", "--output-dir=/tmp/opened",
        "/app/notebooks/40_build_gold.ipynb",
        entrypoint="jupyter", options=["--user=12345:12345"],
    )  # fmt: skip

    assert run.returncode == 0, run.stderr.decode()
    assert opened.returncode == 0, opened.stderr.decode()
    assert "build_gold.json" in lab.shell("ls /app/data/sandbox/ops/runs/by-hand")


def test_the_lab_s_health_check_fails_without_its_server(lab):
    command = containers.settings_of(lab.engine, lab.image)["Healthcheck"]["Test"]

    checked = lab.run(*command[2:], entrypoint=command[1])

    assert checked.returncode != 0


def test_an_analyst_of_any_user_id_can_write_to_the_sandbox_alone(lab):
    done = lab.run(
        "-c", "touch /app/data/sandbox/x && ! touch /app/data/x", entrypoint="sh",
        options=["--user=12345:12345"],
    )  # fmt: skip

    assert done.returncode == 0, done.stderr.decode()
