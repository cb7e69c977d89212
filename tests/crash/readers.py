"""Those who read while others write: what they find must have been published."""

import csv
import io
import json
import threading
import time

from sentinel_lib.errors import SentinelError
from sentinel_lib.storage.digest import content_digest
from tests.crash.market import ARTIFACTS, SYMBOLS, TABLES


def trouble(root, *allowed):
    """What is wrong with a root: a table that cannot be read, or content that nobody published."""
    found = [*_file_trouble(root, allowed), *_table_trouble(root, TABLES, allowed)]
    for name in root.tables():
        try:
            root.lake.read(name)
        except SentinelError as unreadable:
            found.append(f"{name}: {unreadable}")
    return found


class Reader(threading.Thread):
    """Reads the artifacts and Silver of ``root`` over and over, until it is stopped."""

    def __init__(self, root, *allowed):
        super().__init__(daemon=True)
        self.root = root
        self.allowed = allowed
        self.rounds = 0
        self.trouble = []
        self._is_over = threading.Event()

    def run(self):
        while not self._is_over.is_set():
            self.trouble += _file_trouble(self.root, self.allowed)
            self.trouble += _table_trouble(self.root, ["silver.bars"], self.allowed)
            self.rounds += 1
            time.sleep(0.01)  # leaves the machine to those who write

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self.join()


def _file_trouble(root, allowed):
    found = []
    for name in ARTIFACTS:
        try:
            content = (root.data / "gold" / name).read_bytes()
            whole = _is_whole_csv if name.endswith(".csv") else _is_whole_json
            if not whole(content.decode()):
                found.append(f"{name} is half written: {content[-80:]}")
        except (OSError, ValueError) as unreadable:
            found.append(f"{name}: {unreadable}")
            continue
        if content not in [one.artifacts[name] for one in allowed]:
            found.append(f"{name} was never published: {content[:200]}")
    return found


def _table_trouble(root, names, allowed):
    found = []
    for name in names:
        try:
            digest = content_digest(root.lake.read(name), TABLES[name])
        except SentinelError as unreadable:
            found.append(f"{name}: {unreadable}")
            continue
        if digest not in [one.digests[name] for one in allowed]:
            found.append(f"{name} has rows that were never published together")
    return found


def _is_whole_csv(text):
    header, *rows = csv.reader(io.StringIO(text))
    return len(rows) == len(SYMBOLS) and all(len(row) == len(header) == 12 for row in rows)


def _is_whole_json(text):
    return sorted(json.loads(text)["assets"]) == sorted(SYMBOLS)
