"""What checking a bundle has found, in words: no check and no fault without Vietnamese, and nothing told as good that is not."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.errors import NotFoundError
from gateway.evidence import check_words
from gateway.evidence.checks import told
from gateway.evidence.shelf import KEPT, MOST_FILES, NamelessFile, Shelf
from gateway.proof import lienthong_verify as verifier
from gateway.proof.lienthong_verify import Finding, Report

NOW = datetime(2026, 10, 2, 1, 2, 3, tzinfo=UTC)


def test_every_check_and_every_fault_has_its_vietnamese_words():
    assert set(check_words.TITLES) == set(verifier.CHECKS)
    assert set(check_words.FAULTS) == set(verifier.FAULTS)


def test_checks_are_counted_by_code_and_a_failure_is_told_in_words():
    report = Report([Finding("INCLUSION", "entry 1", "", ""), Finding("FILE", "a.json", "FILE_CHANGED", "x")])
    found = told(report)

    assert (found.verified, found.total) == (False, 2)
    assert [(line.code, line.held, line.failed) for line in found.checks] == [
        ("INCLUSION", 1, 0),
        ("FILE", 0, 1),
    ]
    [failure] = found.failures
    assert (failure.fault, failure.title_vi) == ("FILE_CHANGED", "tệp khác với tệp đã được ký")
    assert found.sentence == check_words.FAILS


def test_nothing_that_was_not_checked_is_good():
    assert not told(Report()).verified


def test_exported_file_is_given_to_whoever_asked_for_it_and_to_nobody_else():
    shelf = Shelf()
    word = shelf.put(NamelessFile(b"bundle"), "x.asice", owner="console/an", now=NOW)

    for _ in range(2):
        kept = shelf.get(word, owner="console/an", now=NOW)
        assert (kept.name, kept.file.read()) == ("x.asice", b"bundle")
    with pytest.raises(NotFoundError, match="export again"):
        shelf.get(word, owner="console/binh", now=NOW)
    with pytest.raises(NotFoundError):
        shelf.get(word, owner="console/an", now=NOW + KEPT)


def test_old_files_make_room_for_new_ones():
    shelf = Shelf()
    words = [
        shelf.put(NamelessFile(b"x"), "x", owner="an", now=NOW + timedelta(seconds=place))
        for place in range(MOST_FILES + 2)
    ]

    for word in words[:2]:
        with pytest.raises(NotFoundError):
            shelf.get(word, owner="an", now=NOW)
    assert all(shelf.get(word, owner="an", now=NOW) for word in words[2:])


def test_file_that_is_dropped_while_somebody_reads_it_is_read_to_its_end():
    shelf = Shelf()
    word = shelf.put(NamelessFile(b"bundle"), "x.asice", owner="an", now=NOW)
    kept = shelf.get(word, owner="an", now=NOW)

    with pytest.raises(NotFoundError):
        shelf.get(word, owner="an", now=NOW + KEPT)
    other = NamelessFile(b"another's")  # which would get the number of a file that was closed

    assert (kept.file.read(), other.read()) == (b"bundle", b"another's")
