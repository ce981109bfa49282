"""The peer: a plain zeep client over the same WSDL, as its documentation has it, with its own BinarySignature plug-in.

Nothing is stored. It gets what it would not have by itself where the work must be the same: a Timestamp in the header
before its plug-in signs, SHA-256 instead of its SHA-1, a pool with a connection for each thread, no search for proxies.
"""

from __future__ import annotations

import json
import queue
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import xmlsec
import zeep
from lxml import etree
from requests.adapters import HTTPAdapter
from zeep import ns
from zeep.helpers import serialize_object
from zeep.transports import Transport
from zeep.wsdl.utils import etree_to_string
from zeep.wsse.signature import BinarySignature
from zeep.wsse.utils import get_security_header

from bench import ministries_load as load
from gateway.codec.tree import build
from gateway.port import Context
from mappings.construction.calls import NAMESPACE, Call, Caller, request
from mappings.construction.filing import filing
from mappings.construction.rules import STATED

_BINDING = f"{{{NAMESPACE}}}CapPhepXayDungSoap11Binding"
_LIFETIME = timedelta(seconds=300)


class StampedSignature(BinarySignature):
    """zeep's plug-in, with the Timestamp that it signs only when there is one."""

    def __init__(self, keys: load.KeyFiles, kind: str) -> None:
        method = xmlsec.Transform.RSA_SHA256 if kind == "rsa" else xmlsec.Transform.ECDSA_SHA256
        super().__init__(
            str(keys.key),
            str(keys.certificate),
            signature_method=method,
            digest_method=xmlsec.Transform.SHA256,
        )

    def apply(self, envelope: Any, headers: Any) -> Any:
        now = datetime.now(UTC)
        stamp = etree.SubElement(get_security_header(envelope), etree.QName(ns.WSU, "Timestamp"))
        for name, at in (("Created", now), ("Expires", now + _LIFETIME)):
            etree.SubElement(stamp, etree.QName(ns.WSU, name)).text = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        return super().apply(envelope, headers)

    def verify(self, envelope: Any) -> Any:
        return envelope  # this partner signs no answers, for either side


def client(connections: int = 1) -> zeep.Client:
    """A client with its WSDL parsed and a pool of ``connections``."""
    return zeep.Client(str(load.WSDL), transport=Transport(session=_session(connections)))


def values(made: zeep.Client, size: int = load.SMALL) -> dict[str, Any]:
    """The arguments of a submission, as zeep itself reads them out of a message of ours."""
    dossier = load.permit(7, size)
    caller = Caller(id=str(uuid.UUID(int=7)), agency=dossier.agency.code, sent_at=load.NOW)
    call = Call(caller=caller, filing=filing(dossier, load.files(size), STATED))
    element = made.get_element(f"{{{NAMESPACE}}}{load.SUBMIT}")
    parsed = element.parse(build(request(load.SUBMIT, call), NAMESPACE), made.wsdl.types)
    return dict(serialize_object(parsed, dict))


class ZeepPermit:
    """One message, as ``ministries_steps.Steps`` has it."""

    def __init__(self, size: int, keys: load.KeyFiles) -> None:
        self._client = client()
        self._values = values(self._client, size)
        self._plugin = StampedSignature(keys, keys.key.stem)
        self._binding = self._client.wsdl.bindings[_BINDING]
        self._operation = self._binding.get(load.SUBMIT)
        self._text = etree_to_string(self.encode())
        self._answer = requests.Response()
        self._answer.status_code = 200
        self._answer.headers["content-type"] = "text/xml; charset=utf-8"
        self._call = load.call_of(self._text).decode()
        self._answer._content = load.acknowledgement(load.call_of(self._text))  # noqa: SLF001 - no other door

    def encode(self) -> Any:
        return self._client.create_message(self._client.service, load.SUBMIT, **self._values)

    def sign(self) -> bytes:
        # one envelope can be signed once; a copy costs a fraction of what parsing would
        envelope, _ = self._plugin.apply(etree.fromstring(self._text), {})
        return bytes(etree_to_string(envelope))

    def interpret(self) -> None:
        _require_done(self._binding.process_reply(self._client, self._operation, self._answer), self._call)


def _require_done(answer: Any, call: str) -> None:
    if answer.KetQua.TrangThai != "1" or answer.KetQua.MaYeuCau != call:
        raise RuntimeError(str(answer))


def deliver(plan: dict[str, Any]) -> dict[str, Any]:
    """Submit every permit: one client, one pool, a thread for each connection."""
    made = client(plan["threads"])
    made.wsse = StampedSignature(load.keys_in(plan["keys"], plan["kind"]), plan["kind"])
    service = made.create_service(_BINDING, plan["partner"])
    shape = values(made)

    def submit(number: int) -> None:
        call = str(uuid.uuid4())
        asked = {
            "ThongTinChung": {**shape["ThongTinChung"], "MaYeuCau": call},
            "HoSo": {**shape["HoSo"], "MaHoSo": load.code(number)},
        }
        _require_done(getattr(service, load.SUBMIT)(**asked), call)

    return _threaded(submit, plan)


def deliver_records(plan: dict[str, Any]) -> dict[str, Any]:
    """Submit every application for a judicial record, out of a document that is ready but for its number."""
    adapter = load.judicial_adapter(plan["partner"])
    first = load.delivery(adapter, load.application(0))
    request = adapter.encode([first], Context(now=load.NOW))
    document = json.loads(request.body)
    session = _session(plan["threads"])

    def submit(number: int) -> None:
        asked = {**document, "maHoSoMCDT": load.application_code(number)}
        answer = session.post(request.url, json=asked, timeout=60).json()
        if answer["status"] != 1:
            raise RuntimeError(str(answer))

    return _threaded(submit, plan)


def _session(connections: int) -> requests.Session:
    session = requests.Session()
    session.trust_env = (
        False  # the partner is addressed directly; looking for a proxy costs it half a millisecond
    )
    session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    return session


def _threaded(submit: Callable[[int], None], plan: dict[str, Any]) -> dict[str, Any]:
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(plan["dossiers"]):
        waiting.put(number)

    def work() -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            submit(number)

    cpu, started = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(plan["threads"]) as pool:
        for done in [pool.submit(work) for _ in range(plan["threads"])]:
            done.result()
    return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
