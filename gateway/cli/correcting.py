"""``lienthong deliveries edit``: correcting what one failed delivery says, and sending it again.

Invariant: what is carried out is what was looked at in the same command, by its digest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import Changing, DryRun, examples, spread

if TYPE_CHECKING:
    from gateway.api.delivery_edit import DeliveryContent, EditResult

EXAMPLES = examples(
    "lienthong deliveries edit 250228600404447232 --reason 'what does it say'",
    "lienthong deliveries edit 250228600404447232 --set /applicant/phone=0900000001 --dry-run --reason 'a wrong digit'",
    "lienthong deliveries edit 250228600404447232 --file edit.json --reason 'as the applicant has written'",
)


@spread
def edit(
    delivery: Annotated[int, typer.Argument(metavar="ID", help="A delivery that was rejected or parked.")],
    *,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="/POINTER=VALUE", help="A field and what it is to say; several times."),
    ] = None,
    clear: Annotated[
        list[str] | None, typer.Option("--clear", metavar="/POINTER", help="A field to leave out.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", help='JSON: {"/pointer": value, …}; null leaves a field out.', show_default=False
        ),
    ] = None,
    personal: Annotated[
        bool, typer.Option("--personal", help="Show personal values; who asks and why is logged.")
    ] = False,
    dry_run: DryRun = False,
    by: Changing,
) -> None:
    """Correct what a failed delivery says, and send it again under the same key. Without a change: show its fields.

    What identifies, orders, pays or tells an instant is locked. Another person may have to approve it.
    """
    from gateway.cli.orders import require_reason

    reason = require_reason(by.reason)
    content = _content(by, delivery, reason, personal=personal)
    wanted = _wanted(content, changes or [], clear or [], file)
    if not wanted:
        _print_fields(by, content)
        return
    order: dict[str, Any] = {
        "changes": wanted,
        "reason": reason,
        "personal": personal,
        "shown": content.shown,
    }
    _print_result(by, _edit(by, delivery, {**order, "dry_run": dry_run}))


def _content(by: Changing, delivery: int, reason: str, *, personal: bool) -> DeliveryContent:
    from gateway.api.delivery_edit import DeliveryContent
    from gateway.cli.calling import Asked, answer

    query = {"personal": "true", "reason": reason} if personal else {}
    asked = Asked("get_delivery_edit", path={"delivery": str(delivery)}, query=query)
    return answer(by.way, asked, DeliveryContent, operator=by.actor)


def _edit(by: Changing, delivery: int, body: dict[str, Any]) -> EditResult:
    from gateway.api.delivery_edit import EditResult
    from gateway.cli.calling import Asked, answer

    asked = Asked("edit_delivery", path={"delivery": str(delivery)}, body=body)
    return answer(by.way, asked, EditResult, operator=by.actor)


def _wanted(
    content: DeliveryContent, changes: list[str], clear: list[str], file: Path | None
) -> list[dict[str, Any]]:
    from gateway.api.delivery_edit import read_value

    known = {each.pointer: each for each in content.fields}
    wanted: list[dict[str, Any]] = []
    for each in changes:
        pointer, equals, text = each.partition("=")
        if not equals or not pointer.startswith("/"):
            raise typer.BadParameter(f"--set: got {each[:60]}, expected /pointer=value")
        field = known.get(pointer)
        wanted.append({"pointer": pointer, "value": text if field is None else read_value(field, text)})
    wanted += [{"pointer": pointer, "value": None} for pointer in clear]
    if file is not None:
        wanted += [{"pointer": pointer, "value": value} for pointer, value in _read(file).items()]
    return wanted


def _read(file: Path) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str | int | float | bool | None])
    except OSError as fault:
        raise typer.BadParameter(f"--file: {file} cannot be read: {fault.strerror}") from fault
    except msgspec.DecodeError as fault:
        raise typer.BadParameter(f'--file: expected {{"/pointer": value, …}}: {fault}') from fault


def _print_fields(by: Changing, content: DeliveryContent) -> None:
    from gateway.cli.screen import console, print_json, table

    if by.as_json:
        print_json(content)
        return
    rows = [(each.pointer, _told(each.value), each.locked or "") for each in content.fields]
    console().print(table(("field", "says", "locked, because it"), rows))
    findings = [(each.pointer, each.got, each.expected) for each in content.findings]
    if findings:
        console().print(table(("refused now", "got", "expected"), findings))


def _print_result(by: Changing, result: EditResult) -> None:
    from gateway.cli.screen import console, print_json, table

    if by.as_json:
        print_json(result)
        return
    rows = [(each.pointer, _told(each.before), _told(each.after)) for each in result.changes]
    console().print(table(("field", "said", "says"), rows))
    done = result.done
    if done is None:
        print(f"nothing was changed; delivery {result.delivery} of {result.dossier} would be sent so")
    else:
        print(f"delivery {done.delivery} of {done.dossier}: {done.before} -> {done.after}, corrected")


def _told(value: object) -> str:
    return "–" if value is None else str(value)
