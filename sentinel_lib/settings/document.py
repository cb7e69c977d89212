"""A YAML file that remembers its lines, so that an error can say where it is."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.explanation import Explanation, absent_key, explanation

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_CORRECT_IT = "correct the file, then run the same command again"
_TAG = "tag:yaml.org,2002:"


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

    def error(
        self, location: Location, message: str, next_step: str = _CORRECT_IT, **values: str | None
    ) -> ConfigError:
        """A ``ConfigError`` with ``values`` that names this file, and the line of ``location``."""
        name = ".".join(str(part) for part in location)
        place = f"{self.path}:{self.line_of(location)}: {name + ': ' if name else ''}"
        return ConfigError(f"{place}{message}", next_step=next_step, **values)

    def error_of(self, location: Location, problem: Explanation) -> ConfigError:
        """The same, as ``problem`` explains it."""
        return self.error(location, **asdict(problem))

    def read_as(self, model: type[Model]) -> Model:
        """The content as ``model``. Raises ``ConfigError`` with the first thing that is wrong."""
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
        details = invalid.errors(include_url=False)
        detail = next((each for each in details if each["type"] == "extra_forbidden"), details[0])
        location = self._written((*around, *detail["loc"])) + absent_key(detail)
        return self.error_of(location, explanation(detail, models))

    def _written(self, location: Location) -> Location:
        """``location`` without what pydantic adds to it: tags, members of unions, marks of keys."""
        written: list[str | int] = []
        content = self.content
        for part in location:
            is_item = isinstance(content, list) and isinstance(part, int) and part < len(content)
            if is_item or (isinstance(content, dict) and part in content):
                content = content[part]
                written.append(part)
        return tuple(written)


def read_document(file: Path, shown: Path | None = None) -> Document:
    """The YAML file ``file``, which messages call ``shown`` if it is a copy of that.

    Raises ``ConfigError`` with the line of what is wrong.
    """
    path = shown or file
    text = _text_of(file, path)
    document = Document(path, {})
    try:
        root = _composed(text)
        content = {} if root is None else _plain(root, (), document)
    except yaml.YAMLError as broken:
        raise _not_yaml(path, text, broken) from None
    except RecursionError:
        raise ConfigError(
            f"{path}: nested too deeply, or an alias stands inside what it names",
            next_step="write the values out",
        ) from None
    return Document(path, content, document.lines)


@lru_cache(maxsize=8)
def _composed(text: str) -> yaml.Node | None:
    """The nodes of a YAML file. A run reads its configuration twice: before it may begin, and then
    from the copy that it keeps; 5,000 assets take seconds to parse.
    """
    root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    return root


def _text_of(file: Path, path: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file", next_step="create it, or name its folder by --config"
        ) from None
    except (OSError, UnicodeDecodeError) as unreadable:
        reason = getattr(unreadable, "strerror", None)
        reason = reason or f"byte {getattr(unreadable, 'start', 0)} is not UTF-8 text"
        raise ConfigError(
            f"{path}: cannot be read: {reason}",
            next_step="make it a text file in UTF-8 that this user may read",
        ) from None


def _not_yaml(path: Path, text: str, broken: yaml.YAMLError) -> ConfigError:
    """What the parser says, at a line that has text: it may stop at the end of the file."""
    mark = getattr(broken, "problem_mark", None)
    place = mark.index if mark else getattr(broken, "position", 0)
    line = text.count("\n", 0, min(place, len(text.rstrip()))) + 1
    problem = getattr(broken, "problem", None) or getattr(broken, "reason", broken)
    if str(problem).startswith("but "):
        problem = f"{getattr(broken, 'context', '')}, {problem}"
    next_step = _CORRECT_IT
    if r"'\t'" in str(problem):
        problem, next_step = "a tab cannot indent", "indent with spaces"
    elif "cannot start any token" in str(problem):
        next_step = "put quotes around the value"
    return ConfigError(f"{path}:{line}: not valid YAML: {problem}", next_step=next_step)


def _plain(node: yaml.Node, location: Location, document: Document) -> Any:
    """The content of ``node``; ``document`` is told the lines in it."""
    if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
        return _mapping(node, location, document)
    if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
        for index, item in enumerate(node.value):
            document.lines[(*location, index)] = item.start_mark.line + 1
        return [_plain(item, (*location, index), document) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.ScalarNode):
        raise document.error(
            location, f"the tag '{node.tag}' is not accepted", next_step="remove it"
        )
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError) as broken:
        problem = getattr(broken, "problem", None) or broken
        raise document.error(location, f"cannot be read: {problem}") from None


def _mapping(node: yaml.MappingNode, location: Location, document: Document) -> dict[str, Any]:
    """Keys stay the text that was written: an asset may be called NO, or 600519."""
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == f"{_TAG}merge":
            document.lines[location] = line
            raise document.error(location, "a key must be a plain word", next_step="write it out")
        place = (*location, str(key_node.value))
        if place in document.lines:
            first, document.lines[place] = document.lines[place], line
            raise document.error(
                place,
                f"'{key_node.value}' is already on line {first}",
                next_step="remove one of the two",
            )
        document.lines[place] = line
        mapping[str(key_node.value)] = _plain(value_node, place, document)
    return mapping
