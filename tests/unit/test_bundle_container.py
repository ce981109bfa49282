"""Containers are read in one way only: what zipfile writes in any other way, and what is hostile, is refused by name."""

import io
import struct
import warnings
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proof import lienthong_verify as verifier

FILES = {
    "mimetype": verifier.MIME_TYPE.encode(),
    "bundle.json": b"{}",
    "messages/000000001.raw": bytes(range(256)),
}


def whole(files=FILES):
    names = (*files, verifier.MANIFEST)
    return verifier.write_container({**files, verifier.MANIFEST: verifier.manifest(names)})


def zipped(files, *, method=zipfile.ZIP_STORED, comment=b""):
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")  # of the name that is there twice
        archive.comment = comment
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def refusal(data):
    with pytest.raises(verifier.Fault) as caught:
        verifier.read_container(data)
    return caught.value.code


def test_what_is_written_is_read_and_is_a_zip_file_to_everybody():
    data = whole()
    assert verifier.read_container(data)["messages/000000001.raw"] == bytes(range(256))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*FILES, verifier.MANIFEST]
        assert archive.read("bundle.json") == b"{}"
    # EN 319 162-1 §A.1: who looks at the first bytes sees what it is
    assert data[30:38] == b"mimetype"
    assert data[38:].startswith(verifier.MIME_TYPE.encode())


PLAIN = [*FILES.items(), (verifier.MANIFEST, verifier.manifest(FILES))]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "CONTAINER_MALFORMED"),
        (b"PK\x03\x04", "CONTAINER_MALFORMED"),
        (b"\x7fELF" * 100, "CONTAINER_MALFORMED"),
        (b"stub" + whole(), "CONTAINER_MALFORMED"),
        (whole() + b"\x00", "CONTAINER_MALFORMED"),
        (whole()[:-1], "CONTAINER_MALFORMED"),
        (zipped(PLAIN, comment=b"read me"), "CONTAINER_MALFORMED"),
        (zipped([*PLAIN[1:], PLAIN[0]]), "CONTAINER_MALFORMED"),
        (zipped([("mimetype", b"application/zip"), *PLAIN[1:]]), "CONTAINER_MALFORMED"),
        (zipped(PLAIN[:-1]), "CONTAINER_MALFORMED"),
        (whole() + whole(), "CONTAINER_MALFORMED"),
        # a bomb: 100 MB of zeros in 100 KB
        (
            zipped([*PLAIN, ("zeros.raw", bytes(100_000_000))], method=zipfile.ZIP_DEFLATED),
            "CONTAINER_REFUSED",
        ),
        (zipped([*PLAIN, ("zeros.raw", bytes(1000))], method=zipfile.ZIP_LZMA), "CONTAINER_REFUSED"),
        (zipped([*PLAIN, ("bundle.json", b"{}")]), "CONTAINER_REFUSED"),
        *(
            (zipped([*PLAIN, (name, b"x")]), "CONTAINER_REFUSED")
            for name in (
                *("../x.raw", "a/../../x.raw", "/etc/x.raw", "C:/x.raw", "a\\x.raw", "./x.raw", "a//x.raw"),
                *(
                    "x.exe",
                    "x",
                    "X.RAW",
                    "a b.raw",
                    "ha\u0323.raw",
                    "x.raw/",
                    "",
                    "mimetype/x.raw/y",
                    "x.raw\n",
                ),
                *("META-INF/signatures1.xml", "META-INF/manifest.xml.raw", "a" * 60_000 + "/"),
            )
        ),
    ],
)
def test_every_other_container_is_refused(data, code):
    assert refusal(data) == code


def test_a_size_that_is_a_lie_costs_no_memory():
    data = bytearray(whole())
    place = data.index(b"bundle.json") - 30
    struct.pack_into("<2I", data, place + 18, 0xFFFFFFF0, 0xFFFFFFF0)
    assert refusal(bytes(data)) == "CONTAINER_REFUSED"  # more than bundle.json ever has
    data = bytearray(whole())
    place = data.index(b"messages/000000001.raw") - 30
    struct.pack_into("<2I", data, place + 18, 0xFFFFFFF0, 0xFFFFFFF0)
    assert refusal(bytes(data)) == "CONTAINER_DAMAGED"


def test_an_encrypted_file_is_refused():
    data = bytearray(whole())
    data[data.index(b"bundle.json") - 30 + 6] |= 1
    assert refusal(bytes(data)) == "CONTAINER_REFUSED"


def test_what_is_too_large_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(verifier, "MAX_CONTAINER", 100)
    assert refusal(whole()) == "CONTAINER_REFUSED"
    monkeypatch.undo()
    monkeypatch.setattr(verifier, "MAX_FILES", 2)
    assert refusal(whole()) == "CONTAINER_REFUSED"


def test_every_flipped_bit_of_a_container_is_noticed():
    data = whole()
    for place in range(len(data)):
        for bit in (0, 5):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            assert refusal(bytes(flipped)).startswith("CONTAINER_"), place


@given(st.binary(max_size=300))
def test_rubbish_is_no_container(data):
    assert refusal(data).startswith("CONTAINER_")
    assert refusal(whole()[:70] + data).startswith("CONTAINER_")


SEAL = verifier.Seal(
    algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    files={"bundle.json": bytes(32)},
    at=verifier.datetime(2026, 10, 2, 1, 2, 3, tzinfo=verifier.UTC),
    certificates=(b"der", b"root"),
    value=bytes(64),
    token=b"token",
)


def test_a_seal_reads_back_as_it_was_written():
    assert verifier.read_seal(verifier.write_seal(SEAL)) == SEAL


WRITTEN = verifier.write_seal(SEAL)
# a name of an algorithm that is not known reads well, and is refused when it is to be used
ALGORITHM = range(
    WRITTEN.index(b"http://www.w3.org/2001/04/xmldsig-more"), WRITTEN.index(b"ecdsa-sha256") + 12
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WRITTEN + b" ",
        WRITTEN.replace(b"?>\n", b"?>\n<!DOCTYPE x>"),
        WRITTEN.replace(b"><ds:Reference Id", b"> <ds:Reference Id"),
        WRITTEN.replace(b"><ds:Reference Id", b"><!-- x --><ds:Reference Id"),
        WRITTEN.replace(b'URI="bundle.json"', b"URI='bundle.json'"),
        WRITTEN.replace(b"bundle.json", b"../bundle.json"),
        WRITTEN.replace(b"bundle.json", b"bundle.exe"),
        WRITTEN.replace(b'Id="file-1"', b'Id="file-2"'),
        WRITTEN.replace(b"2026-10-02T01:02:03Z", b"2026-10-02T1:02:03Z"),
        WRITTEN.replace(b"xml-exc-c14n#", b"xml-c14n11#"),
        WRITTEN.replace(b"<ds:KeyInfo>", b"<ds:KeyInfo><ds:KeyName>x</ds:KeyName>"),
        WRITTEN.replace(b"<ds:X509Certificate>", b"<ds:X509Certificate> "),
        WRITTEN.replace(b"</ds:Signature>", b"</ds:Signature><ds:Signature></ds:Signature>"),
        *(
            WRITTEN[:place] + WRITTEN[place + 1 :]
            for place in range(0, len(WRITTEN), 97)
            if place not in ALGORITHM
        ),
    ],
)
def test_any_other_spelling_of_a_seal_is_refused(data):
    with pytest.raises(verifier.Fault) as caught:
        verifier.read_seal(data)
    assert caught.value.code == "SEAL_MALFORMED"


def test_a_hostile_seal_costs_no_time():
    for hostile in (
        b'<ds:Reference Id="file-1" URI="' * 200_000,
        b'<ds:SignatureValue xmlns:ds="' * 200_000,
        b'<ds:Reference Id="file-1" URI="a"><ds:DigestMethod ' * 100_000,
    ):
        with pytest.raises(verifier.Fault):
            verifier.read_seal(hostile)


@pytest.mark.parametrize(
    ("body", "form", "value"),
    [
        (b"", "empty", ""),
        (b"hello", "text", "hello"),
        (
            b'{"a": 1.50, "b": 10000000000000000000000, "c": null}',
            "json",
            {"a": "1.50", "b": "1" + "0" * 22, "c": None},
        ),
        (b'{"a": 1, "a": 2}', "json", [["a", 1], ["a", 2]]),
        (b"[" * 100_000, "text", "[" * 100_000),
        (b"[" * 500 + b"]" * 500, "text", "[" * 500 + "]" * 500),
        (b"\xff\xfe", "binary", {"bytes": 2, "sha256": verifier.hashlib.sha256(b"\xff\xfe").hexdigest()}),
        (b"a=1&b=x+y%C3%A1", "form", [["a", "1"], ["b", "x yá"]]),
        (b"<a><b>1</b><b>2</b></a>", "xml", {"a": {"b": ["1", "2"]}}),
        (b'<a x="1"/>', "xml", {"a": {"@x": "1"}}),
        (b'<a x="1">t<b/></a>', "xml", {"a": {"@x": "1", "b": "", "#": "t"}}),
        (b"<a>" * 300, "text", "<a>" * 300),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "text", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'),
    ],
)
def test_a_view_hides_nothing(body, form, value):
    assert verifier.decoded(body) == (form, value)


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_a_view_of_anything_is_json(body):
    form, value = verifier.decoded(body)
    assert verifier.json.loads(verifier.json_text({form: value})) == {form: value}
