"""A project, and all it is given, in folders whose names mean something to shells and globs."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from sentinel_lib.settings.project import PROJECT_ROOT

NAME = "a b ü % # [x] {y} 'z'"
AS_OF = "2024-03-08T22:00:00Z"
CODE = ("run_pipeline.py", "sentinel_lib", "notebooks", "config")
BARS = "Symbol,Date,Open,High,Low,Close,Volume\n" + "".join(
    f"AAPL,2024-03-0{day},10,12,9,11,100\n" for day in (4, 5, 6, 7, 8)
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A copy of the project, its inputs and a folder for temporary files, all of the same name."""
    folder = tmp_path_factory.mktemp("odd")
    for name in ("project", "in", "data", "reports", "logs", "tmp"):
        (folder / name / NAME).mkdir(parents=True)
    project = folder / "project" / NAME
    for name in CODE:
        copy = shutil.copytree if (PROJECT_ROOT / name).is_dir() else shutil.copy
        copy(PROJECT_ROOT / name, project / name)
    (project / "config").rename(project / NAME)
    pipeline = project / NAME / "pipeline.yaml"
    content = yaml.safe_load(pipeline.read_text())
    pipeline.write_text(yaml.safe_dump({**content, "logs": str(folder / "logs" / NAME)}))
    path = str(folder / "in" / NAME / "*.csv")
    assets = {"AAPL": {"calendar": "XNYS", "source": "files", "path": path}}
    (project / NAME / "assets.yaml").write_text(
        yaml.safe_dump({"start": "2024-01-01", "assets": assets})
    )
    (folder / "in" / NAME / f"{NAME}.csv").write_text(BARS)
    return folder


def said(place, command):
    """What a shell in another folder gets from the project's ``command``."""
    script = place / "project" / NAME / "run_pipeline.py"
    words = command.replace("python run_pipeline.py", shlex.join([sys.executable, str(script)]))
    return subprocess.run(
        ["sh", "-c", words], cwd=place, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "TMPDIR": str(place / "tmp" / NAME), "PYTHONPATH": ""},
    )  # fmt: skip


def folders(place):
    flags = {
        "--config": place / "project" / NAME / NAME,
        "--data": place / "data" / NAME,
        "--reports": place / "reports" / NAME,
    }
    return shlex.join([word for flag, path in flags.items() for word in (flag, str(path))])


@pytest.fixture(scope="module")
def finished(place):
    files = shlex.quote(str(place / "in" / NAME / "*.csv"))
    command = f"python run_pipeline.py run -v --as-of {AS_OF} --input {files} {folders(place)}"
    return said(place, command)


class Links(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.targets = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        target = dict(attributes).get("href") or ""
        if tag == "a" and not target.startswith("#"):
            self.targets.append(unquote(target.partition("#")[0]))


@pytest.mark.thorough
def test_run_promotes_what_its_pattern_names(place, finished):
    assert finished.returncode == 0, finished.stderr
    assert "ordinary kernels are used" not in finished.stderr
    gold = (place / "data" / NAME / "gold" / "aggregates.csv").read_text().splitlines()
    assert gold[1].startswith("AAPL,5,")
    assert list((place / "logs" / NAME).glob("*.jsonl"))
    assert list((place / "tmp" / NAME).iterdir()) == []


@pytest.mark.thorough
def test_links_of_the_reports_lead_somewhere(place, finished):
    pages = list((place / "reports" / NAME).rglob("*.html"))

    assert len(pages) == 7
    for page in pages:
        missing = [one for one in Links(page).targets if not (page.parent / one).exists()]
        assert missing == [], page


@pytest.mark.thorough
@pytest.mark.parametrize(
    "command",
    ["status", "history", "status --why ingest", "verify", "replay --dry-run", "vacuum"],
)
def test_command_finds_what_the_run_left(place, finished, command):
    answer = said(place, f"python run_pipeline.py {command} {folders(place)}")

    assert answer.returncode == 0, answer.stderr + answer.stdout
    assert "Traceback" not in answer.stderr


@pytest.mark.thorough
def test_advised_command_can_be_pasted_into_a_shell(place, finished):
    notebook = place / "project" / NAME / "notebooks" / "50_monitor.ipynb"
    whole = notebook.read_text()
    notebook.write_text(whole.replace("open_stage(", "open_stag(", 1))

    failed = said(
        place, f"python run_pipeline.py run --as-of 2024-03-08T23:00:00Z {folders(place)}"
    )
    notebook.write_text(whole)
    advice = re.search(r"python run_pipeline.py resume .*", failed.stdout)
    resumed = said(place, advice[0])

    assert failed.returncode == 1
    assert resumed.returncode == 0, resumed.stderr
    assert Path(place / "data" / NAME / "gold" / "freshness.json").is_file()
