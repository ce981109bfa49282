"""The demo's chapter on ministries: requests travel to those who decide, one of some needs a supplement, results come
back into the dossier, and the portal's copy follows.

Invariant: the end is decided by the ministries' own records, by the portal's, and by bytes that are fetched and hashed;
a delivery's state in our database is no evidence here.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from gateway.api.server import listening
from gateway.bootstrap import Gateway
from gateway.cli.comparison import Verdict, compare
from gateway.cli.demo.errand import round_of
from gateway.cli.demo.handled import Handled
from gateway.cli.demo.ministry import MINISTRIES, Ministry, Officers, Seen
from gateway.cli.demo.partner import NAME, Partner
from gateway.cli.demo.reading import Figures, read_figures
from gateway.cli.demo.requests import Case, attachments, scanned
from gateway.cli.demo.stand import Stand
from gateway.cli.demo.store import Store
from gateway.codec import canonical
from gateway.delivery.intake import Submission
from gateway.domain.dossier import (
    Agency,
    Applicant,
    ApplicantKind,
    Channel,
    Document,
    Dossier,
    Identity,
    IdentityKind,
    Procedure,
    Step,
)
from gateway.domain.status import Status
from gateway.port import Capacity, WireRequest
from gateway.storage import tallies
from gateway.storage.clients import NewClient, Scope, create_client
from gateway.storage.queries import stored_dossier
from gateway.wire.client import Answered, HttpClient
from mappings.national_portal.stored_record import read_record

PATIENCE_SECONDS = 30.0  # without any call to the portal, and any result
LONGEST_SECONDS = 240.0
LOOK_SECONDS = 0.15
FIRST_NUMBER = 7001
OFFICER = "Trần Thị Mẫu"
DESK = "Bộ phận Tiếp nhận và Trả kết quả"
_CLIENT = "one-door"


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request of ours. ``case`` is as it was invented."""

    ministry: Ministry
    case: Case
    code: str


async def ask_ministries(
    gateway: Gateway, partner: Partner, store: Store, *, seed: int, seen: Callable[[Mapping[str, int]], None]
) -> tuple[Handled, ...]:
    """Hand requests over as a one-door system does, answer supplements, wait for results, compare.

    ``seen`` is told how many results are back, by ministry.
    """
    chance = random.Random(seed)  # noqa: S311 - which invented person asks for what is no secret
    asked: list[_Asked] = []
    officers: list[tuple[Stand, Officers]] = []
    for name, stand in partner.ministries.items():
        ministry = MINISTRIES[name]
        await stand.administer(ministry.begin.action, ministry.begin.order)
        asked += await _hand_over(gateway, ministry, chance, store)
        if ministry.officers is not None:
            officers.append((stand, ministry.officers(ministry.asked)))
    patience = _Patience()
    while True:
        for stand, office in officers:
            for order in office.orders(await stand.record()):
                await stand.administer(order.action, order.order)
        # lists of changes run beside the questions, and tell the same things at other times
        for job in ("progress-poll", "progress-feed"):
            await round_of(gateway, job)
        for each in asked:
            await _answer(gateway, each)
        done, portal = await _finished(gateway, asked), await _portal(gateway)
        seen(done)
        complete = done.total() == len(asked) and portal.left == 0
        if complete or patience.is_over((done.total(), portal.left, portal.calls)):
            break
        await gateway.worker.wait_for_events(LOOK_SECONDS)
    return await _compared(gateway, partner, asked)


class _Patience:
    """Over when nothing has moved for a while, or when it has been moving for too long."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._last: tuple[int, ...] = ()
        self._until = self._end = self._now() + LONGEST_SECONDS

    def is_over(self, standing: tuple[int, ...]) -> bool:
        now = self._now()
        if standing != self._last:
            self._last, self._until = standing, min(self._end, now + PATIENCE_SECONDS)
        return now > self._until


async def _hand_over(
    gateway: Gateway, ministry: Ministry, chance: random.Random, store: Store
) -> list[_Asked]:
    wants = [place < ministry.supplements for place in range(ministry.asked)]
    chance.shuffle(wants)
    found = []
    for place, supplement in enumerate(wants):
        now = gateway.hub.clock()
        case = Case(
            number=FIRST_NUMBER + place, supplement=supplement, on=now.date(), chance=chance, store=store
        )
        dossier = _dossier(ministry, case, now)
        await _submit(gateway, dossier)
        found.append(_Asked(ministry=ministry, case=case, code=dossier.code))
    return found


def _dossier(ministry: Ministry, case: Case, now: datetime) -> Dossier:
    wish, at = ministry.wish(case), now.replace(microsecond=0) - timedelta(minutes=30)
    (procedure, title), (agency, office) = ministry.procedure, ministry.agency
    steps = [
        Step(
            id=f"{case.number}-{place}",
            at=at + timedelta(minutes=5 * place),
            status=status,
            actor=OFFICER,
            unit=DESK,
        )
        for place, status in enumerate((Status.RECEIVED, Status.PROCESSING), start=1)
    ]
    return Dossier(
        code=f"{agency}-{at:%y%m%d}-{case.number}",
        version=1,
        procedure=Procedure(code=procedure, name=title),
        agency=Agency(code=agency, name=office),
        channel=Channel.ONLINE,
        applicant=Applicant(
            kind=ApplicantKind.CITIZEN,
            name=wish.applicant,
            identities=[Identity(kind=IdentityKind.PERSONAL_ID, number=wish.paper)],
        ),
        summary=title,
        status=Status.PROCESSING,
        submitted_at=at,
        received_at=steps[0].at,
        due_at=steps[0].at + timedelta(days=ministry.days),
        steps=steps,
        documents=wish.documents,
        declaration=wish.declaration,
    )


async def _submit(gateway: Gateway, dossier: Dossier) -> None:
    """As ``PUT /v1/dossiers/…`` does."""
    body = canonical.encode(dossier)
    await gateway.intake.accept(Submission(body=body, client="demo", code=dossier.code))


async def _read(gateway: Gateway, code: str) -> Dossier:
    found = await gateway.database.read(partial(stored_dossier, code=code))
    if found is None:
        raise RuntimeError(f"dossier {code} was handed over and is not there")
    return msgspec.json.decode(found.record, type=Dossier)


async def _answer(gateway: Gateway, asked: _Asked) -> None:
    """Where the ministry wants more, the applicant brings it to the one-door system, which hands on a new version."""
    dossier = await _read(gateway, asked.code)
    if dossier.status != Status.SUPPLEMENT_REQUESTED:
        return
    now = gateway.hub.clock()
    document = Document(
        id=f"bo-sung-{asked.case.number}",
        name="Giấy tờ bổ sung.pdf",
        component_code=asked.ministry.component,
        file=scanned(asked.case, "Giấy tờ bổ sung"),
    )
    *before, wanted = dossier.supplements
    brought = msgspec.structs.replace(
        wanted, received_at=now, received_by=OFFICER, received_note="Đã bổ sung", documents=[document]
    )
    step = Step(
        id=f"{asked.case.number}-{len(dossier.steps) + 1}",
        at=now,
        status=Status.PROCESSING,
        actor=OFFICER,
        unit=DESK,
        note="Công dân đã bổ sung",
    )
    version = msgspec.structs.replace(
        dossier,
        version=dossier.version + 1,
        source="one-door",
        status=Status.PROCESSING,
        supplements=[*before, brought],
        steps=[*dossier.steps, step],
    )
    await _submit(gateway, version)


async def _finished(gateway: Gateway, asked: Iterable[_Asked]) -> Counter[str]:
    """How many requests have their result, by ministry."""
    done: Counter[str] = Counter()
    for each in asked:
        done[each.ministry.name] += (await _read(gateway, each.code)).status == Status.FINISHED
    return done


async def _portal(gateway: Gateway) -> Figures:
    manifest = gateway.destinations[NAME].adapter.manifest
    return await gateway.database.read(partial(read_figures, manifest=manifest))


async def _compared(gateway: Gateway, partner: Partner, asked: list[_Asked]) -> tuple[Handled, ...]:
    """Every ministry's own record, and the portal's, against ours."""
    portal = await partner.portal.record()
    fetched = await _fetched(gateway, [await _read(gateway, each.code) for each in asked])
    found = []
    for name, stand in partner.ministries.items():
        own = [each for each in asked if each.ministry.name == name]
        dossiers = {each.code: await _read(gateway, each.code) for each in own}
        seen = MINISTRIES[name].seen(await stand.record())
        verdict = await _at_portal(gateway, portal, list(dossiers.values()))
        found.append(_handled(name, dossiers, seen, verdict, fetched))
    return tuple(found)


def _handled(
    name: str,
    dossiers: Mapping[str, Dossier],
    seen: Mapping[str, Seen],
    verdict: Verdict,
    fetched: frozenset[str],
) -> Handled:
    """``fetched``: digests of results that the gateway gave out, as they were hashed here."""
    nothing = Seen(taken=0, files=frozenset(), issued=frozenset())
    there = {code: seen.get(code, nothing) for code in dossiers}
    ours = {code: attachments(dossier) for code, dossier in dossiers.items()}
    back = {code: _results(dossier) for code, dossier in dossiers.items()}
    rounds = {code: 1 + _answered(dossier) for code, dossier in dossiers.items()}
    issued = [code for code in dossiers if there[code].issued and there[code].issued <= set(back[code])]
    return Handled(
        name=name,
        asked=len(dossiers),
        supplemented=sum(each.taken > 1 for each in there.values()),
        results=len(issued),
        attached=sum(map(len, ours.values())),
        sent_files=sum(len(ours[code] & there[code].files) for code in dossiers),
        result_files=sum(there[code].issued <= fetched for code in issued),
        portal=verdict.in_step,
        signed=sum(each.signed for each in there.values()),
        unsigned=sum(each.unsigned for each in there.values()) if MINISTRIES[name].signed else 0,
        lost=sum(not each.taken for each in there.values()) + len(dossiers) - len(issued) + verdict.missing,
        twice=sum(
            max(0, there[code].taken - rounds[code]) + len(back[code]) - len(set(back[code]))
            for code in dossiers
        )
        + verdict.duplicated,
        out_of_order=sum(not ours[code] <= there[code].files for code in dossiers) + verdict.out_of_order,
    )


def _results(dossier: Dossier) -> list[str]:
    return [each.file.sha256 or "" for each in dossier.results if each.file is not None]


def _answered(dossier: Dossier) -> int:
    return sum(each.received_at is not None for each in dossier.supplements)


async def _at_portal(gateway: Gateway, record: Mapping[str, Any], dossiers: list[Dossier]) -> Verdict:
    """These dossiers against the portal's own record."""
    numbers = await gateway.database.read(partial(tallies.partner_codes, name=NAME))
    kept = read_record(record)
    own = {numbers.get(each.code, each.code) for each in dossiers}
    theirs = {code: each for code, each in kept.dossiers.items() if code in own}
    return compare(
        dossiers,
        msgspec.structs.replace(kept, dossiers=theirs),
        wanted=gateway.destinations[NAME].adapter.wants,
        partner_code=lambda code: numbers.get(code, code),
    )


async def _fetched(gateway: Gateway, dossiers: Iterable[Dossier]) -> frozenset[str]:
    """Fetch every result over the API, as the one-door system does; the digests of what really came."""
    client = HttpClient(Capacity(max_response_bytes=32 * 1024 * 1024))
    name = f"{_CLIENT}-{secrets.token_hex(3)}"
    scopes = frozenset({Scope.DOSSIERS_READ, Scope.DOSSIERS_WRITE})
    new = NewClient(id=name, name="demo", scopes=scopes)
    issued = await gateway.database.write(partial(create_client, new=new, now=gateway.hub.clock()))
    headers = (("authorization", f"Bearer {issued.secret}"),)
    found = set()
    async with listening(gateway) as url:
        for digest in [digest for dossier in dossiers for digest in _results(dossier)]:
            request = WireRequest(method="GET", url=f"{url}/v1/files/{digest}", headers=headers)
            answer = await client.exchange(request)
            if isinstance(answer, Answered) and answer.response.status == 200:
                found.add(hashlib.sha256(answer.response.body).hexdigest())
    await client.close()
    return frozenset(found)
