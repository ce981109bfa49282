"""Evidence: a dossier's bundle, exported and checked; what the log's proof stands at; what it is checked with.

Invariant: a bundle is shown as good only when every check of it holds, and is handed to the one who has exported it alone.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason
from gateway.api.exports import Field
from gateway.console.asking import answered, ask
from gateway.console.page import Action, Download, Page, Response, Shown, Visit
from gateway.domain.dossier import DossierCode
from gateway.evidence.desk import Exported
from gateway.proof.lienthong_verify import MIME_TYPE
from gateway.storage.clients import Scope


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Why, and what is to be taken out."""

    reason: Reason
    redact: Annotated[list[Field], Meta(max_length=20)] = []


class ExportOf(Export, frozen=True, kw_only=True):
    """The same, of a dossier that is named."""

    dossier: DossierCode


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Whose evidence the form is filled in for."""

    dossier: DossierCode | None = None


async def export_of(visit: Visit) -> Response:
    """Export from the page of a dossier."""
    form = visit.form_as(Export)
    return await _exported(visit, str(visit.path["code"]), form)


async def export_named(visit: Visit) -> Response:
    """Export from the page of evidence."""
    form = visit.form_as(ExportOf)
    return await _exported(visit, form.dossier, form)


async def _exported(visit: Visit, dossier: str, form: Export) -> Response:
    body = {"dossier": dossier, "reason": form.reason, "redact": sorted(set(form.redact))}
    made = await ask(visit, "export_evidence", Exported, body=body)
    values = {"title": "evidence.title_result", "here": "evidence", "made": made}
    return Shown(template="evidence/result.html", values=values)


async def fetch(visit: Visit) -> Response:
    """The file."""
    found = await answered(visit, "fetch_export", path=visit.path)
    name = dict(found.headers)["content-disposition"].partition('"')[2].rstrip('"')
    return Download(content=found.content or b"", media_type=MIME_TYPE, filename=name)


async def keys(visit: Visit) -> Response:
    """What an auditor pins."""
    found = await answered(visit, "get_evidence_keys")
    return Download(content=found.content or b"", media_type=found.media_type, filename="pinned.json")


async def show(visit: Visit) -> Response:
    """The way to a bundle, and what it is checked with."""
    values = {
        "dossier": visit.query_as(Wish).dossier or "",
        "may_people": visit.viewer.may(Scope.PERSONAL_READ),
        "may_export": visit.viewer.may(Scope.LOG_READ) and visit.viewer.may(Scope.DOSSIERS_READ),
    }
    return Shown(template="evidence/page.html", values=values)


_READ = Scope.MESSAGES_READ
PAGES: tuple[Page, ...] = (
    Page(
        path="/console/evidence",
        name="evidence",
        title="evidence.title",
        scope=_READ,
        view=show,
        query=Wish,
        group="evidence",
    ),
    Page(
        path="/console/evidence/keys",
        name="evidence",
        title="evidence.title",
        scope=Scope.LOG_READ,
        view=keys,
    ),
    Page(
        path="/console/evidence/files/{export}",
        name="evidence",
        title="evidence.title",
        scope=_READ,
        view=fetch,
    ),
)
ACTIONS: tuple[Action, ...] = (
    Action(
        path="/console/dossiers/{code}/evidence",
        name="evidence",
        scope=_READ,
        view=export_of,
        form=Export,
    ),
    Action(path="/console/evidence", name="evidence", scope=_READ, view=export_named, form=ExportOf),
)
