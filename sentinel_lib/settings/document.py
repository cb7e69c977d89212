"""A YAML file that remembers its lines, so that an error can say where it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.explanation import explanation

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_MAPPING_TAG = "tag:yaml.org,2002:map"
_SEQUENCE_TAG = "tag:yaml.org,2002:seq"
_MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Document:
    """The content of a YAML file, with the line (from 1) of every key and list item."""

    path: Path
    content: Any
    lines: dict[Location, int] = field(default_factory=dict)

    def line_of(self, location: Location) -> int:
        """The line of ``location``, or of the nearest thing around it that has one."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def error(self, location: Location, message: str, **context: str | None) -> ConfigError:
        """A ``ConfigError`` that names this file and the line of ``location``."""
        name = ".".join(str(part) for part in location)
        where = f"{self.path}:{self.line_of(location)}"
        return ConfigError(f"{where}: {name + ': ' if name else ''}{message}", **context)

    def read_as(self, model: type[Model]) -> Model:
        """The content as ``model``; one thing that is wrong is a ``ConfigError``."""
        try:
            return model.model_validate(self.content)
        except ValidationError as invalid:
            raise self.explained(invalid, [model]) from None

    def explained(
        self, invalid: ValidationError, models: Iterable[type[BaseModel]], around: Location = ()
    ) -> ConfigError:
        """What is wrong with the content at ``around``, which was read as ``models``.

        An unknown key goes first: a required one is often missing because it is misspelt.
        """
        found = invalid.errors(include_url=False)
        detail = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
        said = explanation(detail, models)
        location = self._written((*around, *detail["loc"]), _absent_key(detail))
        return self.error(location, said.message, observed=said.observed, expected=said.expected)

    def _written(self, location: Location, absent: str | None) -> Location:
        """``location`` without what pydantic adds to it: tags, members of unions, marks of keys."""
        kept: list[str | int] = []
        here = self.content
        for part in location:
            is_item = isinstance(here, list) and isinstance(part, int) and part < len(here)
            if is_item or (isinstance(here, dict) and part in here):
                here = here[part]
                kept.append(part)
        return (*kept, absent) if absent else tuple(kept)


def _absent_key(detail: ErrorDetails) -> str | None:
    """The key that ``detail`` is about where ``loc`` names none that the file has."""
    if detail["type"] == "missing":
        return str(detail["loc"][-1])
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return str(detail["ctx"]["discriminator"]).strip("'")
    return None


def read_document(file: Path, shown: Path | None = None) -> Document:
    """Parse the YAML file ``file``; raises ``ConfigError`` with the line of what is wrong.

    ``shown`` is what messages call it: of a copy, the file that it is a copy of.
    """
    path = shown or file
    text = _text_of(file, path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = Document(path, None)
        content = {} if root is None else _plain(root, (), document)
    except yaml.YAMLError as broken:
        raise _not_yaml(path, text, broken) from None
    except RecursionError:
        raise ConfigError(
            f"{path}: nested too deeply, or an alias stands inside what it names",
            next_step="write the values out",
        ) from None
    return Document(path, content, document.lines)


def _text_of(file: Path, path: Path) -> str:
    """The content of ``file``, which messages call ``path``."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file", next_step="create it, or name its folder by --config"
        ) from None
    except UnicodeDecodeError as foreign:
        raise ConfigError(
            f"{path}: cannot be read: byte {foreign.start} is not UTF-8 text",
            next_step="save the file as UTF-8",
        ) from None
    except OSError as unreadable:
        raise ConfigError(f"{path}: cannot be read: {unreadable.strerror}") from None


def _not_yaml(path: Path, text: str, broken: yaml.YAMLError) -> ConfigError:
    lines = text.count("\n", 0, len(text.rstrip())) + 1
    if isinstance(broken, yaml.reader.ReaderError):
        line = text.count("\n", 0, broken.position) + 1
        return ConfigError(f"{path}:{line}: not valid YAML: {broken.reason}")
    mark = getattr(broken, "problem_mark", None)
    line = min(mark.line + 1, lines) if mark else 1
    problem = str(getattr(broken, "problem", None) or broken)
    context = str(getattr(broken, "context", None) or "")
    if problem.startswith("but "):
        problem = f"{context}, {problem}"
    next_step = None
    if "cannot start any token" in problem:
        is_tab = r"'\t'" in problem
        next_step = "indent with spaces" if is_tab else "put quotes around the value"
        problem = "a tab cannot indent" if is_tab else problem
    return ConfigError(f"{path}:{line}: not valid YAML: {problem}", next_step=next_step)


def _plain(node: yaml.Node, location: Location, document: Document) -> Any:
    if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING_TAG:
        return _mapping(node, location, document)
    if isinstance(node, yaml.SequenceNode) and node.tag == _SEQUENCE_TAG:
        for index, item in enumerate(node.value):
            document.lines[(*location, index)] = item.start_mark.line + 1
        return [_plain(item, (*location, index), document) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, location, document)
    raise document.error(location, f"the tag '{node.tag}' is not accepted", next_step="remove it")


def _mapping(node: yaml.MappingNode, location: Location, document: Document) -> dict[str, Any]:
    """Keys stay the text that was written: an asset may be called NO, or 600519."""
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _MERGE_TAG:
            document.lines[location] = line
            raise document.error(location, "a key must be a plain word", next_step="write it out")
        key = str(key_node.value)
        here = (*location, key)
        if key in mapping:
            first, document.lines[here] = document.lines[here], line
            raise document.error(here, f"'{key}' is already on line {first}")
        document.lines[here] = line
        mapping[key] = _plain(value_node, here, document)
    return mapping


def _scalar(node: yaml.ScalarNode, location: Location, document: Document) -> Any:
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError) as broken:
        reason = getattr(broken, "problem", None) or broken
        raise document.error(location, f"cannot be read: {reason}") from None
