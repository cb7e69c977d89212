from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.payloads import PayloadArchive

CONTENT = b"Date,Close\r\n2026-11-20,1.50\x00\xff\n"


def files(archive: PayloadArchive) -> list[Path]:
    return [path for path in archive.layout.payloads.rglob("*") if path.is_file()]


def test_payload_comes_back_byte_for_byte_under_its_sha256(tmp_path: Path) -> None:
    archive = PayloadArchive(tmp_path)

    digest = archive.store(CONTENT)

    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert archive.load(digest) == CONTENT


def test_empty_payload_is_kept_too(tmp_path: Path) -> None:
    archive = PayloadArchive(tmp_path)

    assert archive.load(archive.store(b"")) == b""


def test_same_payload_again_adds_and_touches_nothing(tmp_path: Path) -> None:
    archive = PayloadArchive(tmp_path)
    digest = archive.store(CONTENT)
    written = files(archive)[0].stat()

    assert archive.store(CONTENT) == digest

    assert len(files(archive)) == 1
    assert files(archive)[0].stat().st_mtime_ns == written.st_mtime_ns
    assert files(archive)[0].stat().st_ino == written.st_ino


def test_other_payload_has_its_own_file(tmp_path: Path) -> None:
    archive = PayloadArchive(tmp_path)

    digests = {archive.store(CONTENT), archive.store(CONTENT + b"\n")}

    assert {path.name for path in files(archive)} == digests


def test_payload_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"payload {'0' * 64} is lost: .*cannot be read"):
        PayloadArchive(tmp_path).load("0" * 64)


def test_altered_payload_is_refused(tmp_path: Path) -> None:
    archive = PayloadArchive(tmp_path)
    digest = archive.store(CONTENT)
    files(archive)[0].write_bytes(CONTENT.replace(b"1.50", b"9.50"))

    with pytest.raises(StorageError, match="has been altered") as caught:
        archive.load(digest)

    assert "verify --quick" in str(caught.value.next_step)


def test_altered_payload_that_comes_again_is_written_again(tmp_path: Path) -> None:
    archive = PayloadArchive(tmp_path)
    digest = archive.store(CONTENT)
    files(archive)[0].write_bytes(CONTENT.replace(b"1.50", b"9.50"))

    archive.store(CONTENT)

    assert archive.problem(digest) == ""
    assert archive.load(digest) == CONTENT


def test_archive_that_cannot_be_written_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "bronze").write_text("a file where a folder should be")

    with pytest.raises(StorageError, match="could not be written"):
        PayloadArchive(tmp_path).store(CONTENT)


def test_what_is_half_written_has_one_name_whatever_the_payload(tmp_path: Path) -> None:
    archive = PayloadArchive(tmp_path)
    archive.layout.payloads.mkdir(parents=True)
    (archive.layout.payloads / ".payload.half").write_bytes(b"of a killed run")

    archive.store(b"another payload")

    assert [path.read_bytes() for path in files(archive)] == [b"another payload"]
