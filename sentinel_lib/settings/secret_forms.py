"""The forms in which a text may show a secret: as it is, escaped, quoted, or inside base64."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html.entities import codepoint2name

_ESCAPE = r"\\\\{0,31}"
"""One backslash, or what it has become after being escaped up to five times. Without the bound, a
text of many backslashes would take the square of its length.
"""

BREAK = rf"(?:(?:\x1b|{_ESCAPE}u001b|{_ESCAPE}x1b)\[[\d;]{{0,20}}m|{_ESCAPE}[rn]|[\r\n]){{0,4}}"
"""What may stand between two characters: colours of a traceback, or the end of a wrapped line."""

_PERCENT = "%(?:25){0,5}"
_AMPERSANDS = (r"&(?:amp;){0,5}", rf"{_ESCAPE}u0026(?:amp;){{0,5}}")
_QUOTE = r'\\{0,31}"'
_CONTROL = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_EITHER_ALPHABET = {"+": "+-", "/": "/_"}


@dataclass(frozen=True)
class Form:
    """One way to write a value: for each of its characters the patterns that show it."""

    ways: Sequence[Sequence[str]]

    def pattern(self, length: int | None = None) -> str:
        """The regular expression for the whole of it, or for its first ``length`` characters."""
        return BREAK.join(
            f"(?:{'|'.join(ways)})" if len(ways) > 1 else ways[0] for ways in self.ways[:length]
        )

    @property
    def first(self) -> str:
        """The character that it begins with."""
        return self.ways[0][0].removeprefix("\\")[0]

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The whole of it, for ``match``."""
        return re.compile(self.pattern())


def forms(value: str) -> Iterator[Form]:
    """The forms of ``value``: of its text, and of its base64 at the three places where a byte can
    begin in it; one for every way to write its first character.
    """
    texts: list[list[Sequence[str]]] = [[_written(character) for character in _runs(value)]]
    for skipped in range(3):
        inner = _inner_base64(value.encode(errors="surrogatepass"), skipped)
        texts.append([_in_base64(character) for character in inner])
    for first, *rest in texts:
        yield from (Form([[way], *rest]) for way in first)


def _inner_base64(content: bytes, skipped: int) -> str:
    """The base64 of ``content`` after ``skipped`` unknown bytes, without the characters at its
    ends that also depend on what stands beside it.
    """
    encoded = base64.b64encode(bytes(skipped) + content).decode()
    bits = 8 * (skipped + len(content))
    return encoded[-(-8 * skipped // 6) : bits // 6]


def _in_base64(character: str) -> list[str]:
    same = _EITHER_ALPHABET.get(character, character)
    return [way for one in same for way in _written(one)]


def _runs(value: str) -> list[str]:
    """The characters of ``value``; backslashes in a row stay together, as nobody can tell how
    often such a row was escaped.
    """
    return re.findall(r"\\+|[^\\]", value)


def _written(text: str) -> list[str]:
    """How one character may be written. Nobody escapes a letter or a digit of ASCII."""
    if text[0] == "\\":
        return [rf"\\{{{len(text)},{32 * len(text)}}}", *_escaped("\\", len(text))]
    if text.isascii() and text.isalnum():
        return [text]
    return [re.escape(text), _ESCAPE + re.escape(text), *_escaped(text, 1)]


def _escaped(character: str, times: int) -> Iterator[str]:
    code = ord(character)
    encoded = character.encode(errors="surrogatepass")
    units = character.encode("utf-16-be", errors="surrogatepass")
    in_utf_16 = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    ways = [
        "".join(f"{_PERCENT}{_hex(f'{byte:02x}')}" for byte in encoded),
        "".join(f"{_ESCAPE}u{_hex(unit)}" for unit in in_utf_16),
        f"{_ESCAPE}U{_hex(f'{code:08x}')}",
        "".join(f"{_ESCAPE}x{_hex(f'{byte:02x}')}" for byte in encoded),
    ]
    ways += [f"{_ESCAPE}x{_hex(f'{code:02x}')}"] if 128 <= code < 256 else []
    ways += [_ESCAPE + _CONTROL[character]] if character in _CONTROL else []
    ways += [r"\+"] if character == " " else []
    ways += [rf"'{_ESCAPE}''", rf"'{_QUOTE}'{_QUOTE}'"] if character == "'" else []
    names = {codepoint2name.get(code), "apos" if character == "'" else None} - {None}
    entities = [
        f"#0{{0,5}}{code};",
        f"#[xX]0{{0,5}}{_hex(f'{code:x}')};",
        *(f"{name};" for name in names),
    ]
    ways += [f"{start}{entity}" for start in _AMPERSANDS for entity in entities]
    return (way if times == 1 else f"{way}(?:{way}){{{times - 1}}}" for way in ways)


def _hex(digits: str) -> str:
    return "".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in digits)
