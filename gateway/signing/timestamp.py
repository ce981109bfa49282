"""RFC 3161 time stamps: the question, and what the answer proves.

Pure: the question is bytes to be posted, the answer bytes that came back; the hub's exchange carries both, so that they
are recorded like every call. Invariant: a token is believed when its authority's certificate chains to a pinned root, is
for time stamping, and the token is about exactly these bytes.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from gateway.port import WireRequest, WireResponse
from gateway.signing import der
from gateway.signing.findings import CannotSign, Examination

QUERY_TYPE, REPLY_TYPE = "application/timestamp-query", "application/timestamp-reply"
_SUBJECT = "time stamp"
_GRANTED = der.sequence(der.integer(0))


def question(url: str, data: bytes) -> WireRequest:
    """The request that asks the authority at ``url`` to stamp ``data``. Without a nonce, so that the same data is the
    same question; the token is bound to the data by its digest, and to now by ``fresh_token``."""
    asked = TimestampRequestBuilder(
        data=data, hash_algorithm=HashAlgorithm.SHA256, nonce=False, cert_req=True
    ).build()
    return WireRequest(
        method="POST",
        url=url,
        headers=(("content-type", QUERY_TYPE), ("accept", REPLY_TYPE)),
        body=asked.as_bytes(),
    )


def token_of(response: WireResponse) -> bytes:
    """The token in the authority's answer. CannotSign when there is none."""
    if response.status != 200:
        raise _none(f"the time-stamping authority answered HTTP {response.status}")
    try:
        answer = decode_timestamp_response(response.body)
        status = answer.status
    except ValueError:
        raise _none("the time-stamping authority's answer cannot be read") from None
    if status not in {0, 1}:
        said = "; ".join(answer.status_string)[:200]
        raise _none(f"the time-stamping authority refused (status {status}): {said}")
    return bytes(answer.time_stamp_token())


def _none(reason: str) -> CannotSign:
    return CannotSign("no_timestamp", reason, passing=True)


def judge(
    exam: Examination, token: bytes, data: bytes, roots: tuple[x509.Certificate, ...], latest: datetime
) -> datetime | None:
    """When the authority saw ``data``, by a ``token`` that holds and is of ``latest`` or before."""
    if not exam.note(
        _SUBJECT, bool(roots), "timestamp_untrusted", f"{len(roots)} roots of authorities are pinned"
    ):
        return None
    try:
        # a token is what an answer brings; the verifier wants an answer
        answer = decode_timestamp_response(der.sequence(_GRANTED, token))
        info = answer.tst_info
        about, seen = info.message_imprint.message, info.gen_time.replace(tzinfo=UTC)
    except ValueError:
        exam.note(_SUBJECT, holds=False, code="timestamp_unreadable", found="it is no RFC 3161 token")
        return None
    if about not in {hashlib.new(name, data).digest() for name in ("sha256", "sha384", "sha512")}:
        exam.note(
            _SUBJECT, holds=False, code="timestamp_of_other_data", found=f"it is about {about.hex()[:80]}"
        )
        return None
    try:
        VerifierBuilder(roots=list(roots)).build().verify_message(answer, data)
    except (VerificationError, ValueError) as fault:
        exam.note(_SUBJECT, holds=False, code="timestamp_untrusted", found=str(fault)[:200])
        return None
    holds = exam.note(_SUBJECT, seen <= latest, "timestamp_in_future", f"{seen:%Y-%m-%dT%H:%M:%SZ}")
    return seen if holds else None
