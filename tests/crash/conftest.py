"""What the crash tests share: a history, the batch that follows, and its undisturbed outcome."""

from dataclasses import dataclass

import pytest

from tests.crash.market import BATCH_AS_OF, HISTORY_AS_OF, Published, Root
from tests.crash.stage_cells import STAGES
from tests.crash.victims import Template, Timeline


@dataclass(frozen=True)
class Batch:
    """A root with a history and the next batch in its inbox, and what a run over it comes to.

    ``at`` has the same root as it stands before each stage of the run ``undisturbed``; ``old`` and
    ``new`` are what readers see before and after it, ``remains`` the files that it leaves.
    """

    root: Root
    at: dict[str, Root]
    old: Published
    new: Published
    remains: list[str]
    timeline: Timeline


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """Where runs are forked from."""
    with (tmp_path_factory.mktemp("template") / "stderr").open("w") as log:
        template = Template(log)
        yield template
        template.close()


@pytest.fixture(scope="session")
def batch(template, tmp_path_factory):
    top = tmp_path_factory.mktemp("batch")
    root = Root(top / "root")
    root.folder.mkdir()
    root.configure()
    root.deliver(40, is_corrected=False)
    template.run(root.parameters("history", HISTORY_AS_OF))
    old = root.published()
    root.deliver(50, is_corrected=True)
    at, parts, undisturbed = {}, [], root.copied_to(top / "undisturbed")
    for stage in STAGES:
        at[stage] = undisturbed.copied_to(top / stage)
        parts.append(template.run(undisturbed.parameters("undisturbed", BATCH_AS_OF), [stage]))
    timeline = Timeline(
        tuple(cell for part in parts for cell in part.cells),
        tuple(seconds for part in parts for seconds in part.seconds),
    )
    return Batch(root, at, old, undisturbed.published(), undisturbed.remains(), timeline)
