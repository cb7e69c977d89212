"""HTML that reaches for nothing outside its own file.

What it would have fetched or run is replaced by words, so a reader sees that something is not
shown. The page's Content-Security-Policy is the guarantee; this keeps the page legible under it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

ACTIVE_ELEMENTS = ("script", "iframe", "frame", "object", "embed", "applet", "form", "portal")
SILENT_ELEMENTS = ("link", "meta", "base", "noscript", "template")
ADDRESS_ATTRIBUTES = frozenset(
    {
        "action",
        "background",
        "cite",
        "data",
        "formaction",
        "href",
        "longdesc",
        "manifest",
        "ping",
        "poster",
        "src",
        "srcdoc",
        "srcset",
        "xlink:href",
    }
)

_LEAVES_THE_FILE = re.compile(r"(?!data:image/)[a-z][a-z0-9+.-]*:|[/\\]{2}", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\x00-\x20]")
_CSS_IMPORT = re.compile(r"@import[^;]*(;|$)", re.IGNORECASE)
_CSS_ADDRESS = re.compile(r"url\(\s*['\"]?\s*(?!data:|#)[^)]*\)", re.IGNORECASE)


def keep_inside(soup: BeautifulSoup) -> None:
    """Take out of ``soup``, in place, what leaves the file and what runs."""
    from bs4.element import Stylesheet

    for element in soup.find_all(SILENT_ELEMENTS):
        element.unwrap() if element.name == "noscript" else element.decompose()
    for element in soup.find_all(ACTIVE_ELEMENTS):
        element.replace_with(f"[{element.name} left out: this page runs and loads nothing]")
    for element in soup.find_all("style"):
        css = _without_addresses(element.get_text())
        element.clear()
        element.append(Stylesheet(css))
    for element in soup.find_all(True):
        _keep_element_inside(element)


def leaves_the_file(address: str) -> bool:
    """Whether an address names a scheme (other than an image in ``data:``) or a host."""
    return _LEAVES_THE_FILE.match(_INVISIBLE.sub("", address)) is not None


def _keep_element_inside(element: Tag) -> None:
    for name, value in list(element.attrs.items()):
        text = " ".join(value) if isinstance(value, list) else str(value)
        if name.lower().startswith("on"):
            del element[name]
        elif name.lower() == "style":
            element[name] = _without_addresses(text)
        elif name.lower() in ADDRESS_ATTRIBUTES and leaves_the_file(text):
            del element[name]
            _say_where_it_pointed(element, text)


def _say_where_it_pointed(element: Tag, address: str) -> None:
    if element.name == "img":
        element.replace_with(f"[image not shown: {address}]")
    elif element.name == "a":
        label = element.get_text()
        element.append("" if address in (label, f"mailto:{label}") else f" ({address})")
        element.unwrap()


def _without_addresses(css: str) -> str:
    return _CSS_ADDRESS.sub("none", _CSS_IMPORT.sub("", css))
