"""A project in a temporary folder, whose stages say what a file tells them to say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.pipeline.run import run
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage import root
from sentinel_lib.storage.run_history import RunHistory
from tests import handed_on

NOTEBOOKS = Path(__file__).parent / "notebooks"
AS_OF = datetime(2024, 1, 3, tzinfo=UTC)
NOW = AS_OF + timedelta(hours=12)
SUITE = "rules: [{expect: expect_column_to_exist, column: close, on_fail: block}]\n"


@dataclass
class Project:
    """``config``, ``data``, ``reports``, ``logs`` and ``notebooks`` under one folder."""

    folder: Path
    kernels: KernelPool | None = None
    terms: dict[str, str] = field(default_factory=dict)
    starts: Iterator[int] = field(default_factory=count)

    @property
    def history(self) -> RunHistory:
        return RunHistory(self.folder / "data")

    def request(self, **given: Any) -> RunRequest:
        return RunRequest(**{"config": self.folder / "config", "as_of": AS_OF, **given})

    def run(self, progress: Progress | None = None, **options: Any) -> RunRecord:
        """Run the pipeline, a second after it ran before."""
        started = NOW + timedelta(seconds=next(self.starts))
        return run(self.request(**options), progress or Progress(), lambda: started, self.kernels)

    def stages(self, *names: str, **notebooks: str) -> None:
        """List these stages; ``monitor`` runs always. A name may be given another notebook.

        ``self.terms`` are further keys of a stage, as YAML.
        """
        blocks = []
        for name in names:
            template = (NOTEBOOKS / f"{notebooks.get(name, 'stage')}.ipynb").read_text()
            path = self.folder / "notebooks" / f"{name}.ipynb"
            path.write_text(template.replace("STAGE", name))
            when = "always" if name == "monitor" else "previous_ok"
            more = "".join(f", {one}" for one in [self.terms.get(name, "")] if one)
            blocks.append(f"  - {{name: {name}, notebook: {name}.ipynb, when: {when}{more}}}\n")
        folders = "".join(
            f"{name}: {self.folder / name}\n" for name in ("data", "reports", "logs", "notebooks")
        )
        text = f"{folders}stages:\n{''.join(blocks)}"
        (self.folder / "config" / "pipeline.yaml").write_text(text)

    def says(self, **stages: dict[str, Any]) -> None:
        """What the stages put into their records; the monitor that all is fresh."""
        names = ("ingest", "validate", "promote_silver", "monitor")
        content = {name: {"details": handed_on.details(name)} for name in names}
        content["monitor"]["details"] = handed_on.monitored(AAPL="fresh", MSFT="fresh")
        for name, told in stages.items():
            content[name] = {**content.get(name, {}), **told}
        (self.folder / "data" / "says.json").write_text(json.dumps(content))

    def edit(self, name: str, old: str, new: str) -> None:
        """Change the notebook of a stage."""
        path = self.folder / "notebooks" / f"{name}.ipynb"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def commit(self, table: str, version: int) -> None:
        """Let a table have one more version."""
        root.begin(self.folder / "data")
        layer, name = table.split(".")
        log = self.folder / "data" / layer / name / "_delta_log"
        log.mkdir(parents=True, exist_ok=True)
        (log / f"{version:020}.json").touch()

    def created(self) -> list[str]:
        """The files of the project that a run has made."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for name in ("data", "reports", "logs")
            for path in (self.folder / name).rglob("*")
            if path.is_file() and path.name != "says.json"
        )


def make(folder: Path, kernels: KernelPool | None = None) -> Project:
    """A project with two assets and four stages; ``kernels`` are for runs in this process."""
    for name in ("config/expectations", "data", "notebooks"):
        (folder / name).mkdir(parents=True)
    for layer in ("bronze", "silver", "gold"):
        path = folder / "config" / "expectations" / f"{layer}.yaml"
        path.write_text(f"table: {layer}.bars\n{SUITE}")
    assets = "start: 2024-01-01\nassets: {AAPL: {}, MSFT: {}}\n"
    (folder / "config" / "assets.yaml").write_text(assets)
    made = Project(folder, kernels)
    made.stages("ingest", "validate", "promote_silver", "monitor")
    made.says()
    return made
