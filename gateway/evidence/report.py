"""The report of an evidence bundle: the dossier's story in order of time, and why it was early, on time or late.

Made from bundle.json alone, after redaction. Invariant: every figure names its source: an entry of the log, the rules that
computed it, or the gateway's own word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from gateway.evidence import words
from gateway.evidence.collecting import Told
from gateway.evidence.paper import Block, Grid, Pairs, Paper, Section, Text
from gateway.evidence.words import Names, instant, numbered


def paper_of(told: Told, names: Names) -> Paper:
    """The report of the bundle that ``told``, bundle.json, describes."""
    return Paper(
        title=words.TITLE,
        subtitle=words.SUBTITLE.format(dossier=told["dossier"], as_of=instant(told["as_of"])),
        footer=words.FOOTER.format(dossier=told["dossier"]),
        sections=[
            Section(words.CONCLUSION, list(_conclusion(told, names))),
            Section(words.CHANGES, _grid(words.CHANGE_HEADINGS, (3, 3, 3, 5, 4, 2, 2), _changes(told))),
            Section(words.PAUSES, _grid(words.PAUSE_HEADINGS, (3, 3, 4, 4, 3), _pauses(told, names))),
            Section(
                words.PERIODS, _grid(words.PERIOD_HEADINGS, (3, 3, 3, 3, 5, 3, 3), _periods(told, names))
            ),
            Section(words.OUTLOOK, _grid(words.OUTLOOK_HEADINGS, (3, 3, 10), _outlook(told))),
            Section(words.STORY, _grid(words.STORY_HEADINGS, (3, 4, 8, 2), _story(told, names))),
            Section(words.MESSAGES, _grid(words.MESSAGE_HEADINGS, (2, 3, 1, 3, 4, 3, 4), _messages(told))),
            Section(words.PROOF, list(_proof(told))),
        ],
    )


def _grid(headings: tuple[str, ...], widths: tuple[int, ...], rows: Iterator[tuple[str, ...]]) -> list[Block]:
    found = list(rows)
    return [Grid(headings, widths, found)] if found else [Text(words.NOTHING)]


def _conclusion(told: Told, names: Names) -> Iterator[Block]:
    deadlines = told["deadlines"]
    if deadlines is None or deadlines["classes"] is None:
        yield Text(words.NOT_JUDGED, strong=True)
        return
    classes = deadlines["classes"]
    yield Text(classes["sentence"], strong=True)
    computed = _computed(deadlines)
    rows = [
        (words.BY_DATE, f"{names.of_class(classes['by_date'])} ({computed})"),
        (words.BY_INSTANT, f"{names.of_class(classes['by_instant'])} ({computed})"),
        (words.ORIGINAL, f"{names.of_class(classes['original_by_date'])} ({computed})"),
    ]
    rows += _claimed(told)
    rows += [(name, f"{instant(deadlines['dues'][key])} ({computed})") for key, name in words.DUES]
    late = deadlines["lateness"]
    if late is not None and late["working_minutes"]:
        rows.append((words.LATE, f"{words.LATENESS.format(**late)} ({computed})"))
    rows += [(words.FLAG, f"{flag['sentence']} [{flag['name']}]") for flag in deadlines["flags"]]
    yield Pairs(rows)


def _claimed(told: Told) -> Iterator[tuple[str, str]]:
    """What the one-door system said last about each time, and where it said so."""
    claims = told["deadlines"]["claims"]
    for key, name in words.CLAIMS:
        said = next((claim for claim in reversed(claims) if claim[key] is not None), None)
        if said is not None:
            yield name, f"{instant(said[key])} ({_source(told, said['message'])})"


def _computed(deadlines: Told) -> str:
    return words.COMPUTED.format(
        rules=deadlines["judged_by_rules"] or deadlines["rule_version"],
        calendar=deadlines["judged_by_calendar"] or deadlines["calendar_version"],
    )


def _changes(told: Told) -> Iterator[tuple[str, ...]]:
    for change in _of(told, "changes"):
        paper = (
            change["document_number"],
            change["signer"],
            change["issued_at"] and instant(change["issued_at"]),
        )
        yield (
            instant(change["recorded_at"]),
            instant(change["old_due_at"]),
            instant(change["new_due_at"]),
            change["sentence"],
            "; ".join(part for part in paper if part) or words.UNKNOWN,
            words.YES if change["applied"] else words.NO,
            _source(told, change["message"]),
        )


def _pauses(told: Told, names: Names) -> Iterator[tuple[str, ...]]:
    for pause in _of(told, "pauses"):
        yield (
            instant(pause["since"]),
            words.STILL if pause["until"] is None else instant(pause["until"]),
            names.of_status(pause["status"]),
            words.EFFECTS.get(str(pause["effect"]), str(pause["effect"] or words.UNKNOWN)),
            _computed(told["deadlines"]),
        )


def _periods(told: Told, names: Names) -> Iterator[tuple[str, ...]]:
    for period, standing in zip(_of(told, "periods"), told["standings"], strict=False):
        yield (
            instant(period["since"]),
            words.STILL if period["until"] is None else instant(period["until"]),
            names.of_status(period["status"]),
            instant(period["due_at"]),
            names.of_class(period["by_date"]),
            period["unit"] or words.UNKNOWN,
            f"{standing['rule_version']}, {standing['calendar_version']}",
        )


def _outlook(told: Told) -> Iterator[tuple[str, ...]]:
    for each in _of(told, "destinations"):
        yield each["destination"], instant(each["acknowledged_at"]), each["sentence"]


def _story(told: Told, names: Names) -> Iterator[tuple[str, ...]]:
    said = {claim["message"]: claim for claim in _of(told, "claims")}
    for step in told["story"]:
        if step["kind"] != "message":  # they have a list of their own
            yield (
                instant(step["at"]),
                words.STEPS.get(step["kind"], step["kind"]),
                "; ".join(dict.fromkeys((*_version(said.get(step["id"]), names), *_detail(step)))),
                numbered(step["entries"]),
            )


def _version(claim: Told | None, names: Names) -> Iterator[str]:
    if claim is not None:
        yield words.VERSION.format(version=claim["version"], status=names.of_status(claim["status"]))


def _detail(step: Told) -> Iterator[str]:
    match step["kind"]:
        case "delivery":
            about = step["delivery"]
            yield from _texts(about, "destination", "operation", "state", "code", "reason")
            yield from _lag(step.get("lag"))
        case "attempt":
            yield from _texts(step, "destination", "operation")
            yield from _texts(step["attempt"], "outcome", "code", "reason")
        case "event":
            yield from _texts(step, "event", "destination")
        case "action":
            yield from _texts(step, "action", "actor", "destination", "reason")
            if step["detail"]:
                yield json.dumps(step["detail"], ensure_ascii=False)
        case "payment":
            yield from _texts(step["payment"], "destination", "purpose", "state", "reference", "transaction")
        case "settlement":
            yield from _texts(step["settlement"], "partner", "source", "transaction", "claimed_at")
        case _:
            return


def _lag(lag: Told | None) -> Iterator[str]:
    if lag is not None and lag["event_at"] is not None:
        waited = datetime.fromisoformat(lag["acknowledged_at"]) - datetime.fromisoformat(lag["event_at"])
        clock = str(timedelta(seconds=waited.seconds))
        yield words.LAG.format(words.DAYS.format(waited.days, clock) if waited.days else clock)


def _texts(about: Told, *keys: str) -> Iterator[str]:
    return (words.VALUES.get(about[key], str(about[key])) for key in keys if about.get(key))


def _messages(told: Told) -> Iterator[tuple[str, ...]]:
    for entry in told["entries"]:
        values = json.loads(entry["header"])
        form = 2 if values[0] == 2 else 1
        at, way, kind, channel, operation = values[form : form + 5]
        outcome = " ".join(
            words.VALUES.get(value, str(value))
            for value in (values[10 if form == 2 else 11], values[-2])
            if value
        )
        yield (
            str(entry["number"]),
            words.micros(at),
            words.WAYS.get(way, way),
            channel,
            f"{operation}, {words.KINDS.get(kind, kind)}",
            outcome or words.UNKNOWN,
            _shown(entry["content"]),
        )


def _shown(content: Told) -> str:
    if "missing" in content:
        return words.MISSING[content["missing"]]
    if "file" not in content:
        return words.REMOVED.get(content["removed"], words.REMOVED_WHOLE)
    values = zip(content.get("cuts", ()), content.get("values", ()), strict=True)
    gone = sorted({cut[2] for cut, value in values if value.startswith("commitment:")})
    return words.SHOWN_WITHOUT.format(", ".join(gone)) if gone else words.SHOWN


def _proof(told: Told) -> Iterator[Block]:
    log = told["log"]
    deadlines = told["deadlines"] or {}
    yield Pairs(
        [
            ("Nhật ký", log["origin"]),
            ("Số mục khi ký", str(log["size"])),
            ("Gốc cây Merkle", log["root"]),
            ("Ký lúc", instant(log["time"])),
            ("Dấu thời gian", words.STAMPED[bool(log["stamped"])]),
            ("Phiên bản quy tắc", deadlines.get("rule_version", words.UNKNOWN)),
            ("Phiên bản lịch làm việc", deadlines.get("calendar_version", words.UNKNOWN)),
            (words.REDACTED, ", ".join(told["redacted"]) or words.NOTHING),
        ]
    )
    for text in words.PROOF_TEXTS:
        yield Text(text)


def _of(told: Told, key: str) -> list[Any]:
    return [] if told["deadlines"] is None else list(told["deadlines"][key])


def _source(told: Told, message: str | None) -> str:
    number = told["numbers"].get(str(message))
    return numbered([] if number is None else [number])
