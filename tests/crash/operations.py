"""What is done to a root besides running its stages, in this process, as the command does it."""

import contextlib
from pathlib import Path

from sentinel_lib import clock
from sentinel_lib.command_line.commands import COMMANDS
from sentinel_lib.command_line.parser import parse
from sentinel_lib.pipeline import reports
from sentinel_lib.reporting.run_report import write_run_report
from sentinel_lib.storage.lock import RunLock
from sentinel_lib.storage.run_history import RunHistory
from tests.crash.stage_cells import STAGES, run_stage


def run_all_stages(parameters):
    """The cells of all stages, by the one who may write."""
    lock = RunLock(Path(parameters["data_dir"]), clock.now)
    with lock.hold("run"):
        lock.sign(parameters["run_id"])
        for stage in STAGES:
            run_stage(stage, parameters)


def command(parameters):
    """A command of the command line."""
    folders = [f"--{name}={parameters[f'{name}_dir']}" for name in ("config", "data", "reports")]
    options = parse([*parameters["words"], *folders])
    with Path(parameters["output"]).open("w") as output, contextlib.redirect_stdout(output):
        answer = COMMANDS[options.command](options, " ".join(parameters["words"]))
        answer.say(is_json=options.json)
    assert answer.exit_code == 0, f"{parameters['words']} ended with {answer.exit_code}"


def write_reports(parameters):
    """The pages of the last run that has a record, and the index."""
    data, folder = Path(parameters["data_dir"]), Path(parameters["reports_dir"])
    last = next(RunHistory(data).newest())
    figures = (data / "gold" / "aggregates.csv").read_text()
    write_run_report(
        last, folder / last.run_id, previous=None, aggregates_csv=figures, freshness=None
    )
    reports.write_index(data, folder)


OPERATIONS = {"stages": run_all_stages, "command": command, "reports": write_reports}
