"""What of an executed notebook its page shows: as much as a browser opens at once, and cleaned.

What is left out is counted, with a link to the executed notebook, which keeps all. It is left out
before anything is rendered: a cell that prints 30 MB costs no more than one that prints 200 kB.
Made by the filters of nbconvert. Not by its exporter, which parses the whole page once more: that
takes 15 s for two megabytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from sentinel_lib.reporting import offline
from sentinel_lib.reporting.notebook_page import anchor, label
from sentinel_lib.reporting.wording import thousands

OF_A_CELL = 200_000
"""Characters of a cell's outputs that are shown."""

OF_A_SOURCE = 50_000
"""Characters of a cell's source that are shown."""

PAGE = 2_000_000
"""Characters of sources and outputs on one page."""

MARKUP = 200
"""Characters around each output, roughly: very many empty ones make a long page too."""

FORMS = (
    "text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex",
    "text/plain",
)  # fmt: skip
"""Those that need no script, the richest first."""

INJECTED = "injected-parameters"


@dataclass(frozen=True, slots=True)
class ShownOutput:
    """An output as HTML; ``prompt`` is in front of the value of a cell."""

    kind: str
    html: str
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A cell as HTML; ``anchor`` and ``prompt`` may be empty."""

    html: str
    anchor: str = ""
    prompt: str = ""
    is_injected: bool = False
    outputs: Sequence[ShownOutput] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """Of one output: what is shown, and how many characters of it are, and are not."""

    shown: ShownOutput
    size: int
    left_out: int


class ShownCells:
    """The cells of one page; ``file_name`` is the executed notebook's, beside the page."""

    def __init__(self, file_name: str) -> None:
        self._link = quote(file_name)
        self._room = PAGE

    def cell(self, cell: Any) -> ShownCell:
        """The cell as it is shown."""
        source = self._source(cell)
        if cell.cell_type == "code":
            return ShownCell(
                html=Highlight2HTML()(source),
                anchor=anchor(cell),
                prompt=label(cell),
                is_injected=INJECTED in cell.metadata.get("tags", []),
                outputs=list(self._outputs(cell)),
            )
        if cell.cell_type == "markdown":
            return ShownCell(_markdown(source, cell.get("attachments", {})), anchor(cell))
        return ShownCell(f"<pre>{escape(source)}</pre>", anchor(cell))

    def _source(self, cell: Any) -> str:
        shown: str = cell.source[: min(self._room, OF_A_SOURCE)]
        self._room -= len(shown)
        left_out = len(cell.source) - len(shown)
        return f"{shown}\n\n[{thousands(left_out)} more characters]" if left_out else shown

    def _outputs(self, cell: Any) -> Iterator[ShownOutput]:
        room = min(self._room, OF_A_CELL)
        left_out = 0
        for output in cell.outputs:
            part = _part_of(output, max(0, room - MARKUP), cell)
            left_out += part.left_out
            if part.size or not part.left_out:
                room -= part.size + MARKUP
                self._room -= max(part.size, len(part.shown.html)) + MARKUP
                yield part.shown
        if left_out:
            yield ShownOutput("note", self._note(left_out))

    def _note(self, left_out: int) -> str:
        return (
            f"<p>[{thousands(left_out)} more characters of output are in "
            f'<a href="{self._link}">the executed notebook</a>]</p>'
        )


def _part_of(output: Any, room: int, cell: Any) -> _Part:
    """At most ``room`` characters of ``output``; of a traceback the end, which names the error."""
    if output.output_type == "stream":
        kind, whole = ("stdout" if output.name == "stdout" else "stderr"), output.text
        text = whole[:room]
    elif output.output_type == "error":
        kind, whole = "error", "\n".join(output.traceback)
        text = whole[-room:] if room else ""
    else:
        return _part_of_display(output, room, cell)
    return _Part(ShownOutput(kind, _terminal(text)), len(text), len(whole) - len(text))


def _part_of_display(output: Any, room: int, cell: Any) -> _Part:
    """The richest form that fits; where none does, the beginning of the plain one."""
    prompt = f"Out [{cell.execution_count}]" if output.output_type == "execute_result" else ""
    forms = _forms(output.data)
    richest = len(next(iter(forms.values()), ""))
    for form, content in forms.items():
        if len(content) <= room:
            shown = ShownOutput(*_rendered(form, content, output, cell), prompt)
            return _Part(shown, len(content), 0 if len(content) == richest else richest)
    text = forms.get("text/plain", "")[:room]
    return _Part(ShownOutput("text", _terminal(text), prompt), len(text), richest - len(text))


def _forms(data: Any) -> dict[str, str]:
    """The forms of an output that can be shown, the best first.

    HTML that runs something, as charts do that draw themselves, comes after a picture of the same.
    """
    forms = {form: data[form] for form in FORMS if isinstance(data.get(form), str)}
    has_picture = any(form.startswith("image/") for form in forms)
    if has_picture and offline.is_active(forms.get("text/html", "")):
        forms["text/html"] = forms.pop("text/html")
    return forms


def _rendered(form: str, content: str, output: Any, cell: Any) -> tuple[str, str]:
    """The kind of a form, and its HTML."""
    if form == "text/html":
        name = escape(f"Output of {label(cell)}")
        frame = f'<div class="scroll" role="region" aria-label="{name}" tabindex="0">'
        return "html", f"{frame}{offline.keep_inside(content)}</div>"
    if form == "text/markdown":
        return "markdown", _markdown(content, {})
    if form.startswith("image/"):
        terms = output.metadata.get(form, {})
        return "image", _image(form, content, terms, label(cell))
    return "text", _terminal(content)


def _image(form: str, content: str, terms: Mapping[str, Any], cell: str) -> str:
    alt = str(terms.get("alt") or f"Figure shown by cell {cell}")
    if form == "image/svg+xml":
        return offline.picture(content, alt)
    sides = [(side, terms.get(side)) for side in ("width", "height")]
    size = "".join(f' {side}="{value}"' for side, value in sides if isinstance(value, int))
    source = escape("".join(content.split()))
    return f'<img src="data:{form};base64,{source}" alt="{escape(alt)}"{size}>'


def _markdown(source: str, attachments: Mapping[str, Any]) -> str:
    renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    return offline.keep_inside(MarkdownWithMath(renderer=renderer).render(source))


def _terminal(text: str) -> str:
    """Text with the colours of a terminal."""
    return f"<pre>{ansi2html(text)}</pre>"
