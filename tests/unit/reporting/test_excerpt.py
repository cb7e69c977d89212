"""What of an executed notebook its page shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sentinel_lib.reporting.excerpt import OF_A_CELL, PAGE
from sentinel_lib.reporting.notebook_page import render_notebook

PNG = "iVBORw0KGgo="


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def display(**data: Any) -> dict[str, Any]:
    names = {"html": "text/html", "plain": "text/plain", "png": "image/png", "svg": "image/svg+xml"}
    bundle = {names[name]: content for name, content in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": bundle}


def error(traceback: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": "E", "evalue": "wrong", "traceback": [traceback]}


def cell(*outputs: dict[str, Any], source: str = "x", count: int = 1) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"c{count}",
        "metadata": {},
        "source": source,
        "execution_count": count,
        "outputs": list(outputs),
    }


@pytest.fixture
def page_of(tmp_path: Path, read_page):
    def render(*cells: dict[str, Any]):
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        executed = tmp_path / "20 % validate.ipynb"
        executed.write_text(json.dumps(notebook))
        html = tmp_path / "page.html"
        html.write_bytes(render_notebook(executed, title="validate"))
        return read_page(html)

    return render


def test_small_outputs_are_shown_whole(page_of) -> None:
    page = page_of(cell(stream("a line"), display(html="<table><tr><td>7</td></tr></table>")))

    assert "a line" in page.text
    assert page.text_of("td") == ["7"]
    assert "more characters" not in page.text


@pytest.mark.parametrize(
    ("output", "beginning"),
    [
        (stream("line of text\n" * 100_000), "line of text"),
        (display(plain="plain text " * 100_000), "plain text"),
    ],
)
def test_long_text_is_cut_with_a_link_to_the_notebook_that_keeps_it(
    page_of, output: dict[str, Any], beginning: str
) -> None:
    page = page_of(cell(output))

    assert len(page.html) < 1.2 * OF_A_CELL
    assert beginning in page.text
    assert "more characters of output are in the executed notebook" in page.text
    assert page.attributes("a", "href")[-1] == "20%20%25%20validate.ipynb"


def test_thirty_megabytes_are_counted_and_not_rendered(page_of) -> None:
    page = page_of(cell(stream("x" * 30_000_000)))

    assert len(page.html) < 1.2 * OF_A_CELL
    assert "[29,800,200 more characters of output are in" in page.text


def test_table_that_is_too_long_is_shown_as_text(page_of) -> None:
    table = f"<table>{'<tr><td>1</td></tr>' * 20_000}</table>"

    page = page_of(cell(display(html=table, plain="20000 rows x 1 column")))

    assert "table" not in page.tags()
    assert "20000 rows x 1 column" in page.text
    assert f"[{len(table):,} more characters of output" in page.text


def test_picture_that_is_too_large_is_left_out_and_counted(page_of) -> None:
    page = page_of(cell(display(png="A" * 400_000, plain="<Figure size 640x480>")))

    assert "img" not in page.tags()
    assert "<Figure size 640x480>" in page.text
    assert "[400,000 more characters of output" in page.text


def test_traceback_that_is_too_long_keeps_its_end(page_of) -> None:
    page = page_of(cell(error("frame\n" * 100_000 + "ValueError: the end")))

    assert "ValueError: the end" in page.text
    assert "more characters of output" in page.text


def test_many_small_outputs_add_up(page_of) -> None:
    page = page_of(cell(*[display(plain=f"part {number}") for number in range(20_000)]))

    assert "part 0" in page.text
    assert "part 19999" not in page.text
    assert len(page.html) < 2 * OF_A_CELL


def test_many_cells_add_up(page_of) -> None:
    page = page_of(*[cell(stream("y" * 190_000), count=number) for number in range(1, 21)])

    assert PAGE < len(page.html) < 1.2 * PAGE
    assert page.text.count("more characters of output") == 10


def test_source_that_is_too_long_is_cut(page_of) -> None:
    page = page_of(cell(source="# comment\n" * 100_000))

    assert "[ 950 , 000 more characters ]" in page.text
    assert len(page.html) < 2 * OF_A_CELL


def test_picture_is_shown_where_the_html_of_the_same_output_would_run_a_script(page_of) -> None:
    page = page_of(cell(display(html="<div></div><script>draw()</script>", png=PNG, plain="chart")))

    assert page.attributes("img", "src") == [f"data:image/png;base64,{PNG}"]
    assert page.attributes("img", "alt") == ["Figure shown by cell In [1]"]


def test_html_is_shown_where_it_runs_nothing(page_of) -> None:
    page = page_of(cell(display(html="<table><tr><td>7</td></tr></table>", png=PNG)))

    assert page.text_of("td") == ["7"]


def test_drawing_is_shown_as_an_image(page_of) -> None:
    page = page_of(cell(display(svg="<svg><script>alert(1)</script></svg>")))

    assert page.attributes("img", "src")[0].startswith("data:image/svg+xml;base64,")
    assert "script" not in page.tags()


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://a/x.png" srcset="https://a/x2.png 2x">',
        '<a href="https://e" ping="https://p">x</a>',
        '<svg><a href="https://e" xlink:href="https://f">x</a></svg>',
    ],
)
@pytest.mark.parametrize("kind", ["output", "markdown"])
def test_tag_with_two_addresses_costs_nothing_but_itself(page_of, html: str, kind: str) -> None:
    markdown = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": html}
    shown = markdown if kind == "markdown" else cell(display(html=html))

    page = page_of(shown, cell(stream("the next cell"), count=2))

    assert "the next cell" in page.text
    assert not [value for value in page.attributes("a", "href") if value.startswith("http")]


def test_what_the_metadata_of_an_output_says_is_not_believed(page_of) -> None:
    output = display(png=PNG)
    output["metadata"] = {"image/png": {"width": "1 onerror=alert(1)", "height": 20}}
    isolated = display(html="<b>x</b>")
    isolated["metadata"] = {"text/html": {"isolated": True}}

    page = page_of(cell(output, isolated))

    [image] = [attrs for tag, attrs in page.elements if tag == "img"]
    assert (image.get("width"), image["height"]) == (None, "20")
    assert "iframe" not in page.tags()
