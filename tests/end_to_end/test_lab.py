"""The stage notebooks opened and saved in a real JupyterLab: no byte changes."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request

import nbformat
import pytest

from sentinel_lib.settings.project import PROJECT_ROOT
from tests.processes import children, eventually

STAGES = sorted(path.name for path in (PROJECT_ROOT / "notebooks").glob("*.ipynb"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_SECONDS = 120


class Lab:
    """A JupyterLab on loopback, over a copy of the notebooks; it keeps its files in ``folder``."""

    def __init__(self, folder):
        self.notebooks = folder / "notebooks"
        shutil.copytree(PROJECT_ROOT / "notebooks", self.notebooks)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "log").open("wb")
        homes = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        self._server = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
                "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0",
                "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True",
                f"--ServerApp.root_dir={self.notebooks}",
                f"--LabApp.user_settings_dir={folder / 'settings'}",
                f"--LabApp.workspaces_dir={folder / 'workspaces'}",
            ],
            stdout=self._log, stderr=self._log, cwd=folder,
            env={**os.environ, **{name: str(folder / name.lower()) for name in homes}},
        )  # fmt: skip
        if not eventually(self._answers, PATIENCE_SECONDS):
            self.close()
            pytest.fail(f"JupyterLab did not start: {(folder / 'log').read_text()}")

    def _answers(self):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/api", timeout=10):
            return True
        return False

    def request(self, path, content=None):
        """What the server answers; with ``content``, to a PUT of it."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=None if content is None else json.dumps(content).encode(),
            method="GET" if content is None else "PUT",
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def close(self):
        for process in (*children(self._server.pid), self._server):  # its kernels too
            process.kill()
        self._server.wait()
        self._log.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    opened = Lab(tmp_path_factory.mktemp("lab"))
    yield opened
    opened.close()


@pytest.fixture
def page():
    """A page of a real browser."""
    sync_api = pytest.importorskip("playwright.sync_api")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = launched.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        yield page
        launched.close()


def open_in_lab(page, lab, stage):
    page.goto(f"{lab.url}/lab/tree/{stage}?reset")
    page.wait_for_selector(".jp-Notebook-cell")


def save(page):
    """Save as a person does, and wait until the server has the notebook."""

    def is_saved(answer):
        return answer.request.method == "PUT" and "/api/contents/" in answer.url

    page.locator(".jp-Notebook-cell").first.click()
    with page.expect_response(is_saved) as saved:
        page.keyboard.press("Control+s")
    assert saved.value.ok


def without_kernel_details(saved):
    """The bytes without what Lab notes once the kernel has answered, perhaps before they were
    saved: the one thing in them that is put aside. The filter takes it out.
    """
    plain = b'"language_info": {\n   "name": "python"\n  }'
    return re.sub(rb'"language_info": \{\n.*?\n  \}', plain, saved, flags=re.DOTALL)


@pytest.mark.parametrize("stage", STAGES)
def test_the_server_of_jupyterlab_writes_the_bytes_that_it_read(lab, stage):
    """Saving in JupyterLab is this PUT; what the page may change before it, the browser shows."""
    path = lab.notebooks / stage
    before = path.read_bytes()
    path.touch()

    model = lab.request(f"/api/contents/{stage}")
    lab.request(
        f"/api/contents/{stage}", {key: model[key] for key in ("type", "format", "content")}
    )

    assert path.read_bytes() == before


@pytest.mark.thorough
def test_opening_and_saving_a_stage_in_a_browser_changes_no_byte(lab, page):
    for stage in STAGES:
        before = (lab.notebooks / stage).read_bytes()

        open_in_lab(page, lab, stage)
        save(page)

        saved = (lab.notebooks / stage).read_bytes()
        assert without_kernel_details(saved) == before, stage


@pytest.mark.thorough
def test_running_a_cell_in_a_browser_leaves_what_the_filter_takes_out(lab, page, tmp_path):
    path = lab.notebooks / STAGES[0]
    before = path.read_bytes()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    shutil.copy(PROJECT_ROOT / "Makefile", tmp_path)
    make = ["make", "--silent", "git-filter", f"VENV={sys.prefix}"]
    subprocess.run(make, cwd=tmp_path, check=True)
    config = ["git", "config", "filter.notebooks.clean"]
    command = subprocess.run(config, cwd=tmp_path, check=True, capture_output=True).stdout

    open_in_lab(page, lab, STAGES[0])
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-InputPrompt", has_text="[1]:").wait_for()
    save(page)

    saved = path.read_bytes()
    content = nbformat.reads(saved.decode(), as_version=4)
    assert "codemirror_mode" in content.metadata.language_info
    assert [cell.execution_count for cell in content.cells if cell.get("execution_count")] == [1]
    stripped = subprocess.run(command, shell=True, input=saved, capture_output=True, check=True)
    assert stripped.stdout == before
