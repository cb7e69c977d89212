"""Executed notebooks as pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sentinel_lib.errors import StorageError
from sentinel_lib.reporting.notebook_page import render_notebook

ADDRESS_ATTRIBUTES = {
    *("action", "background", "cite", "data", "formaction", "href", "longdesc", "manifest"),
    *("ping", "poster", "src", "srcdoc", "srcset", "xlink:href"),
}

STOPPED = Path(__file__).with_name("executed") / "stopped_at_an_error.ipynb"
"""Papermill's output of a notebook with a table, a picture, math, foreign HTML and an error."""


def notebook_of(*cells: dict[str, object]) -> str:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def stopped(tmp_path: Path, read_page):
    html = tmp_path / "validate.html"
    html.write_bytes(render_notebook(STOPPED, title="validate, run R"))
    return read_page(html)


def test_page_refers_to_nothing_outside_itself(stopped) -> None:
    addresses = [
        value
        for _, attrs in stopped.elements
        for name, value in attrs.items()
        if name in ADDRESS_ATTRIBUTES
    ]
    styles = [attrs["style"] for _, attrs in stopped.elements if "style" in attrs]
    styles += re.findall(r"<style[^>]*>(.*?)</style>", stopped.html, re.DOTALL)

    foreign = [value for value in addresses if not value.startswith(("#", "data:", "index.html"))]
    assert len(addresses) >= 3
    assert foreign == []
    assert not [css for css in styles if "url(" in css or "@import" in css]
    assert stopped.tags().isdisjoint({"script", "iframe"})
    assert "mathjax" not in stopped.html.lower()
    assert "default-src 'none'" in stopped.attributes("meta", "content")[0]


def test_page_shows_what_the_notebook_showed(stopped) -> None:
    assert {"AAPL", "187.5", "<script>alert(1)</script>"} <= set(stopped.text_of("td"))
    assert stopped.attributes("img", "src")[0].startswith("data:image/png;base64,iVBOR")
    assert stopped.attributes("img", "alt") == ["Figure shown by cell In [4]"]
    assert r"$\sigma \sqrt{252}$" in stopped.text
    assert "the handbook (https://example.com/volatility)" in stopped.text
    assert "3 rows" in stopped.text
    assert stopped.text_of("h1") == ["validate, run R"]
    assert stopped.text_of("h2") == ["Validate"]


def test_page_says_first_where_the_notebook_stopped(stopped) -> None:
    first = stopped.text.index("failed at In [7] : ValueError high 1.0 is below low 2.0 <b>")
    anchor = stopped.attributes("a", "href")[1].removeprefix("#").replace("%3D", "=")

    assert first < stopped.text.index("Volatility")
    assert anchor in [attrs.get("id") for _, attrs in stopped.elements]
    assert "Traceback (most recent call last)" in stopped.text
    assert "An Exception was encountered" not in stopped.text


def test_page_is_light(stopped) -> None:
    assert len(stopped.html) < 40_000


def test_rendering_executes_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": f"open({str(trace)!r}, 'w')",
    }
    notebook = tmp_path / "ingest.ipynb"
    notebook.write_text(notebook_of(cell))

    page = render_notebook(notebook, title="ingest")

    assert b"ingest" in page
    assert not trace.exists()


def test_title_is_escaped(tmp_path: Path, read_page) -> None:
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(notebook_of())

    (tmp_path / "n.html").write_bytes(render_notebook(notebook, title="<i>x</i>"))

    page = read_page(tmp_path / "n.html")
    assert "i" not in page.tags()
    assert page.text_of("h1") == ["<i>x</i>"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b'{"cells": "none"}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}',
    ],
)
def test_a_file_that_is_no_notebook_is_an_error_that_names_it(
    tmp_path: Path, content: bytes
) -> None:
    notebook = tmp_path / "broken.ipynb"
    notebook.write_bytes(content)

    with pytest.raises(StorageError, match=r"broken\.ipynb could not be rendered") as raised:
        render_notebook(notebook, title="broken")

    assert raised.value.next_step


def test_a_missing_notebook_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone\.ipynb could not be rendered"):
        render_notebook(tmp_path / "gone.ipynb", title="gone")


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "{'nbconvert', 'nbformat', 'jinja2', 'nh3', 'pandas'}"

    found = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys, sentinel_lib.reporting; print({heavy} & set(sys.modules))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == "set()"
