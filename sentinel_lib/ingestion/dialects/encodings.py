"""Bytes as text: UTF-8 and UTF-16, or the code page that makes words of a header."""

import codecs
import re
from dataclasses import dataclass

from sentinel_lib.errors import Question, SourceError
from sentinel_lib.ingestion.dialects.vocabulary import field_of

UTF_8 = "utf-8"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
CODE_PAGES = (
    "cp1252", "cp1254", "cp1250", "cp1251", "cp932", "cp949", "gb18030", "big5",
    "cp1253", "koi8-r", "mac-roman",
)  # fmt: skip
"""Those that are tried, of equally good ones the first."""

_HEAD_BYTES = 4_000
_FEWEST_NAMES = 2
"""So many names in ASCII make a header; then bytes of another kind can only be in values."""
_SEPARATORS = re.compile(r"[,;\t|\r\n]")


@dataclass(frozen=True, slots=True)
class Text:
    """A text in UTF-8, without a mark, and the ``encoding`` it was in. ``is_told`` is False where
    only ASCII is sure: the header is, and nothing tells what the other bytes are.
    """

    content: bytes
    encoding: str = UTF_8
    is_told: bool = True


def decoded(content: bytes, given: str | None, locator: str) -> Text:
    """``content`` as text; ``given`` settles its encoding.

    Other than UTF-8 and UTF-16 it is the code page in which the header has most names of columns.
    Raises ``Question`` if a header beyond ASCII does not tell, ``SourceError`` if it is not text.
    """
    encoding, is_told = given or _marked(content), True
    if encoding is None:
        if b"\0" in content:
            raise not_text(locator, "it contains NUL bytes")
        try:
            content.decode(UTF_8)
        except UnicodeDecodeError as wrong:
            encoding, is_told = _code_page(content, wrong.start, locator)
        else:
            return Text(content)
    try:
        return Text(content.decode(encoding).lstrip("\ufeff").encode(), encoding, is_told)
    except UnicodeError as wrong:
        start = getattr(wrong, "start", 0)
        line = content.count(b"\n", 0, start) + 1
        reason = f"line {line} has a byte that {encoding} does not"
        raise not_text(locator, reason) from None


def not_text(locator: str, reason: str) -> SourceError:
    """The error of a file that holds no text."""
    return SourceError(
        f"{locator} is not a text file: {reason}",
        expected="CSV, JSON, Excel, Parquet or Feather",
        next_step="export it as CSV in UTF-8, or take it out of the input path",
    )


def _marked(content: bytes) -> str | None:
    """The encoding that the first bytes show: by a mark, or every second one being zero."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return encoding
    head = content[:_HEAD_BYTES]
    for encoding, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros, others = head[first::2], head[1 - first :: 2]
        if len(head) > 8 and zeros.count(0) > 0.9 * len(zeros) and others.count(0) == 0:
            return encoding
    return None


def _code_page(content: bytes, first_foreign: int, locator: str) -> tuple[str, bool]:
    head = content[:_HEAD_BYTES].rsplit(b"\n", 1)[0]
    known: dict[str, int] = {}
    for encoding in CODE_PAGES:
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        words = _SEPARATORS.split(head.decode(encoding, "ignore"))
        known[encoding] = sum(field_of(word.strip('" ')) is not None for word in words)
    best = max(known, key=lambda encoding: known[encoding], default=None)
    if best is None:
        raise not_text(locator, "no encoding makes text of it")
    ascii_words = _SEPARATORS.split(head.decode("ascii", "ignore"))
    plain = sum(field_of(word.strip('" ')) is not None for word in ascii_words)
    is_told = known[best] > plain
    if not is_told and plain < _FEWEST_NAMES:
        names = head.splitlines()[0].decode(best, "replace") if head else ""
        line = content.count(b"\n", 0, first_foreign) + 1
        raise Question(
            f"{locator} is not in UTF-8, and its header does not tell in which encoding it is",
            observed=f"line {line} has other bytes; in {best} the first line is {names[:200]!r}",
            expected=f"one of {', '.join(CODE_PAGES[:7])}",
            next_step="say which: encoding: ... in the options of the files source, "
            "or save the file again as UTF-8",
        )
    return best, is_told
