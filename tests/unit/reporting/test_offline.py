"""HTML that stays inside its file."""

from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser
from typing import ClassVar

import pandas as pd
import pytest

from sentinel_lib.reporting.offline import LONGEST_ADDRESS, keep_inside, leaves_the_file, picture

PNG = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com",
        "HTTPS://example.com",
        "//example.com/x.js",
        "/\\example.com",
        " \n//example.com",
        "java\nscript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
    ],
)
def test_an_address_elsewhere_leaves_the_file(address: str) -> None:
    assert leaves_the_file(address)


@pytest.mark.parametrize("address", ["#cell", "index.html", "../R/index.html", ""])
def test_an_address_beside_or_within_stays(address: str) -> None:
    assert not leaves_the_file(address)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="https://e.com/x">docs</a>', "docs (https://e.com/x)"),
        ('<a href="https://e.com">https://e.com</a>', "https://e.com"),
        ('<a href="https://e.com/?a=<b>&c">docs</a>', "docs (https://e.com/?a=&lt;b&gt;&amp;c)"),
        ('<a href="https://e.com" ping="https://p.com">docs</a>', "docs (https://e.com)"),
        ('<a href="index.html">report</a>', '<a href="index.html">report</a>'),
        ('<p><img src="//e.com/a.png"></p>', "<p>[image not shown: //e.com/a.png]</p>"),
        ('<img src="plot.png" alt="x">', "[image not shown: plot.png]"),
        ('<img src="https://e.com/a" srcset="//e.com/b 2x">', "[image not shown: https://e.com/a]"),
        ('<link href="//e.com/a.css"><meta content="0;//e.com"><b>x</b>', "<b>x</b>"),
        (
            "<form><script>x</script></form>",
            "[form left out: this page runs and loads nothing]"
            "[script left out: this page runs and loads nothing]",
        ),
        ("<math><mi>x</mi></math>", "[formula not shown]"),
        ("<style>p { display: none }</style>text", "text"),
        (f'<noscript><img src="{PNG}"></noscript>', f'<img src="{PNG}">'),
    ],
)
def test_what_reaches_outside_becomes_words(html: str, expected: str) -> None:
    assert keep_inside(html) == expected


@pytest.mark.parametrize(
    "html",
    [
        f'<img src="{PNG}" alt="a chart" width="300">',
        '<table class="dataframe"><thead><tr style="text-align:right">'
        '<th colspan="2" scope="col">a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>',
        '<div style="color:red;background-color:rgb(1, 2, 3);width:50%">x</div>',
        '<span class="k">def</span>',
        "<details><summary>more</summary>text</details>",
    ],
)
def test_what_readers_rely_on_stays(html: str) -> None:
    assert keep_inside(html) == html


def test_cells_that_pandas_coloured_keep_their_colours() -> None:
    bars = pd.DataFrame({"close": [1.0, 3.0], "volume": [20, 10]})

    html = keep_inside(bars.style.highlight_max(color="yellow").to_html(table_uuid="x"))

    coloured = re.findall(
        r'<td id="output-T_x_row(.)_col(.)" style="background-color:yellow"', html
    )
    assert coloured == [("0", "1"), ("1", "0")]
    assert "<style" not in html


def test_style_of_a_single_cell_covers_nothing_either() -> None:
    html = '<style>#T_x_row0_col0 {position: fixed; color: red}</style><b id="T_x_row0_col0">x</b>'

    assert keep_inside(html) == '<b id="output-T_x_row0_col0" style="color:red">x</b>'


def test_nothing_covers_the_page_or_looks_like_its_verdict() -> None:
    html = '<div class="card status ok" style="position:fixed;inset:0;z-index:9">Run OK</div>'

    assert keep_inside(html) == '<div style="">Run OK</div>'


def test_style_that_loads_something_is_left_out_alone() -> None:
    html = '<i onclick="x()" STYLE="background:u\\72l(//e.com/a);text-align: right">x</i>'

    assert keep_inside(html) == '<i style="text-align:right">x</i>'


def test_ids_are_not_those_of_the_page_and_links_to_them_still_work() -> None:
    html = '<a href="#failure">there</a><b id="failure">x</b>'

    assert keep_inside(html) == ('<a href="#output-failure">there</a><b id="output-failure">x</b>')


def test_headings_go_down_a_level() -> None:
    assert keep_inside("<h1>a</h1><h6>b</h6>") == "<h2>a</h2><h6>b</h6>"


def test_drawing_becomes_an_image_that_its_title_describes() -> None:
    drawing = (
        '<svg viewBox="0 0 1 1"><title>Close &amp; volume</title><script>alert(1)</script>'
        '<a href="https://e.com" xlink:href="https://e.com">x</a></svg>'
    )

    html = keep_inside(f"<p>{drawing}</p>after")

    start, _, rest = html.partition("data:image/svg+xml;base64,")
    content = b64decode(rest.partition('"')[0]).decode()
    assert start == '<p><img src="'
    assert html.endswith('alt="Close &amp; volume"></p>after')
    assert content.startswith('<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink=')


def test_drawing_without_a_title_has_the_words_it_is_given() -> None:
    assert picture("<svg></svg>", 'Figure "1"').endswith('alt="Figure &quot;1&quot;">')


def test_drawing_that_never_ends_takes_nothing_with_it() -> None:
    assert keep_inside("a<svg><p>b") == "a<p>b</p>"


def test_long_address_is_cut() -> None:
    html = keep_inside(f'<img src="https://e.com/{"a" * 10_000}">')

    assert len(html) < LONGEST_ADDRESS + 30


@pytest.mark.parametrize(
    "part", ["<svg ", "<noscript", "<a href=x>", "<script", "<p style=color:", "<style>"]
)
def test_broken_html_takes_no_longer_than_its_length_warrants(part: str) -> None:
    html = f"<svg></svg>{part * 20_000}"

    assert len(keep_inside(html)) < 30 * len(html)


class Remains(HTMLParser):
    """What of a fragment a browser would act on."""

    TAGS: ClassVar = {
        *("base", "button", "embed", "form", "iframe", "input", "link", "math", "meta", "object"),
        *("script", "style", "svg", "video"),
    }

    def __init__(self, html: str) -> None:
        super().__init__()
        self.acting: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.acting += [tag] if tag in self.TAGS else []
        for name, value in attrs:
            is_address = name in ("action", "background", "cite", "href", "poster", "src", "style")
            if name.startswith("on") or (is_address and re.search("e.vil|script|url", value or "")):
                self.acting.append(f"{tag} {name}={value}")


@pytest.mark.parametrize(
    "html",
    [
        '<svg><foreignObject><iframe src="//e.vil"></iframe></foreignObject><script>x</script>',
        '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
        '<meta http-equiv="refresh" content="0;url=//e.vil"><base href="//e.vil">',
        '<form action="//e.vil"><input><button formaction="//e.vil">b</button></form>',
        '<video poster="//e.vil" src="//e.vil"></video><embed src="//e.vil">',
        '<img/src="x"/onerror=alert(1)><details ontoggle=alert(1) open>x</details>',
        '<a href="&#106;avascript:alert(1)">x</a><a href="\thttps://e.vil">x</a>',
        '<a href="data:text/html,<script>x</script>">x</a><a href="left-out:javascript:x">x</a>',
        '<table background="//e.vil"><td style="background:url(//e.vil)">x</td></table>',
        '<link rel=stylesheet href=//e.vil><style>@import "//e.vil"</style>',
        "<textarea><img src=x onerror=alert(1)></textarea><xmp><script>x</script></xmp>",
        '<style>#T_a{color:red"onclick="x;background:url(//e.vil)}</style><b id="T_a">x</b>',
        '<blockquote cite="//e.vil">x</blockquote><iframe srcdoc="<script>x</script>"></iframe>',
    ],
)
def test_nothing_is_left_that_runs_or_loads(html: str) -> None:
    assert Remains(keep_inside(html)).acting == []
