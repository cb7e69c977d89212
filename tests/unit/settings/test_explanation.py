from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import pytest
from pydantic import Field, HttpUrl, ValidationError

from sentinel_lib.settings.explanation import Explanation, explanation, shown, unknown_word
from sentinel_lib.settings.model import ConfigModel, Day


class Inner(ConfigModel):
    size: int = 1


class Sample(ConfigModel):
    count: Annotated[int, Field(ge=1, le=9)] = 1
    ratio: Annotated[float, Field(gt=0, lt=2)] = 1.0
    name: Annotated[str, Field(min_length=2, max_length=3)] = "ab"
    is_on: bool = False
    day: Day = date(2024, 1, 31)
    items: Annotated[list[str], Field(default_factory=lambda: ["a"], min_length=1)]
    table: Annotated[dict[str, str], Field(default_factory=dict)]
    inner: Inner = Inner()
    word: Literal["minute", "session"] = "minute"
    address: HttpUrl = HttpUrl("https://api.example.com")


def explained(content: object) -> Explanation:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(content)
    return explanation(caught.value.errors()[0], [Sample])


@pytest.mark.parametrize(
    ("content", "message", "observed"),
    [
        ([], "must be a mapping of keys to values", "a list"),
        ({"inner": 5}, "must be a mapping of keys to values", "5"),
        ({"table": None}, "must be a mapping of keys to values", "nothing"),
        ({"items": {}}, "must be a list, such as [a, b]", "a mapping"),
        ({"items": []}, "must have 1 or more items", "a list"),
        ({"count": "one"}, "must be a whole number", "'one'"),
        ({"count": "1"}, "must be a whole number", "'1'"),
        ({"count": 1.5}, "must be a whole number", "1.5"),
        ({"count": True}, "must be a whole number", "true"),
        ({"count": 0}, "must be 1 or more", "0"),
        ({"count": 10}, "must be 9 or less", "10"),
        ({"ratio": "half"}, "must be a number", "'half'"),
        ({"ratio": float("nan")}, "must be a finite number", "nan"),
        ({"ratio": 0}, "must be more than 0.0", "0"),
        ({"ratio": 2}, "must be less than 2.0", "2"),
        ({"name": 600519}, "must be text: put quotes around it", "600519"),
        ({"name": False}, "must be text: put quotes around it", "false"),
        ({"name": None}, "must be text", "nothing"),
        ({"name": "a"}, "must have 2 or more characters", "'a'"),
        ({"name": "abcd"}, "must have 3 or fewer characters", "'abcd'"),
        ({"is_on": "yes"}, "must be true or false", "'yes'"),
        ({"day": "soon"}, "must be a date, such as 2024-01-31", "'soon'"),
        ({"day": 86400}, "must be a date, such as 2024-01-31", "86400"),
        (
            {"address": "nonsense"},
            "must be an http or https address, such as https://api.example.com",
            "'nonsense'",
        ),
    ],
)
def test_value_of_a_wrong_kind_is_explained_in_plain_words(
    content: object, message: str, observed: str
) -> None:
    said = explained(content)

    assert (said.message, said.observed) == (message, observed)


def test_unknown_key_is_explained_by_the_keys_of_its_own_place() -> None:
    said = explained({"inner": {"sise": 2}})

    assert said == Explanation("unknown key 'sise'; did you mean 'size'?", expected="one of size")


def test_unknown_word_is_explained_by_the_accepted_ones() -> None:
    said = explained({"word": "sesion"})

    assert said.message == "'sesion' is not accepted; did you mean 'session'?"
    assert said.expected == "one of minute, session"


def test_unknown_word_that_resembles_nothing_gets_no_suggestion() -> None:
    said = unknown_word("xyz", ["minute", "session"])

    assert said.message == "'xyz' is not accepted"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (1, "1"),
        ("1", "'1'"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        (date(2024, 1, 31), "2024-01-31"),
    ],
)
def test_value_is_shown_as_its_file_shows_it(written: object, text: str) -> None:
    assert shown(written) == text
