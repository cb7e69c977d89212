from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sentinel_lib.notebook_runner import cells


def notebook() -> NotebookNode:
    content = new_notebook(
        cells=[
            new_markdown_cell("# Validate\n\nWhat stops it."),
            new_code_cell("threads: int = 0", metadata={"tags": ["parameters"]}),
            new_markdown_cell("## Check ##"),
            new_code_cell("\n# why\nrows = 3"),
            new_code_cell(""),
            new_code_cell("print(rows)"),
        ]
    )
    content.metadata.papermill = NotebookNode()
    return content


def test_a_cell_is_found_by_its_number_heading_and_first_line() -> None:
    location = cells.locate(notebook(), 3)

    assert location == 'In [2] under "Check": # why'


def test_every_cell_stands_under_the_last_heading_above_it() -> None:
    headings = cells.headings(notebook())

    assert headings == ["Validate", "Validate", "Check", "Check", "Check", "Check"]


def test_empty_cells_are_not_sent_to_the_kernel() -> None:
    assert cells.count_sent(notebook().cells) == 3


def test_notebook_stopped_at_the_first_cell_that_never_ran() -> None:
    executed = notebook()
    executed.cells[1].execution_count = 1

    assert cells.stopped_at(executed) == 3


def test_notebook_that_ran_to_its_end_stopped_nowhere() -> None:
    executed = notebook()
    for index in (1, 3, 5):
        executed.cells[index].execution_count = index

    assert cells.stopped_at(executed) is None


def test_mark_adds_an_error_and_takes_completed_away_from_later_cells() -> None:
    executed = notebook()
    for cell in executed.cells:
        cell.metadata.papermill = NotebookNode(status="completed", exception=None)

    cells.mark_failed(executed, 3, "DeadKernelError", "the kernel was killed")

    assert [cell.metadata.papermill.status for cell in executed.cells[2:]] == [
        "completed",
        "failed",
        "pending",
        "pending",
    ]
    assert executed.metadata.papermill.exception is True
    assert [output.ename for output in executed.cells[3].outputs] == ["DeadKernelError"]


def test_mark_keeps_the_error_that_a_cell_already_shows() -> None:
    executed = notebook()
    raised = new_output("error", ename="ValueError", evalue="no", traceback=["..."])
    executed.cells[3].outputs = [raised]

    cells.mark_failed(executed, 3, "ValueError", "no")

    assert executed.cells[3].outputs == [raised]
