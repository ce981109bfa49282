"""Rows of the table: the proof of the message log."""

from __future__ import annotations

from gateway.api.evidence import (
    CheckpointPage,
    CheckpointQuery,
    ConsistencyQuery,
    CosignatureOrder,
    LogKeys,
    ProofQuery,
    add_cosignature,
    get_checkpoint,
    get_consistency,
    get_proof,
    list_checkpoints,
    list_log_keys,
)
from gateway.api.log_state import LogState, VerificationOrder, get_log_state, get_verification, verify_log
from gateway.api.route import Body, Handler, Route, Success
from gateway.evidence.cosigning import Cosigned
from gateway.evidence.views import CheckpointDetail
from gateway.messagelog.proofs import ConsistencyProof, EntryProof
from gateway.storage.clients import Scope
from gateway.storage.queries_jobs import RunView

_LINE = "— witness.h99.example r0zP6QAAAABpIgI+QmFzZTY0IG9mIGEgc2lnbmF0dXJl\n"


def _read(
    path: str, name: str, handler: Handler, *, texts: tuple[str, str], kind: object, **more: object
) -> Route:
    summary, description = texts
    return Route(
        method="GET",
        path=path,
        name=name,
        tag="log",
        scope=Scope.LOG_READ,
        summary=summary,
        description=description,
        handler=handler,
        successes=(Success(status=200, description="Found.", kind=kind),),
        **more,  # type: ignore[arg-type] # columns of the row, by their names
    )


EVIDENCE: tuple[Route, ...] = (
    _read(
        "/v1/log/checkpoints",
        "list_checkpoints",
        list_checkpoints,
        texts=(
            "List checkpoints of the message log",
            (
                "Newest first. A checkpoint is a C2SP signed note of the log's size and RFC 9162 root; each names the one "
                "before it. Keep one elsewhere, and nobody can change what it covers without being found out."
            ),
        ),
        kind=CheckpointPage,
        query=CheckpointQuery,
    ),
    _read(
        "/v1/log/checkpoints/{size}",
        "get_checkpoint",
        get_checkpoint,
        texts=(
            "Read a checkpoint",
            "The newest one of so many entries, with its RFC 3161 time stamp where it has one.",
        ),
        kind=CheckpointDetail,
    ),
    _read(
        "/v1/log/proofs/{entry}",
        "get_proof",
        get_proof,
        texts=(
            "Prove that an entry is in the log",
            (
                "The inclusion proof of a log entry, with the checkpoint that it leads to. A conflict: no checkpoint "
                "covers the entry yet."
            ),
        ),
        kind=EntryProof,
        query=ProofQuery,
        problems=("conflict",),
    ),
    _read(
        "/v1/log/consistency",
        "get_consistency",
        get_consistency,
        texts=(
            "Prove that the log only grew",
            "The consistency proof from one size to the size of a later checkpoint, with the checkpoints of both.",
        ),
        kind=ConsistencyProof,
        query=ConsistencyQuery,
        problems=("conflict", "not_found"),
    ),
    _read(
        "/v1/log/keys",
        "list_log_keys",
        list_log_keys,
        texts=(
            "List the keys of the log",
            "As they are pinned. From the second on each has the note in which the key before it handed over.",
        ),
        kind=LogKeys,
    ),
    _read(
        "/v1/log/state",
        "get_log_state",
        get_log_state,
        texts=(
            "See how the message log stands",
            (
                "How far it is proven and stamped, whether traffic is stopped and why, what is archived and erased, and what "
                "its last verification has found."
            ),
        ),
        kind=LogState,
    ),
    Route(
        method="POST",
        path="/v1/log/verifications",
        name="verify_log",
        tag="log",
        scope=Scope.LOG_READ,
        summary="Verify the message log",
        description=(
            "Everything from the contents up, by a worker, as a run of the job `log-verification`: what came since the last "
            "verification that found nothing, or with `scope=all` the whole log. Changes nothing but the record of the run. "
            "Who does not trust the gateway's machine runs `lienthong log verify` with keys and checkpoints from elsewhere."
        ),
        handler=verify_log,
        body=Body(kind=VerificationOrder, example={"scope": "new"}),
        successes=(
            Success(
                status=202,
                description="It is ordered.",
                kind=RunView,
                headers={"Location": "Where it can be followed."},
            ),
        ),
        problems=("unreadable", "conflict"),
    ),
    _read(
        "/v1/log/verifications/{run}",
        "get_verification",
        get_verification,
        texts=(
            "Follow a verification of the message log",
            "How far it is, and what it has found: `verified`, and each fault with its kind and its first entry.",
        ),
        kind=RunView,
    ),
    Route(
        method="POST",
        path="/v1/log/checkpoints/{size}/cosignatures",
        name="add_cosignature",
        tag="log",
        scope=Scope.LOG_WITNESS,
        summary="Cosign a checkpoint",
        description=(
            "For a witness that has seen that this checkpoint continues those that it had seen before: its signature "
            "line (C2SP cosignature/v1). Taken of the keys in evidence.witnesses alone."
        ),
        handler=add_cosignature,
        body=Body(kind=CosignatureOrder, example={"line": _LINE}),
        successes=(Success(status=200, description="It is kept.", kind=Cosigned),),
        problems=("unreadable", "conflict"),
    ),
)
