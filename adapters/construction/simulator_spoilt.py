"""Ways in which an answer of the ministry's stand-in can be wrong although the call has had its effect (§7).

A spoiler of a tree works before the answer is written and signed, a spoiler of bytes behind that. Invariant: nothing here
reads or changes what the ministry holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeAlias

from msgspec.structs import replace

from adapters.construction.simulator_elements import inner, parts, read_instant
from adapters.construction.simulator_words import instant, leaf, node
from gateway.codec.soap import Version
from gateway.codec.tree import Tree
from gateway.port import SimulatedResponse

TreeSpoiler: TypeAlias = "Callable[[Tree], Tree | None]"
ByteSpoiler: TypeAlias = Callable[[SimulatedResponse], SimulatedResponse]
SKEW = timedelta(minutes=10)
STATE_ROW = "TrangThaiHoSo"
_BODY = re.compile(rb"<soapenv:Body[^>]*>(.*)</soapenv:Body>", re.DOTALL)
_DECLARED = re.compile(rb"^<\?xml[^>]*\?>\s*")
_BOUNDARY = "=_stand-in"


def changed(tree: Tree, name: str, change: Callable[[Tree], Tree]) -> Tree:
    """``tree`` with ``change`` made to every element of that name."""
    if tree[0] == name:
        return change(tree)
    if isinstance(tree[1], tuple):
        return (tree[0], tuple(changed(each, name, change) for each in tree[1]), "")
    return tree


def retold(name: str, text: str) -> TreeSpoiler:
    """Another text in every element of that name; None when there is no such element."""

    def spoil(tree: Tree) -> Tree | None:
        told = changed(tree, name, lambda _: leaf(name, text))
        return None if told == tree else told

    return spoil


def _without_result(tree: Tree) -> Tree:
    return (tree[0], parts(tree)[1:], "")


def _turned_round(tree: Tree) -> Tree:
    return changed(tree, "KetQua", lambda result: (result[0], parts(result)[::-1], ""))


def _contradiction(tree: Tree) -> Tree:
    code = (leaf("MaLoi", "503"), leaf("MoTaLoi", "SERVICE_UNAVAILABLE"))
    return changed(
        tree, "KetQua", lambda result: node("KetQua", *parts(result)[:3], *code, parts(result)[-1])
    )


def _clock(tree: Tree) -> Tree:
    def late(element: Tree) -> Tree:
        return leaf(element[0], instant(read_instant(str(element[1])) + SKEW))

    return changed(tree, "KetQua", lambda result: changed(result, "ThoiDiem", late))


def _one_more(tree: Tree) -> Tree:
    return (tree[0], (*parts(tree), leaf("ThongTinThem", "x")), "")


def _as_another(tree: Tree) -> Tree:
    name = "RutHoSoResponse" if tree[0] != "RutHoSoResponse" else "NopBoSungResponse"
    return (name, parts(tree)[:1], "")


def _twice(tree: Tree) -> Tree | None:
    rows = inner(tree, STATE_ROW)
    if not rows:
        return None
    rest = tuple(each for each in parts(tree)[1:] if each[0] != STATE_ROW)
    return (tree[0], (parts(tree)[0], *rows, *rows, *rest), "")


def _by_address(tree: Tree) -> Tree | None:
    address = leaf("DuongDan", "https://tep.bxd.example/gpxd.pdf")
    told = changed(tree, "NoiDung", lambda _: address)
    return None if told == tree else told


TREES: Mapping[str, TreeSpoiler] = {
    "another_call": retold("MaYeuCau", "00000000-0000-4000-8000-000000000000"),
    "another_dossier": retold("MaHoSo", "H99.99.99-200101-9999"),
    "unknown_state": retold("TrangThaiXuLy", "11"),
    "unknown_outcome": retold("TrangThai", "2"),
    "file_changed": retold("NoiDung", "VEVQLUtIQUM="),
    "file_by_address": _by_address,
    "missing_result": _without_result,
    "wrong_order": _turned_round,
    "contradiction": _contradiction,
    "clock_skew": _clock,
    "extra_element": _one_more,
    "wrong_operation": _as_another,
    "repeated_changes": _twice,
}


def _with(answer: SimulatedResponse, body: bytes) -> SimulatedResponse:
    return replace(answer, body=body)


def _replaced(old: bytes, new: bytes) -> ByteSpoiler:
    return lambda answer: _with(answer, answer.body.replace(old, new))


def _typed(answer: SimulatedResponse, kind: str) -> SimulatedResponse:
    return replace(answer, headers=(("content-type", kind),))


def _mixed(answer: SimulatedResponse) -> SimulatedResponse:
    """The envelope of one version under the media type of the other."""
    one, other = (version.namespace.encode() for version in Version)
    body = answer.body.replace(one, other) if one in answer.body else answer.body.replace(other, one)
    return _with(answer, body)


def _other_version(answer: SimulatedResponse) -> SimulatedResponse:
    kind = Version.SOAP_12 if Version.SOAP_11.namespace.encode() in answer.body else Version.SOAP_11
    return _typed(_mixed(answer), f"{kind.media_type}; charset=utf-8")


def _two_bodies(answer: SimulatedResponse) -> SimulatedResponse:
    return _with(answer, _BODY.sub(lambda match: match[0] + match[0], answer.body))


def _mtom(answer: SimulatedResponse) -> SimulatedResponse:
    """XOP packaging, which no binding of the contract has."""
    kind = dict(answer.headers).get("content-type", "").partition(";")[0]
    head = f'--{_BOUNDARY}\r\nContent-Type: application/xop+xml; charset=utf-8; type="{kind}"\r\n\r\n'
    body = head.encode() + answer.body + f"\r\n--{_BOUNDARY}--\r\n".encode()
    related = f'multipart/related; type="application/xop+xml"; start-info="{kind}"; boundary="{_BOUNDARY}"'
    return _typed(_with(answer, body), related)


def _strange_headers(answer: SimulatedResponse) -> SimulatedResponse:
    blocks = b'<x:Route xmlns:x="urn:example:esb">1</x:Route><x:Trace xmlns:x="urn:example:esb"/>'
    body = answer.body.replace(b"<soapenv:Header/>", b"<soapenv:Header></soapenv:Header>")
    return _with(answer, body.replace(b"<soapenv:Header>", b"<soapenv:Header>" + blocks, 1))


def _typed_document(declaration: bytes, use: bytes = b"") -> ByteSpoiler:
    def spoil(answer: SimulatedResponse) -> SimulatedResponse:
        body = _DECLARED.sub(b"", answer.body)
        if use:
            body = body.replace("Giao dịch".encode(), use + " Giao dịch".encode(), 1)
        return _with(answer, b"<!DOCTYPE soapenv:Envelope [" + declaration + b"]>" + body)

    return spoil


_LAUGHS = b"".join(b'<!ENTITY l%d "%b">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"ha") for n in range(10))
BYTES: Mapping[str, ByteSpoiler] = {
    "half_answer": lambda answer: _with(answer, answer.body[: len(answer.body) // 2]),
    "garbage": lambda answer: _with(answer, b"\x00\xff\x17OK" * 40),
    "empty_answer": lambda answer: _with(answer, b""),
    "no_envelope": lambda answer: _with(answer, b"".join(_BODY.findall(answer.body))),
    "no_content": lambda answer: _with(answer, _BODY.sub(b"<soapenv:Body/>", answer.body)),
    "two_bodies": _two_bodies,
    "wrong_version": _other_version,
    "mixed_versions": _mixed,
    "wrong_namespace": _replaced(b"capphepxaydung/1.0", b"capphepxaydung/2.0"),
    "mtom": _mtom,
    "strange_headers": _strange_headers,
    "document_type": _typed_document(b""),
    "external_entity": _typed_document(b'<!ENTITY e SYSTEM "file:///etc/hostname">', b"&e;"),
    "entity_bomb": _typed_document(_LAUGHS, b"&l9;"),
    "utf16": lambda answer: _with(answer, answer.body.decode().encode("utf-16")),
    "huge_answer": lambda answer: _with(
        answer, answer.body.replace(b"<MoTa>", b"<MoTa>" + b"x" * 17 * 1024 * 1024, 1)
    ),
    "changed_after_signing": _replaced("thành công".encode(), "thành  công".encode()),
}
