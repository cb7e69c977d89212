"""HTML of others that reaches for nothing outside its page, and covers nothing on it.

What it would have fetched or run is replaced by words, so a reader sees that something is not
shown. The page's Content-Security-Policy stands behind this.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from html import escape, unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nh3 import Cleaner

PREFIX = "output-"
"""Before the ids of what is cleaned, and in the links to them: a page's own ids are others."""

LONGEST_ADDRESS = 200
"""Characters of an address that is shown in words."""

_LANDMARKS = {"area", "article", "aside", "footer", "header", "map", "nav"}
_CONTENT_OF_ITS_OWN = {
    *("applet", "iframe", "noembed", "noframes", "object", "script", "style", "svg", "template"),
    "title",
}
_ATTRIBUTES = {
    "*": {"class", "dir", "id", "lang", "style", "title"},
    "a": {"href"},
    "img": {"alt", "height", "src", "width"},
    "details": {"open"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_STYLES = {
    *("background", "background-color", "color", "font-style", "font-weight", "text-align"),
    *("text-decoration", "vertical-align", "white-space", "width"),
}
_LEFT_OUT = "left-out"
"""The scheme of addresses on their way to becoming words."""

_SCHEMES = {_LEFT_OUT, "data", "file", "ftp", "http", "https", "javascript", "mailto"}

_ACTIVE = re.compile(
    r"<(applet|audio|embed|form|frame|iframe|object|portal|script|video)(?=[\s/>])", re.IGNORECASE
)
_FORMULA = re.compile(r"<math(?=[\s>])", re.IGNORECASE)
_NOSCRIPT = re.compile(r"</?noscript\b[^<>]*>?", re.IGNORECASE)
_SHEET = re.compile(r"<style[^<>]*>([^<]*)</style", re.IGNORECASE)
_STYLED = re.compile(r'id="(T_\w+)"')
_SVG = re.compile(r"<svg[\s>].*?</svg\s*>", re.IGNORECASE | re.DOTALL)
_SVG_START = re.compile(r"<svg", re.IGNORECASE)
_SVG_END = re.compile(r"</svg\s*>", re.IGNORECASE)
_SVG_TITLE = re.compile(r"<title[^>]*>([^<]*)<", re.IGNORECASE)
_LEAVES_THE_FILE = re.compile(r"[a-z][a-z0-9+.-]*:|[/\\]{2}", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\x00-\x20]")
_IMAGE = re.compile(r"data:image/(?:gif|jpeg|png|svg\+xml|webp);base64,[A-Za-z0-9+/=\s]*")
_PLAIN_STYLE = re.compile(r"(?:[\w\s#%.,:!-]|(?:rgb|hsl)a?\([\w\s%.,/]*\))*")
_KNOWN_CLASS = re.compile(r"dataframe|highlight|ansi-[a-z-]+|(?!ok)[a-z][a-z0-9]{0,2}")

# What comes out of the cleaner has every attribute in quotes, and no < or > inside one.
_HEADING = re.compile(r"<(/?)h([1-5])(?=[ >])")
_IMAGE_LEFT_OUT = re.compile(rf'<img[^>]* src="{_LEFT_OUT}:([^"]*)"[^>]*>')
_LINK_LEFT_OUT = re.compile(rf'<a[^>]* href="{_LEFT_OUT}:([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


def keep_inside(html: str) -> str:
    """``html`` without what leaves the file, what runs, and what covers the rest of the page.

    Headings go down a level, as the page's title is its one ``h1``.
    """
    html = _with_pictures(_with_styles(_NOSCRIPT.sub("", html)))
    html = _ACTIVE.sub(r"[\1 left out: this page runs and loads nothing]<\1", html)
    html = _FORMULA.sub("[formula not shown]<math", html)
    html = _cleaner().clean(html)
    html = _HEADING.sub(lambda tag: f"<{tag[1]}h{int(tag[2]) + 1}", html)
    html = _IMAGE_LEFT_OUT.sub(lambda image: f"[image not shown: {_text(image[1])}]", html)
    return _LINK_LEFT_OUT.sub(lambda link: _label_and_address(link[2], _text(link[1])), html)


def is_active(html: str) -> bool:
    """Whether something in ``html`` would run or load."""
    return _ACTIVE.search(html) is not None


def leaves_the_file(address: str) -> bool:
    """Whether an address names a scheme or a host."""
    return _LEAVES_THE_FILE.match(_INVISIBLE.sub("", address)) is not None


def picture(svg: str, alt: str = "") -> str:
    """An SVG drawing as an image, which runs and loads nothing; its title describes it."""
    names = {"xmlns": "http://www.w3.org/2000/svg", "xmlns:xlink": "http://www.w3.org/1999/xlink"}
    missing = "".join(f' {name}="{uri}"' for name, uri in names.items() if f"{name}=" not in svg)
    svg = _SVG_START.sub(f"<svg{missing}", svg, count=1)
    title = _SVG_TITLE.search(svg)
    label = alt or (unescape(title[1]).strip() if title else "") or "a drawing"
    content = b64encode(svg.encode(errors="replace")).decode()
    return f'<img src="data:image/svg+xml;base64,{content}" alt="{escape(label)}">'


def _with_styles(html: str) -> str:
    """``html`` with the styles that pandas gives single cells, at them: no stylesheet is kept."""
    styles: dict[str, str] = {}
    rules = [rule for sheet in _SHEET.finditer(html) for rule in sheet[1].split("}")]
    for selectors, _, declarations in (rule.partition("{") for rule in rules):
        for selector in selectors.split(","):
            name = selector.strip().removeprefix("#")
            styles[name] = f"{styles.get(name, '')}{declarations};"

    def styled(cell: re.Match[str]) -> str:
        style = styles.get(cell[1])
        return f'{cell[0]} style="{escape(style)}"' if style else cell[0]

    return _STYLED.sub(styled, html)


def _with_pictures(html: str) -> str:
    """``html`` with its drawings as images: the cleaner is not trusted with SVG."""
    end = max((closing.end() for closing in _SVG_END.finditer(html)), default=0)
    return _SVG.sub(lambda drawing: picture(drawing[0]), html[:end]) + html[end:]


@cache
def _cleaner() -> Cleaner:
    import nh3

    return nh3.Cleaner(
        tags=(nh3.ALLOWED_TAGS | {"tfoot"}) - _LANDMARKS,
        clean_content_tags=_CONTENT_OF_ITS_OWN,
        attributes=_ATTRIBUTES,
        attribute_filter=_kept,
        url_schemes=_SCHEMES,
        filter_style_properties=_STYLES,
        link_rel=None,
    )


def _kept(tag: str, name: str, value: str) -> str | None:
    """What stays of an attribute that may stay."""
    if name == "id":
        return PREFIX + value
    if name == "class":
        return " ".join(filter(_KNOWN_CLASS.fullmatch, value.split())) or None
    if name == "style":
        return ";".join(filter(_PLAIN_STYLE.fullmatch, value.split(";"))) or None
    if name == "src":
        return value if _IMAGE.fullmatch(value) else f"{_LEFT_OUT}:{value}"
    if name == "href":
        if value.startswith("#"):
            return f"#{PREFIX}{value[1:]}"
        return f"{_LEFT_OUT}:{value}" if leaves_the_file(value) else value
    return value


def _text(attribute: str) -> str:
    """The beginning of an attribute's value, as text between tags."""
    address = unescape(attribute)
    shown = address if len(address) <= LONGEST_ADDRESS else f"{address[:LONGEST_ADDRESS]}…"
    return escape(shown, quote=False)


def _label_and_address(label: str, address: str) -> str:
    return label if address in (label, f"mailto:{label}") else f"{label} ({address})"
