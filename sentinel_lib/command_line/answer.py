"""What a command says on standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sentinel_lib.errors import ExitCode
from sentinel_lib.messages import summary
from sentinel_lib.records.stage import RunRecord


class Answer(NamedTuple):
    """A text, the object that ``--json`` prints in its place, and the exit code.

    Where the text is empty, neither is printed.
    """

    text: str
    content: Mapping[str, Any]
    exit_code: int = ExitCode.OK

    def say(self, *, is_json: bool) -> None:
        """Print it."""
        if self.text:
            print(json.dumps(self.content, ensure_ascii=False) if is_json else self.text)


def of_run(record: RunRecord) -> Answer:
    """How a run has ended, and its exit code."""
    return Answer(summary.run_text(record), summary.run_object(record), record.exit_code)
