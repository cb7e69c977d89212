"""What is wrong with a value, in the words of someone who writes YAML."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sentinel_lib.errors import nearest

MAPPING = "must be a mapping of keys to values"
ADDRESS = "must be an http or https address, such as https://api.example.com"

SENTENCES = {
    "model_type": MAPPING,
    "dict_type": MAPPING,
    "list_type": "must be a list, such as [a, b]",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "date_type": "must be a date, such as 2024-01-31",
    "path_type": "must be a path",
    "url_type": ADDRESS,
    "url_parsing": ADDRESS,
    "url_scheme": ADDRESS,
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "too_short": "must have {min_length} or more items",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} or fewer characters",
}
"""Pydantic's error types, each as the rest of a sentence that begins with the key's name."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The parts of an error's text about one value."""

    message: str
    observed: str | None = None
    expected: str | None = None


def explanation(detail: ErrorDetails, models: Iterable[type[BaseModel]]) -> Explanation:
    """Pydantic's ``detail`` about a value of one of ``models``."""
    kind, written, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(str(detail["loc"][-1]), _keys_at(models, tuple(detail["loc"])[:-1]))
    if kind == "literal_error":
        return unknown_word(written, _words(context["expected"]))
    if kind == "union_tag_invalid":
        return unknown_word(context["tag"], _words(context["expected_tags"]))
    if kind in ("missing", "union_tag_not_found"):
        return Explanation("this key is required and missing")
    observed = None if kind == "value_error" and isinstance(written, dict) else shown(written)
    if kind == "string_type":
        is_plain = isinstance(written, bool | int | float | date)
        return Explanation(f"must be text{': put quotes around it' if is_plain else ''}", observed)
    message = SENTENCES.get(kind, "").format(**context)
    return Explanation(message or detail["msg"].removeprefix("Value error, "), observed)


def absent_key(detail: ErrorDetails) -> tuple[str, ...]:
    """The key that ``detail`` is about, if it is one that the file lacks."""
    if detail["type"] == "missing":
        return (str(detail["loc"][-1]),)
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return (str(detail["ctx"]["discriminator"]).strip("'"),)
    return ()


def unknown_key(key: str, accepted: Iterable[str]) -> Explanation:
    """A key that nothing reads, beside those that could stand in its place."""
    known = sorted(accepted)
    expected = f"one of {', '.join(known)}" if known else None
    return Explanation(f"unknown key '{key}'{nearest(key, known)}", expected=expected)


def unknown_word(written: object, accepted: Iterable[str]) -> Explanation:
    """A value that is none of the words accepted in its place."""
    words = list(accepted)
    message = f"{shown(written)} is not accepted{nearest(str(written), words)}"
    return Explanation(message, expected=f"one of {', '.join(words)}")


def shown(written: object) -> str:
    """A value as its file shows it, or its kind where that would be long."""
    kinds = {dict: "a mapping", list: "a list", type(None): "nothing"}
    if isinstance(written, bool):
        return str(written).lower()
    return kinds.get(type(written)) or (repr(written) if isinstance(written, str) else str(written))


def _keys_at(models: Iterable[type[BaseModel]], location: tuple[str | int, ...]) -> set[str]:
    """The keys accepted at ``location``: a walk along the types of the fields it names.

    Pydantic puts the tag of a tagged union into a location, where the file has nothing.
    """
    reached = list(models)
    for part in location:
        tagged = [model for model in reached if part in _tags(model)]
        fields = [_fields(model)[part] for model in reached if part in _fields(model)]
        inner = [model for field in fields for model in _models_in(field.annotation)]
        reached = tagged or inner or reached
    return {key for model in reached for key in _fields(model)}


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of ``model`` by their keys in YAML."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _tags(model: type[BaseModel]) -> list[Any]:
    return [tag for field in model.model_fields.values() for tag in get_args(field.annotation)]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _words(listing: str) -> list[str]:
    """The words of pydantic's ``'a', 'b' or 'c'``."""
    return [word.strip("' ") for word in listing.replace(" or ", ", ").split(", ")]
