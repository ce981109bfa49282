"""A call as bytes: the tree of its table, validated by the schema before anything leaves, in an envelope.

Invariant: what the schema forbids is never sent; every finding names the element, and points at the field of the
dossier's record that it came from.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.codec import soap
from gateway.codec.soap import Version
from gateway.codec.tree import fill, outline
from gateway.codec.xml import Element
from gateway.codec.xsd import Finding, Schema
from gateway.domain.errors import CannotEncode
from gateway.domain.violation import Violation
from gateway.mapping.formats import Unfit
from gateway.mapping.tree import Tree, pointer_at
from mappings.construction.calls import NAMESPACE, Call, request


def action(operation: str) -> str:
    """The SOAP action of ``operation`` in both bindings (construction, appendix B)."""
    return f"{NAMESPACE}/{operation}"


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How messages are written. ``version``: of SOAP; ``schema``: what they must be; ``signed_element``: local name of
    the element that a signature goes into and refers to, so that it needs an Id (construction §6, recommendation 4)."""

    version: Version
    schema: Schema
    signed_element: str = ""


def compose(
    operation: str, call: Call, version: Version, schema: Schema, headers: Sequence[Element] = ()
) -> bytes:
    """The request. CannotEncode with everything that is wrong, for a record that the contract cannot carry."""
    return written(operation, call, Manner(version=version, schema=schema), headers)


def written(operation: str, call: Call, manner: Manner, headers: Sequence[Element] = ()) -> bytes:
    """The same in ``manner``."""
    return soap.envelope(_body(operation, call, manner), manner.version, headers)


def require_fit(operation: str, call: Call, manner: Manner) -> None:
    """Raise what ``written`` would raise."""
    _body(operation, call, manner)


def _body(operation: str, call: Call, manner: Manner) -> Element:
    dossier = call.filing.code if call.filing is not None else ", ".join(call.dossiers) or "none"
    try:
        made = request(operation, call)
    except Unfit as fault:
        raise CannotEncode(f"encoding {operation} for dossier {dossier}: {fault}") from fault
    body, files = outline(made, NAMESPACE)
    if manner.signed_element:
        for signed in body.iterchildren(f"{{{NAMESPACE}}}{manner.signed_element}"):
            signed.set("Id", manner.signed_element)
    findings = manner.schema.findings(body)
    if findings:
        raise CannotEncode(
            f"encoding {operation} for dossier {dossier}: the schema forbids {findings[0]}",
            [_violation(made, finding) for finding in findings],
        )
    fill(files)
    return body


def _violation(made: Tree, finding: Finding) -> Violation:
    return Violation(
        pointer=pointer_at(made, finding.path),
        code="schema",
        got=finding.path,
        expected=finding.reason,
        advice="correct the field of the record, and send a new version of the dossier",
    )
