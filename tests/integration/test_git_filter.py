"""How git stores the stage notebooks: as JupyterLab saves them, without outputs and counts."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from sentinel_lib.settings.project import PROJECT_ROOT

NOTEBOOKS = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.11.2",
}
"""What JupyterLab writes there once a kernel has started."""

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Clone:
    """A clone of a repository with the notebooks, in which ``make setup`` has set the filter."""

    def __init__(self, folder):
        origin = folder / "origin"
        shutil.copytree(PROJECT_ROOT / "notebooks", origin / "notebooks")
        for name in ("Makefile", ".gitattributes", ".gitignore"):
            shutil.copy(PROJECT_ROOT / name, origin)
        self.folder = origin
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "All")
        self.folder = folder / "a clone"
        self.git("clone", "--quiet", str(origin), str(self.folder), cwd=folder)
        make = ["make", "--silent", "git-filter", f"VENV={sys.prefix}"]
        subprocess.run(make, cwd=self.folder, check=True, env=ENVIRONMENT)

    def git(self, *arguments, cwd=None):
        done = subprocess.run(
            ["git", *arguments], cwd=cwd or self.folder, check=True, capture_output=True,
            text=True, encoding="utf-8", env=ENVIRONMENT,
        )  # fmt: skip
        return done.stdout


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def run_all(path, word=("", "")):
    """Save the notebook as JupyterLab does after Run All, with one word replaced by another."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="shown\n")]
        cell.metadata.execution = {"iopub.status.idle": "2024-01-02T03:04:05.000000Z"}
    notebook.metadata.language_info = LANGUAGE_INFO
    notebook.cells[0].source = notebook.cells[0].source.replace(*word, 1)
    nbformat.write(notebook, path)


def test_running_all_cells_changes_nothing_in_git(clone):
    for path in (clone.folder / "notebooks").glob("*.ipynb"):
        run_all(path)

    diff = clone.git("diff")
    clone.git("add", "--all", cwd=clone.folder / "notebooks")  # from any folder

    assert diff == ""
    assert clone.git("add", "--all") == clone.git("status", "--porcelain") == ""


def test_edit_of_a_word_is_a_diff_of_one_line_though_all_cells_were_run(clone):
    run_all(clone.folder / "notebooks" / "20_validate.ipynb", word=("**Leaves:**", "**Gives:**"))

    assert clone.git("diff", "--numstat") == "1\t1\tnotebooks/20_validate.ipynb\n"


def test_notebook_elsewhere_keeps_its_outputs(clone):
    path = clone.folder / "tests" / "stored.ipynb"
    path.parent.mkdir()
    shutil.copy(clone.folder / "notebooks" / "20_validate.ipynb", path)
    run_all(path)
    clone.git("add", "tests")

    assert '"shown\\n"' in clone.git("show", ":tests/stored.ipynb")


def test_git_works_without_the_environment_that_filters(clone):
    clone.git("config", "filter.notebooks.clean", "'/nowhere/python' -m nbstripout")
    run_all(clone.folder / "notebooks" / "20_validate.ipynb")

    clone.git("add", "--all")

    assert '"shown\\n"' in clone.git("show", ":notebooks/20_validate.ipynb")


def test_making_the_filter_does_nothing_where_there_is_no_repository(tmp_path):
    shutil.copy(PROJECT_ROOT / "Makefile", tmp_path)

    make = ["make", "--silent", "git-filter", f"VENV={sys.prefix}"]
    done = subprocess.run(make, cwd=tmp_path, check=True, env=ENVIRONMENT, capture_output=True)

    assert (done.stdout, done.stderr) == (b"", b"")


def test_stage_notebooks_are_in_the_form_in_which_git_stores_them(clone):
    command = clone.git("config", "filter.notebooks.clean").strip()
    for path in NOTEBOOKS:
        stripped = subprocess.run(
            command, shell=True, input=path.read_bytes(), capture_output=True, check=True
        ).stdout
        text = nbformat.writes(nbformat.reads(stripped.decode(), as_version=4)) + "\n"

        assert stripped == text.encode()
        assert path.read_bytes() == stripped, f"save {path.name} in JupyterLab, then git add it"
