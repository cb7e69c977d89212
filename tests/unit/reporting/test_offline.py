"""HTML that stays inside its file."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from sentinel_lib.reporting.offline import keep_inside, leaves_the_file


def kept(html: str) -> str:
    soup = BeautifulSoup(html, "html.parser")
    keep_inside(soup)
    return str(soup)


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


@pytest.mark.parametrize(
    "address", ["#cell", "index.html", "../R/index.html", "data:image/png;base64,AA", ""]
)
def test_an_address_beside_or_within_stays(address: str) -> None:
    assert not leaves_the_file(address)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="https://e.com/x">docs</a>', "docs (https://e.com/x)"),
        ('<a href="https://e.com">https://e.com</a>', "https://e.com"),
        ('<a href="#here">here</a>', '<a href="#here">here</a>'),
        ('<p><img src="//e.com/a.png"></p>', "<p>[image not shown: //e.com/a.png]</p>"),
        ('<svg><image xlink:href="http://e.com/a"></image></svg>', "<svg><image/></svg>"),
        ('<link href="//e.com/a.css"><meta content="0;//e.com"><b>x</b>', "<b>x</b>"),
        (
            '<i onclick="x()" STYLE="background:url(//e.com/a)">x</i>',
            '<i style="background:none">x</i>',
        ),
        (
            "<style>@import '//e.com/a';b > i {color: red}</style>",
            "<style>b > i {color: red}</style>",
        ),
        (
            "<form><script>x</script></form>",
            "[form left out: this page runs and loads nothing]",
        ),
    ],
)
def test_what_reaches_outside_becomes_words(html: str, expected: str) -> None:
    assert kept(html) == expected
