"""One vocabulary and plain English: words that were retired do not come back."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel_lib.settings.project import PROJECT_ROOT

RETIRED = {
    r"\bfigures?\b(?! shown)": "metric, or number",
    r"\brefused rows?\b|\brows? (?:\w+ )?refused\b": "quarantined",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"(?<!there )(?<!where )\b(?:is|are) no (?!longer|more|less|later|earlier|reason)": (
        "'is not a', as in 'is not a valid symbol'"
    ),
    r"\btold to end\b|\bby its surroundings\b": "terminated (SIGTERM), or stopped",
    r"\bnobody's\b|\bsomebody\b": "someone, or a person",
    r"\bworkbench\b": "stages",
    r"\b(?:a|the) board\b": "the freshness table",
    r"\bthan it may be\b": "than its limit",
    r"\bname will do\b|\bhas will do\b": "is enough",
    r"\bholds together\b": "works",
    r"\bhas spoken\b|\bis the word\b": "has decided",
    r"\b1 (?:rows|assets|runs|sessions|stages|files|cells)\b": "the singular after 1",
}
"""What is not written any more, and what is written in its place."""

NAMES_THAT_SAY_NOTHING = {"one", "found", "said", "own", "thing", "tmp", "res", "ret"}

PAGES = sorted(
    path.relative_to(PROJECT_ROOT).as_posix()
    for pattern in ("*.md", "[dr]*/*.md", "notebooks/*.ipynb", "config/**/*.yaml", ".env*.example")
    for path in PROJECT_ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"
)
ROOMS = sorted(
    path.relative_to(PROJECT_ROOT).as_posix()
    for path in (PROJECT_ROOT / "sentinel_lib").iterdir()
    if path.suffix == ".py" or (path / "__init__.py").exists()
)


def prose_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers and texts of ``path`` that a person reads: prose, docstrings, messages."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        for number, cell in enumerate(json.loads(text)["cells"]):
            yield number, "".join(cell["source"])
    elif path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.lineno, node.value
    else:  # the glossary itself names what is not written
        glossary = r"\n## Words\n.*?(?=\n## )"
        yield 1, re.sub(glossary, lambda each: "\n" * each[0].count("\n"), text, flags=re.DOTALL)


def retired_in(path: Path) -> list[str]:
    """``path:line: the words around it: write this instead``."""
    return [
        f"{path}:{first + text.count(chr(10), 0, match.start())}: "
        f"{text[max(0, match.start() - 30) : match.end() + 30]!r}: write {instead}"
        for first, text in prose_of(path)
        for pattern, instead in RETIRED.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("room", [*ROOMS, *PAGES])
def test_no_retired_word_is_written(room: str) -> None:
    path = PROJECT_ROOT / room
    files = [path] if path.is_file() else sorted({*path.rglob("*.py"), *path.rglob("*.j2")})

    written = [hit for file in files for hit in retired_in(file)]

    assert written == []


@pytest.mark.parametrize("room", ROOMS)
def test_variables_say_what_they_hold(room: str) -> None:
    path = PROJECT_ROOT / room

    nameless = [
        f"{file}:{node.lineno}: {name}"
        for file in ([path] if path.is_file() else sorted(path.rglob("*.py")))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in bound_by(node) & NAMES_THAT_SAY_NOTHING
    ]

    assert nameless == []


def bound_by(node: ast.AST) -> set[str]:
    """The name that ``node`` gives to a value, if it does."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    return {node.arg} if isinstance(node, ast.arg) else set()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.md", "# A page\n\nMend the figures of 1 rows.\n"),
        (
            "code.py",
            'def f(row: int) -> str:\n    """Mend"""\n    return f"the figures of 1 rows"\n',
        ),
        ("book.ipynb", '{"cells": [{"source": ["# Mend\\n", "the figures of 1 rows"]}]}'),
    ],
)
def test_retired_words_are_found_wherever_a_person_reads(
    tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content)

    written = retired_in(path)

    assert sorted(hit.rpartition("write ")[2] for hit in written) == [
        "fix",
        "metric, or number",
        "the singular after 1",
    ]
