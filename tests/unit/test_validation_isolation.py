"""What a gate does to the process it runs in, and to the world outside: nothing."""

from __future__ import annotations

import subprocess
import sys

from sentinel_lib.settings.project import PROJECT_ROOT


def in_a_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


AUDIT_WITHOUT_NETWORK = """
import socket, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        sys.stderr.write(f"network: {event} {arguments}")

sys.addaudithook(refuse)
import pandas as pd
from sentinel_lib.rules.suites import Suite
from sentinel_lib.validation import audit

rule = {"expect": "expect_column_values_to_not_be_null", "column": "a", "on_fail": "block"}
missing = {**rule, "column": "b"}
suite = Suite.model_validate({"table": "t.x", "rules": [rule, missing]})
checks = audit(suite, pd.DataFrame({"a": [1.0]}))
sys.exit(0 if [check.passed for check in checks] == [True, False] else 1)
"""


def test_gate_is_silent_and_reaches_for_no_network() -> None:
    ended = in_a_process(AUDIT_WITHOUT_NETWORK)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_library_is_imported_without_great_expectations() -> None:
    ended = in_a_process(
        "import sys, sentinel_lib.validation\n"
        "sys.exit(any(name.startswith('great_expectations') for name in sys.modules))"
    )

    assert (ended.returncode, ended.stderr) == (0, "")
