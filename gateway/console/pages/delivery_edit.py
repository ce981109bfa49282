"""Correcting what one failed delivery says: a field for every value, then what would change, then done.

Invariants: what is confirmed is what was looked at; a field that was left empty stays what it is, masked or not.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.api.delivery_edit import DeliveryContent, EditField, EditResult, read_value
from gateway.api.problem import Refused, refusal_of
from gateway.console.asking import ask
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.domain.errors import RecordError
from gateway.storage.clients import Scope

HERE = "/console/deliveries/{delivery}/edit"
MOST_FIELDS = 200  # what one form holds; the rest is for the command line


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """Whether persons are to be shown, and why."""

    personal: str = ""
    reason: str = ""


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """``field``: what was typed, by pointer; ``clear``: fields to leave out; ``confirmed``: it was looked at."""

    reason: str
    shown: str
    field: dict[str, str] = {}
    clear: list[str] = []
    confirmed: Literal["", "1"] = ""


async def show_edit(visit: Visit) -> Response:
    """What the delivery says, and how it was corrected."""
    query = visit.query_as(Sight)
    wanted: dict[str, object] = {"personal": True, "reason": query.reason} if query.personal else {}
    content = await ask(visit, "get_delivery_edit", DeliveryContent, path=visit.path, query=wanted)
    return _form(visit, content)


def _form(
    visit: Visit, content: DeliveryContent, form: Correction | None = None, refusal: Refused | None = None
) -> Shown:
    findings = content.findings if refusal is None else refusal.violations
    fields = [each for each in content.fields if each.locked is None]
    known = {each.pointer for each in fields[:MOST_FIELDS]}
    values = {
        "content": content,
        "fields": fields[:MOST_FIELDS],
        "more": len(fields) > MOST_FIELDS,
        "locked": [each for each in content.fields if each.locked is not None],
        "at": {each.pointer: each for each in findings},
        "elsewhere": [each for each in findings if each.pointer not in known],
        "refusal": refusal,
        "typed": {} if form is None else form.field,
        "cleared": [] if form is None else form.clear,
        "reason": "" if form is None else form.reason,
        "may": visit.viewer.may(Scope.DELIVERIES_OPERATE),
        "sees": visit.viewer.may(Scope.PERSONAL_READ),
    }
    status = 200 if refusal is None else refusal.kind.status
    return Shown(
        template="deliveries/edit.html", values={**values, "title": "delivery.edit_title"}, status=status
    )


async def correct(visit: Visit) -> Response:
    """Show what would change; once that is confirmed, change it."""
    form = visit.form_as(Correction)
    content = await ask(visit, "get_delivery_edit", DeliveryContent, path=visit.path)
    changes = _changes(content, form)
    if not changes:
        return _form(visit, content, form, Refused("invalid", "nothing was changed"))
    body: dict[str, object] = {"changes": changes, "reason": form.reason, "shown": form.shown}
    try:
        result = await ask(
            visit, "edit_delivery", EditResult, path=visit.path, body={**body, "dry_run": not form.confirmed}
        )
    except RecordError as fault:
        return _form(visit, content, form, refusal_of(fault))
    if result.done is not None:
        return Moved(to=f"/console/deliveries/{result.delivery}", message="delivery.told_edit")
    if not result.changes:
        return _form(visit, content, form, Refused("invalid", "nothing was changed"))
    values = {"result": result, "form": form, "title": "delivery.edit_title"}
    return Shown(template="deliveries/edit_look.html", values=values)


def _changes(content: DeliveryContent, form: Correction) -> list[dict[str, object]]:
    """What was typed and differs from what is shown; pointers that the delivery has not are sent on, to be refused."""
    known: dict[str, EditField] = {each.pointer: each for each in content.fields}
    found: list[dict[str, object]] = []
    for pointer, text in form.field.items():
        if pointer in form.clear:
            continue
        field = known.get(pointer)
        value = text if field is None else read_value(field, text.replace("\r\n", "\n"))
        if field is None or field.masked or value != field.value:
            found.append({"pointer": pointer, "value": value})
    found += [{"pointer": pointer, "value": None} for pointer in form.clear]
    return found


PAGES: tuple[Page, ...] = (
    Page(
        path=HERE,
        name="delivery_edit",
        title="delivery.edit_title",
        scope=Scope.DELIVERIES_READ,
        view=show_edit,
        query=Sight,
    ),
)
ACTIONS: tuple[Action, ...] = (
    Action(
        path=HERE,
        name="delivery_edit",
        scope=Scope.DELIVERIES_OPERATE,
        view=correct,
        form=Correction,
    ),
)
