"""The stages as they are, without kernels: the cells of the notebooks, run one after another."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import bokeh_sampledata
import pytest
import structlog
import yaml

from sentinel_lib.errors import SentinelError
from sentinel_lib.notebook_runner import code_cells as stored
from sentinel_lib.notebook_runner.code_cells import code_cells
from sentinel_lib.records.stage import StageRecord
from sentinel_lib.settings.project import PROJECT_ROOT

STOCKS = Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz"


@dataclass
class Outcome:
    """What a run of the cells left: the records of its stages, and what stopped one of them."""

    records: dict[str, StageRecord] = field(default_factory=dict)
    errors: dict[str, SentinelError] = field(default_factory=dict)

    def ledger(self, symbol, stage="validate"):
        return self.records[stage].assets[symbol]


class Project:
    """A configuration and a data folder of its own."""

    def __init__(self, folder):
        self.config = folder / "config"
        self.data = folder / "data"
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        shutil.copytree(PROJECT_ROOT / "config", self.config)
        pipeline = yaml.safe_load((self.config / "pipeline.yaml").read_text())
        self._write("pipeline.yaml", {**pipeline, "logs": str(folder / "logs")})
        self._runs = 0

    def copied_to(self, folder):
        """The same project in another folder."""
        copy = object.__new__(Project)
        copy._runs = self._runs
        for name in ("config", "data", "inbox"):
            setattr(copy, name, folder / name)
            shutil.copytree(getattr(self, name), folder / name)
        return copy

    def assets(self, assets, start="2024-01-01", **defaults):
        """Make ``assets`` the configured ones."""
        content = {"start": start, "defaults": defaults, "assets": assets}
        self._write("assets.yaml", content)

    def rules(self, layer, **changes):
        """Change a suite's file."""
        path = self.config / "expectations" / f"{layer}.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))

    def run(self, as_of="", *, edits=(), stages=None, by_hand=False, data=None, **parameters):
        """Run the cells of all stages, or of ``stages``. ``edits`` replaces text in their cells."""
        self._runs += 1
        common = {
            "run_id": "" if by_hand else f"run-{self._runs:03}",
            "as_of": as_of,
            "config_dir": str(self.config),
            "data_dir": str(data or self.data),
        }
        outcome = Outcome()
        pipeline = yaml.safe_load((self.config / "pipeline.yaml").read_text())
        require_cells([stage["notebook"] for stage in pipeline["stages"]], edits)
        for stage in pipeline["stages"]:
            if stages is not None and stage["name"] not in stages:
                continue
            if outcome.errors and stage.get("when") != "always":
                continue
            path = PROJECT_ROOT / "notebooks" / stage["notebook"]
            try:
                run_cells(path, {**common, **parameters}, edits)
            except SentinelError as stopped:
                outcome.errors[stage["name"]] = stopped
            root = Path(common["data_dir"]) / ("sandbox" if by_hand else "")
            record = (
                root / "ops" / "runs" / (common["run_id"] or "by-hand") / f"{stage['name']}.json"
            )
            if record.exists():
                outcome.records[stage["name"]] = StageRecord.model_validate_json(record.read_text())
        return outcome

    def _write(self, name, content):
        (self.config / name).write_text(yaml.safe_dump(content, sort_keys=False))


def require_cells(notebooks, edits):
    """Fail where an edit would change nothing, for then a test of it shows nothing."""
    cells = [cell for name in notebooks for cell in code_cells(PROJECT_ROOT / "notebooks" / name)]
    absent = [old for old, _ in edits if not any(old in cell.source for cell in cells)]
    assert not absent, f"no cell has the text {absent}"


def run_cells(path, parameters, edits=()):
    """Run the code cells of a notebook here, with the text in them replaced by ``edits``."""
    cells = code_cells(path)
    for old, new in edits:
        cells = [replace(cell, source=cell.source.replace(old, new)) for cell in cells]
    stored.run_cells(cells, parameters)


@pytest.fixture(scope="session")
def make_project(tmp_path_factory):
    """A fresh project, for fixtures that several tests share."""
    return lambda: Project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture(autouse=True)
def _quiet_log():
    """What a stage binds to the log does not outlive its test."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def stocks():
    """The real file: daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000 to 2013."""
    return STOCKS
