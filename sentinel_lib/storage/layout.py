"""Every folder and file under a data folder, by name: nothing else joins a path there."""

import re
from pathlib import Path

DELTA_LOG = "_delta_log"
HALF_WRITTEN = ".half"
"""How the name of a file ends while it is written. What a kill leaves, the next run overwrites."""
SCRATCH = ".scratch-"
"""How the names of scratch folders begin, which are beside ``ops`` while a command runs."""
_COMMIT = re.compile(r"(\d{20})\.(?:json|checkpoint.*)")


class Layout:
    """Where the tables, payloads, published files and records of the data folder ``root`` are."""

    def __init__(self, root: Path) -> None:
        ops = root / "ops"
        self.root = root
        self.sandbox = root / "sandbox"  # the data folder that notebooks opened by hand write to
        self.payloads = root / "bronze" / "payloads"
        self.certificate = root / "silver" / "certificate.json"  # of the candidate
        self.aggregates = root / "gold" / "aggregates.csv"
        self.freshness = root / "gold" / "freshness.json"
        self.quality = ops / "quality.json"  # rows and failed checks of the last run, by asset
        self.version = ops / "root.json"  # which release can read the tables
        self.inspection = ops / "inspection.json"  # what the last look at every byte found
        self.verified = ops / "verified"  # the tables as the last verified run had left them
        self.checkpoint = self.verified / "checkpoint.json"  # which run that was
        self.served = ops / "served"  # there if ``serve`` makes the runs
        self.runs = ops / "runs"
        self.spill = root / "spill"  # rows that do not fit into memory
        self.run_lock = ops / "run.lock"  # of the one writer
        self.stage_lock = ops / "stage.lock"  # of the one stage that writes for a run
        self.unfinished = ops / "unfinished"  # the files of a change, until they are moved
        self.journal = self.unfinished / "journal.json"  # which of them go where
        self.config_copies = ops  # each copy is in a folder of its own

    def table(self, name: str) -> Path:
        """The folder of the table ``layer.table``."""
        layer, _, table = name.partition(".")
        return self.root / layer / table

    def payload(self, digest: str) -> Path:
        """The payload whose sha256 is ``digest``."""
        return self.payloads / digest[:2] / digest

    def run(self, run_id: str) -> Path:
        """The folder of what is kept of a run."""
        return self.runs / run_id

    def run_record(self, run_id: str) -> Path:
        """The record of a run as a whole."""
        return self.run(run_id) / "run.json"

    def request(self, run_id: str) -> Path:
        """What was asked of a run."""
        return self.run(run_id) / "request.json"

    def fingerprints(self, run_id: str) -> Path:
        """What each stage of a run depended on."""
        return self.run(run_id) / "fingerprints.json"

    def record(self, run_id: str, stage: str) -> Path:
        """The record of one stage of a run."""
        return self.run(run_id) / f"{stage}.json"

    def config_of(self, run_id: str) -> Path:
        """The configuration that a run goes by."""
        return self.run(run_id) / "config"


def table_names(data: Path) -> list[str]:
    """Every table under ``data``, as ``layer.table``."""
    logs = sorted(data.glob(f"*/*/{DELTA_LOG}"))
    return [f"{log.parts[-3]}.{log.parts[-2]}" for log in logs]


def table_version(data: Path, name: str) -> int | None:
    """The newest commit of ``layer.table``, by the names of its log's files; None without one."""
    names = (path.name for path in Layout(data).table(name).glob(f"{DELTA_LOG}/*"))
    matches = filter(None, map(_COMMIT.fullmatch, names))
    return max((int(match[1]) for match in matches), default=None)
