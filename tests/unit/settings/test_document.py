from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_lib.errors import ConfigError, ExitCode
from sentinel_lib.settings.document import read_document


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.yaml"


def test_document_knows_the_line_of_every_key_and_item(path: Path) -> None:
    path.write_text("# a comment\na:\n  b: 1\n\n  c:\n    - x\n    - y: 2\n")

    document = read_document(path)

    assert document.content == {"a": {"b": 1, "c": ["x", {"y": 2}]}}
    assert document.lines == {
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "c"): 5,
        ("a", "c", 0): 6,
        ("a", "c", 1): 7,
        ("a", "c", 1, "y"): 7,
    }


def test_document_gives_the_line_of_what_surrounds_an_absent_key(path: Path) -> None:
    path.write_text("a: 1\nb:\n  c: 2\n")

    document = read_document(path)

    assert document.line_of(("b", "absent", "deeper")) == 2
    assert document.line_of(("absent",)) == 1


def test_document_keeps_keys_as_the_text_that_was_written(path: Path) -> None:
    path.write_text("NO: 1\nON: 2\n600519: 3\nBRK.B: 4\n1e3: 5\n0123: 6\n2024-01-01: 7\n")

    content = read_document(path).content

    assert list(content) == ["NO", "ON", "600519", "BRK.B", "1e3", "0123", "2024-01-01"]


def test_document_reads_values_with_their_yaml_types(path: Path) -> None:
    path.write_text("a: 1\nb: 0.5\nc: true\nd: 2024-01-31\ne: '2024-01-31'\nf:\n")

    content = read_document(path).content

    assert content == {
        "a": 1,
        "b": 0.5,
        "c": True,
        "d": date(2024, 1, 31),
        "e": "2024-01-31",
        "f": None,
    }


def test_document_of_an_empty_file_is_an_empty_mapping(path: Path) -> None:
    path.write_text("# nothing but a comment\n")

    assert read_document(path).content == {}


def test_document_may_begin_with_a_byte_order_mark(path: Path) -> None:
    path.write_bytes("\ufeffa: 1\n".encode())

    assert read_document(path).content == {"a": 1}


def test_document_accepts_an_alias_of_a_finished_value(path: Path) -> None:
    path.write_text("a: &limit {count: 1}\nb: *limit\n")

    assert read_document(path).content == {"a": {"count": 1}, "b": {"count": 1}}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a:\n\tb: 1\n", 2, "a tab cannot indent"),
        ("a: 1\nb: {c: 1\n", 2, "expected ',' or '}'"),
        ("a: 1\nb: [c}\n", 2, "expected ',' or ']'"),
        ("a: 1\nb: %m/%d/%Y\n", 2, "put quotes around the value"),
        ("a: 1\nb: @ES\n", 2, "put quotes around the value"),
        ("a: b: c\n", 1, "mapping values are not allowed here"),
        ("a: 1\n---\nb: 2\n", 2, "expected a single document"),
        ("a: 1\n\nb: \x00\n", 3, "special characters are not allowed"),
        ("a: 1\nb: *nowhere\n", 2, "undefined alias"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is already on line 1"),
        ("a: 1\nb:\n  c: 2024-13-45\n", 3, "b.c: cannot be read: month must be in 1..12"),
        ("a: 1\nb: !!python/name:os.system x\n", 2, "python/name:os.system"),
        ("a: 1\nb: !!python/object:os.Thing {}\n", 2, "python/object:os.Thing"),
        ("a: 1\nb: !!python/object/apply:os.system [x]\n", 2, "python/object/apply:os.system"),
        ("a: 1\nb: !!set {x, y}\n", 2, "tag:yaml.org,2002:set"),
        ("a: &x {c: 1}\nb:\n  <<: *x\n", 3, "b: a key must be a plain word"),
        ("? [a, b]\n: 1\n", 1, "a key must be a plain word"),
    ],
)
def test_document_that_is_not_plain_yaml_is_an_error_at_its_line(
    path: Path, text: str, line: int, said: str
) -> None:
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        read_document(path)

    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)
    assert caught.value.exit_code is ExitCode.CONFIG


def test_document_that_contains_itself_is_an_error(path: Path) -> None:
    path.write_text("a: &a {b: *a}\n")

    with pytest.raises(ConfigError, match="an alias stands inside what it names"):
        read_document(path)


def test_document_that_is_nested_without_end_is_an_error(path: Path) -> None:
    path.write_text("a: " + "[" * 5_000)

    with pytest.raises(ConfigError, match="nested too deeply"):
        read_document(path)


def test_missing_file_is_an_error_that_names_it(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_document(path)

    assert str(caught.value) == (
        f"{path}: there is no such file\n  next: create it, or name its folder by --config"
    )


def test_folder_in_place_of_a_file_is_an_error(path: Path) -> None:
    path.mkdir()

    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_document(path)


def test_file_that_is_not_utf8_is_an_error(path: Path) -> None:
    path.write_bytes("a: Zürich\n".encode("latin-1"))

    with pytest.raises(ConfigError, match="cannot be read: byte 4 is not UTF-8 text"):
        read_document(path)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="ascii")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcdefgh", min_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(deadline=None)  # each example is a file
@given(content=st.dictionaries(st.text("abcdefgh", min_size=3), PLAIN, min_size=1, max_size=3))
def test_document_reads_what_safe_load_reads(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("document") / "some.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")

    assert read_document(path).content == yaml.safe_load(path.read_text(encoding="utf-8"))
