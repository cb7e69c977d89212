"""Runs killed while they publish, one after another and with runs between them."""

from dataclasses import dataclass
from random import Random

import pytest

from sentinel_lib.storage.lock import Lock
from tests.crash.market import BATCH_AS_OF, Published, Root
from tests.crash.readers import Reader, trouble

SEED = 20240220
KILLS_IN_A_ROW = (1, 3, 10)
"""How many runs are killed before one is left alone; after those, all the others in a row."""


@dataclass(frozen=True)
class Ordeal:
    """A root on which ``kills`` runs were killed before one was left alone, and what was seen."""

    root: Root
    kills: int
    rounds: int
    seen_by_readers: list[str]
    found_after_kills: list[str]
    outcome: Published


def suffer(root, template, batch, moments):
    """Kill a run at each of ``moments``, then leave one alone, while somebody reads."""
    found, kills = [], 0
    with Reader(root, batch.old, batch.new) as reader:
        for number, moment in enumerate(moments):
            parameters = root.parameters(f"killed-{number:03}", BATCH_AS_OF)
            kills += template.kill_run(parameters, moment)
            where = batch.timeline.cells[moment.cell].splitlines()[0]
            after = trouble(root, batch.old, batch.new)
            found += [f"after {moment} in '{where}': {one}" for one in after]
        template.run(root.parameters("left-alone", BATCH_AS_OF))
    return Ordeal(root, kills, reader.rounds, reader.trouble, found, root.published())


@pytest.fixture(scope="module")
def ordeals(template, batch, kills, tmp_path_factory):
    top = tmp_path_factory.mktemp("ordeals")
    moments = batch.timeline.moments(Random(SEED), kills)
    found = []
    for count in (*KILLS_IN_A_ROW, kills):
        if moments[:count]:
            root = batch.root.copied_to(top / str(len(found)))
            found.append(suffer(root, template, batch, moments[:count]))
        moments = moments[count:]
    return found


def test_as_many_runs_were_killed_as_were_to_be(ordeals, kills):
    killed = sum(ordeal.kills for ordeal in ordeals)

    assert killed >= kills * 0.8  # a run that is faster than the one measured may end before


def test_every_table_is_readable_after_every_kill(ordeals):
    assert [ordeal.found_after_kills for ordeal in ordeals] == [[]] * len(ordeals)


def test_readers_see_nothing_but_what_was_published(ordeals):
    assert all(ordeal.rounds > 10 for ordeal in ordeals)
    assert [ordeal.seen_by_readers for ordeal in ordeals] == [[]] * len(ordeals)


def test_a_run_after_kills_leaves_what_an_undisturbed_one_does(ordeals, batch):
    assert [ordeal.outcome for ordeal in ordeals] == [batch.new] * len(ordeals)


def test_nothing_is_left_of_killed_runs_but_their_records(ordeals, batch):
    assert [ordeal.root.remains() for ordeal in ordeals] == [batch.remains] * len(ordeals)


def test_no_lock_outlives_a_killed_run(template, batch, tmp_path):
    root = batch.root.copied_to(tmp_path / "root")
    [moment] = batch.timeline.moments(Random(SEED), 1)
    template.kill_run(root.parameters("killed", BATCH_AS_OF), moment)
    lock = Lock(root.data / "ops" / "stage.lock")

    is_free = lock.acquire(0)

    lock.release()
    assert is_free
