"""Files that are there whole, or not at all."""

from pathlib import Path

import pytest

from gateway.durable_files import write_first, write_whole


def test_a_file_takes_the_place_of_the_one_before_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(path, b"one")
    assert list(tmp_path.iterdir()) == [path]
    assert path.is_dir()


def test_whoever_was_first_keeps_the_file_and_nobody_else_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master-1.key"
    write_first(path, b"one")
    write_first(path, b"two")
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]
