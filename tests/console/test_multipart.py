"""A form with a file: read whole, bounded, and strictly."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.problem import Refused
from gateway.console.multipart import Upload, read_parts

KIND = "multipart/form-data; boundary=xyz"
NAMED = b'Content-Disposition: form-data; name="%s"\r\n\r\n%s'
FILE = b'Content-Disposition: form-data; name="file"; filename="%s"\r\nContent-Type: text/csv\r\n\r\n%s'


def form(*parts: bytes, end: bytes = b"--xyz--\r\n") -> bytes:
    return b"".join(b"--xyz\r\n" + part + b"\r\n" for part in parts) + end


def test_fields_and_the_file_are_read_as_a_browser_sends_them():
    request = httpx.Request(
        "POST",
        "http://console.example",
        data={"csrf": "w", "date": "2026-09-28"},
        files={"file": ("đối soát.csv", b"a,b\r\n--x\r\n", "text/csv")},
    )
    sent = read_parts(request.headers["content-type"], request.read())
    assert sent.pairs == [("csrf", "w"), ("date", "2026-09-28")]
    assert sent.upload == Upload(field="file", name="đối soát.csv", content=b"a,b\r\n--x\r\n")


def test_file_that_was_not_chosen_is_none():
    assert read_parts(KIND, form(FILE % (b"", b""))).upload is None


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (b"../../etc/passwd", "passwd"),
        (b"C:\\tmp\\a.csv", "a.csv"),
        (b"a%22b.csv", 'a"b.csv'),
        (b"a%0Ab", "a_b"),
    ],
)
def test_name_of_a_file_is_a_label_and_no_path(name, label):
    upload = read_parts(KIND, form(FILE % (name, b"x"))).upload
    assert upload is not None
    assert upload.name == label


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--xyz",
        form(NAMED % (b"a", b"1"), end=b""),
        form(NAMED % (b"a", b"1"), end=b"--xyz--\r\nmore"),
        b"before" + form(NAMED % (b"a", b"1")),
        form(b"Content-Disposition: form-data\r\n\r\n1"),
        form(b'Content-Disposition: attachment; name="a"\r\n\r\n1'),
        form(b"X-Other: 1\r\n" + NAMED % (b"a", b"1")),
        form(b'Content-Disposition: form-data; name="a"\r\n' + NAMED % (b"a", b"1")),
        form(NAMED % (b"a", b"\xff")),
        form(b"no headers"),
        form(FILE % (b"a", b"1"), FILE % (b"b", b"2")),
        form(*[NAMED % (b"a", b"1")] * 50),
    ],
)
def test_form_that_is_malformed_is_refused(body):
    with pytest.raises(Refused):
        read_parts(KIND, body)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "text/plain"])
def test_form_without_a_boundary_is_refused(kind):
    with pytest.raises(Refused):
        read_parts(kind, form(NAMED % (b"a", b"1")))


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(body):
    try:
        sent = read_parts(KIND, body)
    except Refused:
        return
    assert body.startswith(b"--xyz")
    assert isinstance(sent.pairs, list)
