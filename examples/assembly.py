"""From a wish to a finished record: the dossier is sent on its way, then everything is put together.

Invariant: the record's instants and state are those of the steps; what is not derived from steps is drawn from the
dossier's own random source.
"""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, timedelta
from random import Random

from msgspec.structs import replace

from examples.attachments import documents, fees, papers, results, supplement_document
from examples.catalogue import AGENCIES
from examples.endings import (
    answer_supplement,
    ask_payment,
    ask_supplement,
    finish,
    hand_over,
    pay,
    reappoint,
    resume,
    stop,
    withdraw,
)
from examples.journey import DAY, Journey, opening
from examples.names import applicant
from examples.wishes import CLOSED, FIRST_DAY, CodeStyle, Trait, Wish
from examples.worktime import add_working_minutes, at
from gateway.domain.dossier import (
    Agency,
    Channel,
    Document,
    Dossier,
    Procedure,
    ReturnMethod,
    Supplement,
)
from gateway.domain.status import Status

_FOREIGN = ("BXD-2026-{:05}", "BTP.LLTP-2026-{:06}", "VNEID-26{:06}", "TTHC_{:07}", "DKKD2026.{:05}")
_LONG_NOTE = (
    "Hồ sơ chuyển từ hệ thống cũ sang; số liệu được nhập lại theo bản giấy, có đối chiếu với sổ theo dõi. "
    "Người nộp đề nghị nhận kết quả qua Trung tâm Phục vụ hành chính công, ưu tiên báo tin qua số điện thoại đã ghi. "
    'Ghi chú thêm: "đã nộp bản sao <có chứng thực> & xuất trình bản chính"; lưu ý mục 5% và đường dẫn C:\\Mau\\HS.'
)
_LONG_SUMMARY = (
    "Đề nghị {} cho toàn bộ các công trình thử nghiệm thuộc dự án mô phỏng giai đoạn 2026–2030, gồm các hạng mục: "
    "khối nhà mẫu A, khối nhà mẫu B, đường nội bộ, hệ thống thoát nước, cây xanh, điện chiếu sáng và các hạng mục phụ "
    "trợ khác theo bản vẽ đính kèm; kèm cam kết của chủ hồ sơ về tính chính xác của số liệu giả định"
)


def travel(wish: Wish, day: date, rng: Random) -> Journey:
    """The way of ``wish`` begun on ``day``."""
    journey = Journey(
        rng=rng,
        procedure=wish.procedure,
        unit=AGENCIES[wish.agency],
        channel=wish.channel,
        number=wish.number,
        now=_filed_at(wish, day, rng),
        promised=not wish.traits & {Trait.IMMEDIATE, Trait.NO_PROMISE},
    )
    if wish.channel is not Channel.COUNTER:
        journey.file()
    match wish.ending:
        case Status.REGISTERED:
            return journey
        case Status.REFUSED:
            journey.refuse()
        case _:
            journey.receive()
            _process(wish, journey)
    return journey


def assemble(wish: Wish, journey: Journey, code: str, rng: Random) -> Dossier:
    """The record in its newest state, in the gateway's own words."""
    procedure = wish.procedure
    submitted = documents(rng, code, procedure)
    rounds, submitted = _answered(code, journey.supplements, submitted)
    refused = Trait.REFUSED_AFTER_REVIEW in wish.traits
    dossier = Dossier(
        code=code,
        version=1,
        source=wish.source,
        procedure=_procedure(wish, rng),
        agency=Agency(code=wish.agency, name=AGENCIES[wish.agency]),
        channel=wish.channel,
        applicant=applicant(rng, wish.kind, wish.number),
        summary=_summary(wish, rng),
        status=journey.steps[-1].status,
        submitted_at=journey.submitted_at,
        received_at=journey.received_at,
        due_at=journey.due,
        finished_at=journey.finished_at,
        returned_at=journey.returned_at,
        refused_at=journey.refused_at,
        return_method=_return_method(wish, rng),
        return_note="Người nộp đã ký nhận" if journey.returned_at and rng.randrange(2) else None,
        receipt_number=f"BN-{wish.number:06}" if rng.randrange(3) == 0 else None,
        note=_note(rng),
        other_information="Nộp thay theo giấy ủy quyền" if rng.randrange(12) == 0 else None,
        steps=journey.steps,
        documents=submitted,
        papers=papers(rng),
        fees=fees(rng, code, journey),
        supplements=rounds,
        reappointments=journey.reappointments,
        results=results(rng, code, procedure, refused=refused) if wish.ending in CLOSED else [],
        databases=list(rng.choice(((), ("1",), ("1",), ("1", "7")))),
    )
    return _decomposed(dossier) if Trait.DECOMPOSED in wish.traits else dossier


def dossier_code(wish: Wish, day: str, ordinal: int) -> str:
    """The dossier's number in the style of ``wish``; a foreign one does not name the province (national_portal §3)."""
    match wish.style:
        case CodeStyle.NEW:
            return f"{wish.agency}-{day}-{ordinal:04}"
        case CodeStyle.OLD:
            return f"000.00.{wish.agency.partition('.')[2]}.H99-{day}-{ordinal:04}"
        case CodeStyle.FOREIGN:
            return _FOREIGN[wish.number % len(_FOREIGN)].format(wish.number)


def _filed_at(wish: Wish, day: date, rng: Random) -> datetime:
    """Online filing knows no office hours; the counter and the post office do."""
    if wish.channel is Channel.ONLINE and rng.randrange(3) == 0:
        day = max(day - timedelta(days=rng.randrange(3)), FIRST_DAY)
        return at(day, rng.randrange(0, 1440)).replace(second=rng.randrange(60))
    return opening(day, rng)


def _process(wish: Wish, journey: Journey) -> None:
    traits = wish.traits
    for _ in range(wish.rounds):
        ask_supplement(journey)
        answer_supplement(journey)
    if Trait.FEE_PAUSE in traits:
        ask_payment(journey)
        pay(journey)
    if traits & {Trait.REAPPOINTED, Trait.REAPPOINTED_TOO_LATE}:
        reappoint(journey, valid=Trait.REAPPOINTED in traits)
    if Trait.STOPPED_ONCE in traits:
        stop(journey, for_good=False)
        resume(journey)
    _end(wish, journey)


def _end(wish: Wish, journey: Journey) -> None:
    match wish.ending:
        case Status.PROCESSING:
            journey.work(add_working_minutes(journey.now, 4 * DAY), journey.rng.randrange(3, 9))
        case Status.SUPPLEMENT_REQUESTED:
            ask_supplement(journey, late=Trait.LATE_QUESTION in wish.traits)
        case Status.PAYMENT_REQUESTED:
            ask_payment(journey)
        case Status.WITHDRAWN:
            withdraw(journey)
        case Status.STOPPED:
            stop(journey, for_good=journey.rng.randrange(2) == 0)
        case Status.FINISHED | Status.RETURNED:
            finish(journey, wish.timing, refused=Trait.REFUSED_AFTER_REVIEW in wish.traits)
            if wish.ending is Status.RETURNED:
                hand_over(journey)
        case Status.REGISTERED | Status.RECEIVED | Status.REFUSED:
            return  # ended at the counter


def _answered(
    code: str, rounds: list[Supplement], submitted: list[Document]
) -> tuple[list[Supplement], list[Document]]:
    """Every answered round brings a document; the first one also removes what it replaces."""
    found = []
    for number, asked in enumerate(rounds, start=1):
        if asked.received_at is None:
            found.append(asked)
            continue
        brought = supplement_document(code, number, submitted[-1])
        found.append(replace(asked, documents=[brought]))
        if number == 1 and len(submitted) > 1:
            submitted = [*submitted[:-1], replace(submitted[-1], deleted=True)]
    return found, submitted


def _procedure(wish: Wish, rng: Random) -> Procedure:
    procedure = wish.procedure
    if rng.randrange(6) == 0:  # a source that sends the bare code; names come from the portal's catalogue
        return Procedure(code=procedure.code)
    return Procedure(
        code=procedure.code,
        name=procedure.name,
        field_code=procedure.field_code,
        field_name=procedure.field_name,
    )


def _summary(wish: Wish, rng: Random) -> str:
    name = wish.procedure.name[0].lower() + wish.procedure.name[1:]
    return _LONG_SUMMARY.format(name) if rng.randrange(25) == 0 else f"Đề nghị {name}"


def _return_method(wish: Wish, rng: Random) -> ReturnMethod:
    if wish.channel is Channel.POST:
        return ReturnMethod.POST
    if wish.channel is Channel.ONLINE and rng.randrange(2):
        return ReturnMethod.ELECTRONIC
    return ReturnMethod.COUNTER


def _note(rng: Random) -> str | None:
    drawn = rng.randrange(20)
    return _LONG_NOTE if drawn == 0 else "Hồ sơ thử nghiệm" if drawn < 4 else None


def _decomposed(dossier: Dossier) -> Dossier:
    """The same record as a source writes it whose texts are in NFD: letters and combining marks apart."""

    def split(text: str | None) -> str | None:
        return unicodedata.normalize("NFD", text) if text else text

    person = dossier.applicant
    name = split(person.name)
    return replace(
        dossier,
        applicant=replace(person, name=name if name and len(name) <= 500 else person.name),
        summary=split(dossier.summary),
        note=split(dossier.note),
        steps=[replace(step, actor=split(step.actor), note=split(step.note)) for step in dossier.steps],
    )
