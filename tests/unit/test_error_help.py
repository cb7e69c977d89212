"""Every error says what to do next, and every function says which errors it raises."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sentinel_lib.settings.project import PROJECT_ROOT

FILES = sorted((PROJECT_ROOT / "sentinel_lib").rglob("*.py"))
TREES = {path.relative_to(PROJECT_ROOT).as_posix(): ast.parse(path.read_text()) for path in FILES}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def names_of_errors() -> set[str]:
    """``SentinelError`` and its subclasses, private ones too."""
    classes = [
        node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    names = {"SentinelError"}
    while True:
        children = {
            each.name for each in classes if {base_name(base) for base in each.bases} & names
        }
        if children <= names:
            return names
        names |= children


def base_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


ERRORS = names_of_errors()


def helps(call: ast.Call) -> bool:
    """Whether ``next_step`` is passed: by its name, or among others (``**parts``)."""
    return any(
        keyword.arg is None
        or (
            keyword.arg == "next_step"
            and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        )
        for keyword in call.keywords
    )


def is_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and base_name(node.func) in ERRORS


def public_functions(tree: ast.Module) -> Iterator[Function]:
    """Functions of a module, and methods of its classes, without an underscore before any name."""
    scopes = [tree, *(each for each in tree.body if isinstance(each, ast.ClassDef))]
    for scope in scopes:
        if isinstance(scope, ast.ClassDef) and scope.name.startswith("_"):
            continue
        for node in scope.body:
            if isinstance(node, Function) and not node.name.startswith("_"):
                yield node


def raised_in(function: Function) -> set[str]:
    """The errors that ``function`` raises by name, and does not leave to functions inside it."""
    nested = {
        id(inner)
        for each in ast.walk(function)
        if isinstance(each, Function) and each is not function
        for inner in ast.walk(each)
    }
    return {
        base_name(node.exc.func)
        for node in ast.walk(function)
        if isinstance(node, ast.Raise) and id(node) not in nested and isinstance(node.exc, ast.Call)
    } & ERRORS


def test_every_error_says_what_to_do_next() -> None:
    missing = [
        f"{file}:{node.lineno}: {ast.unparse(node)[:70]}"
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and is_error(node) and not helps(node)
    ]

    assert not missing, "\n".join(missing)


def test_public_function_says_which_errors_it_raises() -> None:
    silent = [
        f"{file}:{function.name} raises {error}"
        for file, tree in TREES.items()
        for function in public_functions(tree)
        for error in sorted(raised_in(function))
        if error not in (ast.get_docstring(function) or "")
    ]

    assert not silent, "\n".join(silent)
