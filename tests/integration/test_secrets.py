"""A canary for a secret, put where one could get out, and looked for where it could arrive."""

import base64
import html
import json
import os
import shutil
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest
import yaml

from sentinel_lib import read_table
from sentinel_lib.settings.project import PROJECT_ROOT
from tests.sentry_ingest import KEY, ingest

CANARY = "hunter2&<canary>'h2"
ADDRESS = f"json://robot:{quote(CANARY)}@127.0.0.1:1/in"
BARS = "timestamp,open,high,low,close,volume\n2024-06-03,1,2,1,2,10\n2024-06-04,2,3,2,3,zzz\n"
AS_OF = "2024-06-05T21:00:00Z"

TROUBLED = {
    "BTC-USD": {"source": "kraken"},
    "MSFT": {"paused_until": "2030-01-01", "reason": "no answer"},
}
UNREACHABLE = {"kraken": {"base_url": "http://127.0.0.1:1", "attempts": 1}}

LEAKS = """
import base64, html, json, os, urllib.parse
from IPython.display import HTML
from sentinel_lib.logger import log
canary = CANARY
secrets = [os.environ["NOTIFY_URLS"], os.environ["SENTRY_DSN"], canary]
print(dict(os.environ))
for secret in secrets:
    print(secret, json.dumps(secret), json.dumps(json.dumps(secret)), repr(secret.encode()))
    print(urllib.parse.quote(secret), urllib.parse.quote_plus(secret), html.escape(secret))
    print(base64.b64encode(secret.encode()))
    print(base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="))
log().info(f"leaking {canary}", address=os.environ["NOTIFY_URLS"], tried=secrets)
os.write(2, f"{canary} on standard error".encode())
os.write(1, f"{canary} on standard output".encode())
display(HTML(f"<p>{html.escape(canary)}</p>"), metadata={canary: canary})
display({"text/plain": canary, "application/json": {canary: secrets}}, raw=True)
"""

pytestmark = pytest.mark.thorough


def forms(secret):
    """How ``secret`` is written in text, and its base64."""
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield repr(secret)[1:-1]
    yield from (html.escape(secret), html.escape(secret, quote=False))
    yield from (json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3])
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")


FORMS = sorted({form for secret in (CANARY, KEY, ADDRESS) for form in forms(secret)})


def shown_in(text):
    return [form for form in FORMS if form in text]


class Command:
    """The shipped pipeline in a folder of its own, and everything it has printed."""

    def __init__(self, folder, dsn):
        self.folder = folder
        self.printed = ""
        shutil.copytree(PROJECT_ROOT / "config", folder / "config")
        shutil.copytree(PROJECT_ROOT / "notebooks", folder / "notebooks")
        folders = {name: str(folder / name) for name in ("data", "reports", "logs", "notebooks")}
        self.change("pipeline.yaml", **folders)
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "SENTRY_DSN": dsn,
            "SENTRY_MONITOR_SLUG": "daily-run",
            "NOTIFY_URLS": ADDRESS,
        }

    def change(self, name, **keys):
        path = self.folder / "config" / name
        content = {**yaml.safe_load(path.read_text()), **keys}
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def add_to_cell(self, notebook, place, code):
        """Put ``code`` behind the one cell of ``notebook`` that has ``place`` in it."""
        path = self.folder / "notebooks" / notebook
        content = json.loads(path.read_text())
        [cell] = [one for one in content["cells"] if place in "".join(one["source"])]
        cell["source"] = "".join(cell["source"]) + f"\n{code.replace('CANARY', repr(CANARY))}"
        path.write_text(json.dumps(content))

    def run(self, *arguments):
        script = str(PROJECT_ROOT / "run_pipeline.py")
        config = ["--config", str(self.folder / "config")]
        ended = subprocess.run(
            [sys.executable, script, *arguments, *config],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.printed += ended.stdout + ended.stderr
        return ended.returncode


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    """Two runs that try to give the canary away: one to its end, and one that fails."""
    with ingest() as sentry:
        command = Command(tmp_path_factory.mktemp("leaky"), sentry.dsn)
        command.sentry = sentry
        inbox = command.folder / f"inbox {CANARY}"
        inbox.mkdir()
        (inbox / "AAPL.csv").write_text(BARS)
        command.add_to_cell("10_ingest.ipynb", "choose_assets(", LEAKS)
        command.codes = [command.run("run", "--as-of", AS_OF, "--input", str(inbox), "--verbose")]
        command.change("assets.yaml", assets=TROUBLED, sources=UNREACHABLE)
        failing = f"raise ValueError(canary, {ADDRESS!r}, secrets)"
        command.add_to_cell("50_monitor.ipynb", "write_history(stage", LEAKS + failing)
        command.codes.append(command.run("run", "--as-of", AS_OF))
        command.codes.append(command.run("status"))
        told = {"AAPL": {"paused_until": "2030-01-01", "reason": f"no answer from {ADDRESS}"}}
        command.change("assets.yaml", assets=told)
        command.codes.append(command.run("run", "--as-of", AS_OF))
        command.codes.append(command.run("history", "--json"))
        yield command


def test_runs_got_as_far_as_they_had_to(leaky):
    assert leaky.codes[0] in (0, 5, 8), leaky.printed
    assert leaky.codes[1] in (1, 4, 6), leaky.printed
    assert leaky.codes[3] == 3, leaky.printed
    assert "holds the value of NOTIFY_URLS" in leaky.printed
    assert "(secret:NOTIFY_URLS) on standard output" in leaky.printed + everything_in(
        leaky, "reports"
    )
    assert len(list((leaky.folder / "reports").glob("*/*.ipynb"))) >= 6


@pytest.mark.parametrize("place", ["reports", "logs", "data/ops"])
def test_no_file_shows_a_secret(leaky, place):
    files = [path for path in sorted((leaky.folder / place).rglob("*")) if path.is_file()]
    shown = {path.name: shown_in(path.read_text(errors="replace")) for path in files}

    assert files
    assert {name: found for name, found in shown.items() if found} == {}
    assert [path for path in files if shown_in(str(path.relative_to(leaky.folder)))] == []


@pytest.mark.parametrize("place", ["reports", "logs", "data/ops"])
def test_marks_stand_where_the_secrets_were(leaky, place):
    assert "(secret:NOTIFY_URLS)" in everything_in(leaky, place)


def test_no_table_of_operations_shows_a_secret(leaky):
    names = [path.parent.name for path in (leaky.folder / "data" / "ops").glob("*/_delta_log")]
    tables = {name: read_table(f"ops.{name}", data=leaky.folder / "data") for name in names}

    shown = {name: shown_in(table.to_csv()) for name, table in tables.items()}

    assert tables
    assert {name: found for name, found in shown.items() if found} == {}


def test_published_files_show_no_secret(leaky):
    published = [path for path in (leaky.folder / "data" / "gold").glob("*.*") if path.is_file()]

    assert published
    assert [path.name for path in published if shown_in(path.read_text())] == []


def test_command_prints_no_secret(leaky):
    assert shown_in(leaky.printed) == []


def test_sentry_gets_no_secret_and_gets_the_failure(leaky):
    envelopes = "\n".join(leaky.sentry.raw)

    assert shown_in(envelopes) == []
    assert "(secret:NOTIFY_URLS)" in envelopes
    assert any(event["tags"]["stage"] == "monitor" for event in leaky.sentry.of("event"))


def everything_in(leaky, place):
    files = (path for path in (leaky.folder / place).rglob("*") if path.is_file())
    return "\n".join(path.read_text(errors="replace") for path in files)
