"""The library code that a notebook can reach: what it imports, and what that imports in turn."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain
from pathlib import Path

from sentinel_lib.settings.project import PROJECT_ROOT

PACKAGE = "sentinel_lib"
CODE_PARTS = ("notebook:", "library:")

# Every run looks at all modules, and parsing them as Python takes a fifth of a second. A line of
# prose that looks like an import at worst adds a module.
_IMPORT = re.compile(
    rf"^\s*(?:from\s+({PACKAGE}[\w.]*)\s+import\s+(\([^)]*\)|.*)|import\s+({PACKAGE}[\w.]*))",
    re.MULTILINE,
)


@dataclass
class ReachableCode:
    """The library as it is on the disk now. Make a new one for every run: code changes."""

    root: Path = PROJECT_ROOT
    _read: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    def of_notebook(self, notebook: Path) -> dict[str, str]:
        """The sha256 of a notebook's code cells, and of every module that they can reach.

        The names begin with one of ``CODE_PARTS``.
        """
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        library = {f"library:{name}": digest for name, digest in self.digests(code).items()}
        return {f"notebook:{notebook.name}": _digest(json.dumps(code).encode()), **library}

    def digests(self, sources: Iterable[str]) -> dict[str, str]:
        """The sha256 of every module that ``sources`` can reach, by the module's name."""
        waiting = [name for source in sources for name in self._imported(source)]
        reached: dict[str, str] = {}
        while waiting:
            if (name := waiting.pop()) not in reached:
                reached[name], imports = self._module(name)
                waiting += imports
        return dict(sorted(reached.items()))

    def _module(self, name: str) -> tuple[str, frozenset[str]]:
        """Its digest, and the modules that it imports."""
        if name not in self._read:
            content = self._files[name].read_bytes()
            self._read[name] = _digest(content), frozenset(self._imported(content.decode()))
        return self._read[name]

    def _imported(self, source: str) -> Iterator[str]:
        for origin, names, imported in _IMPORT.findall(source):
            # Importing a module runs the packages around it as well.
            packages = accumulate((origin or imported).split("."), "{}.{}".format)
            members = (f"{origin}.{name}" for name in re.findall(r"\w+", names))
            yield from filter(self._files.__contains__, chain(packages, members))

    @cached_property
    def _files(self) -> dict[str, Path]:
        paths = (self.root / PACKAGE).rglob("*.py")
        return {_name(path.relative_to(self.root)): path for path in paths}


def code_digest(parts: Mapping[str, str]) -> str:
    """One sha256 for what ``of_notebook`` gives."""
    return _digest(json.dumps(parts, sort_keys=True).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
