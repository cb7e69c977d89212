"""Runs of the command killed with all their kernels, and one whose kernels were left behind."""

import json
import time
from dataclasses import dataclass
from random import Random

import pytest

from tests.crash.commands import Command
from tests.crash.market import Published, Root
from tests.crash.readers import Reader, trouble
from tests.crash.stage_cells import STAGES

SEED = 20240221
STAGE_SECONDS = 1.5
"""About how long a stage takes, its kernel's start included."""


@dataclass(frozen=True)
class Ordeal:
    """A root on which runs were killed before one was left alone, and what was seen."""

    root: Root
    rounds: int
    seen_by_readers: list[str]
    found_after_kills: list[str]
    exit_code: int
    printed: dict
    outcome: Published


@pytest.fixture(scope="module")
def ordeal(batch, kills, tmp_path_factory):
    root = batch.root.copied_to(tmp_path_factory.mktemp("whole_runs") / "root")
    random, stages = Random(SEED), list(STAGES)
    random.shuffle(stages)
    found = []
    with Reader(root, batch.old, batch.new) as reader:
        for number in range(max(1, kills // 5)):
            command = Command(root, "--force")  # one may have ended before it was killed
            command.wait_for(stages[number % len(stages)])
            time.sleep(random.uniform(0, STAGE_SECONDS))
            command.kill(with_kernels=True)
            found += trouble(root, batch.old, batch.new)
        orphaning = Command(root, "--force")
        orphaning.wait_for("validate")
        time.sleep(STAGE_SECONDS / 2)
        orphaning.kill(with_kernels=False)
        exit_code, stdout, stderr = Command(root).end()
    printed = json.loads(stdout) if stdout else {"stderr": stderr}
    return Ordeal(root, reader.rounds, reader.trouble, found, exit_code, printed, root.published())


def test_a_run_after_killed_ones_does_its_work(ordeal):
    assert ordeal.exit_code == 0, ordeal.printed


def test_it_leaves_what_an_undisturbed_one_does(ordeal, batch):
    assert ordeal.outcome == batch.new


def test_every_table_was_readable_after_every_kill(ordeal):
    assert ordeal.found_after_kills == []


def test_readers_saw_nothing_but_what_was_published(ordeal):
    assert ordeal.rounds > 100
    assert ordeal.seen_by_readers == []


def test_nothing_is_left_but_the_records_of_the_runs(ordeal, batch):
    remains = set(ordeal.root.remains()) - {"ops/run.lock"}

    assert remains == set(batch.remains)
