from __future__ import annotations

import re
from itertools import permutations

import pytest

from sentinel_lib import errors
from sentinel_lib.errors import (
    PRECEDENCE,
    ConfigError,
    ExitCode,
    SentinelError,
    SourceError,
    counted,
    exit_code_of,
    listed,
    most_severe,
    nearest,
)


def tree_of(error: type[SentinelError]) -> dict[str, int]:
    public = [child for child in error.__subclasses__() if not child.__name__.startswith("_")]
    children = [name for child in public for name in tree_of(child).items()]
    return {error.__name__: int(error.exit_code), **dict(children)}


def test_docstring_draws_the_tree_of_errors_with_their_exit_codes() -> None:
    drawn = re.findall(r"^[\s|`-]*(\w+) {2,}(\d+)  ", errors.__doc__ or "", re.MULTILINE)

    assert {name: int(code) for name, code in drawn} == tree_of(SentinelError)


def test_exit_codes_keep_their_numbers() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "UNEXPECTED": 1,
        "USAGE": 2,
        "CONFIG": 3,
        "GATE_BLOCKED": 4,
        "FRESHNESS": 5,
        "SOURCE_UNAVAILABLE": 6,
        "LOCKED": 7,
        "DEGRADED": 8,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_precedence_orders_every_exit_code_once() -> None:
    assert [int(code) for code in PRECEDENCE] == [130, 143, 2, 3, 7, 1, 4, 6, 8, 5, 0]
    assert set(PRECEDENCE) == set(ExitCode)


@pytest.mark.parametrize("codes", list(permutations([ExitCode(5), ExitCode(8), ExitCode(4)])))
def test_most_severe_does_not_depend_on_the_order(codes: tuple[ExitCode, ...]) -> None:
    assert most_severe(codes) is ExitCode.GATE_BLOCKED


def test_most_severe_of_nothing_is_ok() -> None:
    assert most_severe([]) is ExitCode.OK


def test_error_says_what_was_observed_and_expected_and_what_to_do_next() -> None:
    error = SentinelError(
        "AAPL has 0 rows", observed="0", expected="1 or more", next_step="run ingest again"
    )

    assert str(error) == (
        "AAPL has 0 rows\n  observed: 0\n  expected: 1 or more\n  next: run ingest again"
    )


def test_error_without_details_is_its_message() -> None:
    assert str(ConfigError("assets.yaml:3: unknown key")) == "assets.yaml:3: unknown key"


@pytest.mark.parametrize("is_transient", [True, False])
def test_source_error_says_whether_asking_again_may_help(is_transient: bool) -> None:
    assert SourceError("timed out", is_transient=is_transient).is_transient is is_transient


@pytest.mark.parametrize(("name", "code"), list(tree_of(SentinelError).items()))
def test_exit_code_of_an_error_known_by_name_is_that_of_its_class(name: str, code: int) -> None:
    assert exit_code_of(name) == code


def test_exit_code_of_a_stranger_is_unexpected() -> None:
    assert exit_code_of("ZeroDivisionError") is ExitCode.UNEXPECTED


@pytest.mark.parametrize(
    ("word", "said"),
    [("sesion", "; did you mean 'session'?"), ("minutes", "; did you mean 'minute'?"), ("xyz", "")],
)
def test_nearest_names_a_word_that_is_close_or_nothing(word: str, said: str) -> None:
    assert nearest(word, ["minute", "hour", "day", "session"]) == said


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["A", "B"], "A, B"), (["A", "B", "C", "D"], "A, B and 2 more")],
)
def test_a_list_names_so_many_and_counts_the_rest(names: list[str], text: str) -> None:
    assert listed(names, at_most=2) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 rows"), (1, "1 row"), (2000, "2,000 rows")])
def test_a_count_takes_the_number_of_its_noun(count: int, text: str) -> None:
    assert counted(count, "row") == text
