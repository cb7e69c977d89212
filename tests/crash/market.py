"""A small market in files: a history, and a batch that corrects it and has a bad row in it.

What a run over the batch must leave is computed in a root of its own, where nothing disturbs it.
"""

import json
import re
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import yaml

from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.tables import Lake

SYMBOLS = ("AAA", "BBB", "CCC")
FIRST = date(2024, 1, 1)
HISTORY_AS_OF = "2024-02-10T00:00:00Z"
BATCH_AS_OF = "2024-02-20T00:00:00Z"
ARTIFACTS = ("aggregates.csv", "freshness.json")
TABLES = {
    "silver.bars": ("symbol", "interval", "timestamp"),
    "gold.daily": ("symbol", "session"),
    "gold.aggregates": ("symbol",),
}
"""What readers rely on, each with its key."""

GROWING = ("bronze.fetches", "quarantine.bars", "silver.candidate", "ops")
"""Tables to which every run commits, whether or not it finds anything new."""

PART = re.compile(r"\d+-\d+-[0-9a-f]{64}")


@dataclass(frozen=True)
class Published:
    """What readers see of a root: the bytes of its artifacts, the digests of its tables."""

    artifacts: dict[str, bytes]
    digests: dict[str, str]


@dataclass(frozen=True)
class Root:
    """A configuration, an inbox and a data folder of their own, under ``folder``."""

    folder: Path

    @property
    def config(self):
        return self.folder / "config"

    @property
    def data(self):
        return self.folder / "data"

    @property
    def lake(self):
        return Lake(self.data)

    def copied_to(self, folder):
        """The same root in another folder: its configuration names its own inbox and logs."""
        shutil.copytree(self.folder, folder)
        copy = Root(folder)
        copy.configure()
        return copy

    def configure(self):
        """Write the configuration of a root that stands here."""
        shutil.copytree(PROJECT_ROOT / "config", self.config, dirs_exist_ok=True)
        self._amend("pipeline.yaml", logs=str(self.folder / "logs"), threads=1)
        files = {"path": str(self.folder / "inbox")}
        self._amend(
            "assets.yaml",
            start=FIRST,
            defaults={"source": "files"},
            assets={symbol: {} for symbol in SYMBOLS},
            sources={"files": files},
        )

    def deliver(self, days, *, is_corrected):
        """Put a file per asset into the inbox, which holds its bars from the first day on."""
        inbox = self.folder / "inbox"
        inbox.mkdir(exist_ok=True)
        for place, symbol in enumerate(SYMBOLS):
            rows = [bar(FIRST + timedelta(days=day), place, day) for day in range(days)]
            if is_corrected:
                rows[20] = bar(FIRST + timedelta(days=20), place, 77)
                rows += [rows[-2], f"{FIRST + timedelta(days=days - 3)},9,1,8,9,100"]
            header = "Date,Open,High,Low,Close,Volume"
            (inbox / f"{symbol}.csv").write_text("\n".join([header, *rows]) + "\n")

    def parameters(self, run_id, as_of):
        folders = {"config_dir": str(self.config), "data_dir": str(self.data)}
        return {"run_id": run_id, "as_of": as_of, **folders}

    def published(self):
        """What readers see, and which rows are refused (whichever run and root refused them)."""
        gold = self.data / "gold"
        digests = {name: content_digest(self.lake.read(name), key) for name, key in TABLES.items()}
        refused = self.lake.read("quarantine.bars").drop_columns(["run_id", "file", "reason"])
        digests["quarantine.bars"] = content_digest(refused, ("payload", "line", "rule"))
        return Published({name: (gold / name).read_bytes() for name in ARTIFACTS}, digests)

    def tables(self):
        """The names of all tables there are."""
        folders = {commit.parents[1] for commit in self.data.rglob("_delta_log/*.json")}
        return sorted(f"{folder.parent.name}.{folder.name}" for folder in folders)

    def remains(self):
        """What is in the data folder besides the runs' records, and what a run adds to a table.

        Payloads, artifacts and locks; the files of tables that change only with the data; and what
        no commit names, in any table. All of it is the same however many runs were killed.
        """
        files = {path for path in self.data.rglob("*") if path.is_file()}
        records = {path for path in files if (self.data / "ops" / "runs") in path.parents}
        for name in self.tables():
            folder = self.lake.path(name)
            named = committed_files(folder)
            files -= named if name.startswith(GROWING) else set()
        shown = {str(path.relative_to(self.data)) for path in files - records}
        return sorted(re.sub(PART, "part", name) for name in shown)

    def _amend(self, name, **content):
        path = self.config / name
        before = yaml.safe_load(path.read_text()) if name == "pipeline.yaml" else {}
        path.write_text(yaml.safe_dump({**before, **content}, sort_keys=False))


def bar(day, place, seed):
    """The line of a bar, with a price that differs by asset and day."""
    close = 100 * (place + 1) + int(sha256(b"%d" % seed).hexdigest(), 16) % 1000 / 100
    return f"{day},{close - 1:.2f},{close + 2:.2f},{close - 2:.2f},{close:.2f},{1000 + seed}"


def committed_files(folder):
    """The files of a table's commits: the commits themselves, and the data that they name."""
    commits = sorted(folder.glob("_delta_log/*.json"))
    actions = [json.loads(line) for commit in commits for line in commit.read_text().splitlines()]
    data = [
        action[kind]["path"] for action in actions for kind in ("add", "remove") if kind in action
    ]
    return {*commits, *(folder / path for path in data)}
