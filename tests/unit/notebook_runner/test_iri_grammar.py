from __future__ import annotations

import subprocess
import sys

CHECKS = """
import jsonschema
checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
print([checker.conforms(text, "iri") for text in ("https://example.org/ä", "not an iri")])
"""


def test_grammar_is_not_built_by_importing_jsonschema() -> None:
    said = python(
        "from sentinel_lib.forked_kernels.iri_grammar import import_jsonschema; "
        "import_jsonschema(); import sys; "
        "print('jsonschema' in sys.modules, 'rfc3987_syntax' in sys.modules, 'lark' in sys.modules)"
    )

    assert said == "True False False"


def test_iris_are_checked_as_ever_once_somebody_asks() -> None:
    deferred = python(
        "from sentinel_lib.forked_kernels.iri_grammar import import_jsonschema; "
        f"import_jsonschema()\n{CHECKS}"
    )

    assert deferred == python(CHECKS) == "[True, False]"


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
