"""A life of a root: runs, rollbacks, replays, vacuums and reports, each killed again and again."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import pytest

from sentinel_lib.errors import SentinelError
from sentinel_lib.operations.rebuild import verify
from sentinel_lib.planning.plan import new_run_id
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.lock import RunLock, require_whole
from sentinel_lib.storage.run_history import RunHistory
from tests.crash.market import BATCH_AS_OF, HISTORY_AS_OF, Root
from tests.crash.readers import trouble

SEED = 20240222
MOST_ATTEMPTS = 4
"""For each kill that is wanted: what is faster than when it was measured ends before its moment."""

REPLAY_AS_OF = "2024-02-21T00:00:00Z"


def now():
    return datetime.now(UTC)


@dataclass(frozen=True)
class Step:
    """One thing that is done, and its share of the kills. What is ``whole`` has no in-between."""

    operation: str
    share: int
    words: tuple[str, ...] = ()
    as_of: str = ""
    archive: str = ""
    is_whole: bool = False

    @property
    def is_rollback(self):
        return self.words[:1] == ("rollback",)


LIFE = (
    Step("stages", 25, as_of=BATCH_AS_OF),
    Step("command", 30, ("rollback", "HISTORY"), is_whole=True),
    Step("stages", 15, as_of=BATCH_AS_OF),
    Step("stages", 10, as_of=REPLAY_AS_OF, archive="quarantine"),
    Step("command", 10, ("vacuum", "--keep", "0h"), is_whole=True),
    Step("reports", 10, is_whole=True),
)


@dataclass
class Life:
    """A root that goes through ``LIFE``, and the state after each step of it."""

    root: Root
    template: object
    history: str

    def parameters(self, step):
        """What a step is told; each attempt at a run is a run of its own."""
        words = [self.history if word == "HISTORY" else word for word in step.words]
        return {
            **self.root.parameters(new_run_id(now()), step.as_of),
            "archive": step.archive,
            "reports_dir": str(self.root.folder / "reports"),
            "output": str(self.root.folder / "output"),
            "words": words,
        }

    def take(self, step):
        """Do a step to its end."""
        return self.template.operate(step.operation, self.parameters(step))

    def kill(self, step, seconds, random, *, at_once=False):
        """Begin a step and kill it: of rollbacks every second one while it moves its files, or
        ``at_once`` when it begins to.
        """
        sign = None
        if step.is_rollback and (at_once or random.random() < 0.5):
            sign = Layout(self.root.data).journal
            seconds = 0 if at_once else 0.02
        moment = random.uniform(0, seconds)
        return self.template.kill_operation(step.operation, self.parameters(step), moment, sign)


@dataclass(frozen=True)
class Undisturbed:
    """The states of a root that nobody disturbs, before and after each step, and their seconds.

    ``born`` is the root as it was before the first step.
    """

    born: Root
    history: str
    states: list
    seconds: list


@pytest.fixture(scope="module")
def undisturbed(template, tmp_path_factory):
    top = tmp_path_factory.mktemp("life")
    born = Root(top / "born")
    born.folder.mkdir()
    born.configure()
    born.deliver(40, is_corrected=False)
    history = new_run_id(now())
    template.run(born.parameters(history, HISTORY_AS_OF))
    born.deliver(50, is_corrected=True)
    root = born.copied_to(top / "undisturbed")
    life, states, seconds = Life(root, template, history), [root.published()], []
    for step in LIFE:
        seconds.append(life.take(step))
        states.append(root.published())
    return Undisturbed(born, history, states, seconds)


@dataclass(frozen=True)
class Disturbed:
    """A root that went through the same with kills, and what was found."""

    root: Root
    kills: int
    unfinished: int
    found: list[str]
    states: list


@pytest.fixture(scope="module")
def disturbed(undisturbed, template, kills, tmp_path_factory):
    top = tmp_path_factory.mktemp("life")
    root = undisturbed.born.copied_to(top / "disturbed")
    life = Life(root, template, undisturbed.history)
    random, killed, unfinished, found, states = Random(SEED), 0, 0, [], []
    shares = sum(step.share for step in LIFE)
    for number, step in enumerate(LIFE):
        allowed = undisturbed.states[number : number + 2]
        before = root.copied_to(top / str(number))
        wanted = -(-kills * step.share // shares)  # rounded up
        for attempt in range(MOST_ATTEMPTS * wanted):
            seconds, is_extra = undisturbed.seconds[number], wanted <= 0
            was_killed = life.kill(step, seconds, random, at_once=is_extra)
            wanted, killed = wanted - was_killed, killed + was_killed
            where = f"{step.operation} {' '.join(step.words)}, attempt {attempt}"
            unfinished += is_unfinished(root)
            with RunLock(root.data, now).hold("the next command"):
                found += [f"{where}: {one}" for one in trouble(root, *allowed)]
                if step.is_whole and root.published() not in allowed:
                    found.append(f"{where}: neither as before nor as after it")
            if wanted <= 0 and (unfinished or not step.is_rollback):
                break
            if root.published() == allowed[1]:  # done: again, from before it
                shutil.rmtree(root.folder)
                before.copied_to(root.folder)
        life.take(step)
        states.append(root.published())
    return Disturbed(root, killed, unfinished, found, states)


def is_unfinished(root):
    """Whether readers are told that a change has begun and is not finished."""
    try:
        require_whole(root.data)
    except SentinelError as unfinished:
        return "rollback" in str(unfinished.next_step)
    return False


def test_as_many_were_killed_as_were_to_be(disturbed, kills):
    assert disturbed.kills >= kills


def test_whatever_was_killed_the_next_command_finds_what_was_published_before_or_after(disturbed):
    assert disturbed.found == []


def test_after_every_step_the_root_is_as_one_that_nobody_disturbed(disturbed, undisturbed):
    assert disturbed.states == undisturbed.states[1:]


def test_some_rollbacks_were_killed_half_way_and_readers_were_told(disturbed):
    assert disturbed.unfinished > 0


def test_verify_finds_that_every_killed_and_every_other_run_led_to_what_is_published(disturbed):
    data = disturbed.root.data

    assert verify(data, RunHistory(data).run_ids()[0]).problems == []


def test_nothing_is_left_unfinished(disturbed):
    assert not Layout(disturbed.root.data).unfinished.exists()
