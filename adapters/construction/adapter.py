"""The ministry of construction: deliveries to bytes, bytes to outcomes and reports (contract ``construction``).

This module joins the parts: messages and meanings from ``mappings.construction``, the turn of a delivery from
``course``, its outcome from ``outcomes``, reports from ``progress``. Invariant: pure; the same arguments give the same
bytes, and no answer makes it raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from adapters.construction import course, outcomes, plan, progress, reads
from adapters.construction.calling import Calling, id_of, id_of_question
from adapters.construction.course import Turn
from adapters.construction.manifest import PLANNING, SUBMIT, WITHDRAW, declare
from adapters.construction.settings import Settings, require_usable
from adapters.construction.terms import by_commune
from gateway.access import layers, turned_away, worn_out
from gateway.access.refusal import RENEWED
from gateway.codec import Unreadable
from gateway.domain.declarations import ConstructionDeclaration
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode
from gateway.domain.outcome import Accepted, InDoubt, Outcome
from gateway.domain.violation import Violation
from gateway.port import (
    Callback,
    CallbackRequest,
    CannotRead,
    Context,
    CredentialLayer,
    Manifest,
    Planned,
    Reading,
    Refusal,
    WireRequest,
    WireResponse,
)
from gateway.port.adapter import Catalogues
from gateway.port.progress import FeedPage, FeedReading, ProgressReading, Schedule
from mappings.construction import operations, rules
from mappings.construction.answers import Understood
from mappings.construction.calls import Call
from mappings.construction.filing import enclose, filing
from mappings.construction.responses import Verdict
from mappings.construction.submission import Submission

_TURNS = {
    Turn.FILE: operations.FILE,
    Turn.ANSWER: operations.ANSWER,
    Turn.ASK: operations.NOTICE,
}
_QUESTIONS = {SUBMIT: operations.STATES, WITHDRAW: operations.STATES, PLANNING: operations.PLANNING}
_FEED = "feed"


class ConstructionAdapter:
    """One destination. Holds the compiled schema and settings, nothing that changes."""

    def __init__(self, settings: Settings) -> None:
        require_usable(settings)
        self._settings = settings
        self._manifest = declare(settings)
        self._layers = tuple(layers(settings.access))
        self._calling = Calling(settings)
        self._limits = rules.Limits(per_file=settings.max_file_bytes, together=settings.max_files_bytes)
        self._schedule = settings.polling.schedule()

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    @property
    def credentials(self) -> Sequence[CredentialLayer]:
        return self._layers

    def wants(self, dossier: Dossier) -> bool:
        return plan.wanted(dossier)

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        return plan.plan(dossier, self._settings)

    def partner_codes(self, dossier: Dossier) -> Sequence[str]:
        return [dossier.code]

    def check(self, dossier: Dossier, catalogues: Catalogues) -> Sequence[Violation]:
        """What the ministry would refuse (rules R1 to R12), and what its schema forbids."""
        del catalogues  # none is needed to write a message
        told = plan.told(dossier, self._settings)
        if told is None or dossier.received_at is None:
            return []
        permit = isinstance(told.declaration, ConstructionDeclaration)
        commune = by_commune(dossier, self._settings)
        found = rules.refusals(told.declaration, commune=commune, limits=self._limits)
        operation = operations.FILE if permit else operations.ASK_PLANNING
        return [*found, *self._calling.violations(operation, told)]

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        delivery = deliveries[0]
        operation, call = self._message(delivery, context)
        return self._calling.request(operation, call, context)

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        try:
            outcome = self._outcome(deliveries[0], response, context)
        except CannotEncode as fault:
            outcome = InDoubt(code="not_made_out", reason=str(fault)[:500])
        return [outcome] * len(deliveries)

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        delivery = deliveries[0]
        return self._question(_QUESTIONS[delivery.operation], context.number_of(delivery.dossier), context)

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        delivery = deliveries[0]
        number = context.number_of(delivery.dossier)
        said = self._answer(_QUESTIONS[delivery.operation], number, response, context)
        try:
            outcome = self._settled(delivery, said, context)
        except CannotEncode as fault:
            outcome = InDoubt(code="not_made_out", reason=str(fault)[:500])
        renew = worn_out(self._settings.access, response)
        if renew and isinstance(outcome, InDoubt):
            outcome = msgspec.structs.replace(outcome, renew=renew)
        return [outcome] * len(deliveries)

    def encode_read(self, name: str, parameters: Mapping[str, str], context: Context) -> WireRequest:
        lookup = reads.LOOKUPS.get(name)
        if lookup is None or not set(parameters) >= set(_parameters(self._manifest, name)):
            raise CannotEncode(f"construction has no read {name!r} with {sorted(parameters)}")
        about = ",".join(parameters[each] for each in sorted(parameters))
        caller = self._calling.caller(id_of_question(about, lookup.operation, context), context)
        return self._calling.request(lookup.operation, lookup.call(caller, parameters), context)

    def interpret_read(self, name: str, parameters: Mapping[str, str], response: WireResponse) -> Reading:
        del parameters
        lookup = reads.LOOKUPS.get(name)
        if lookup is None:
            return CannotRead(code="no_such_read", reason=f"construction has no read {name!r}")
        said = self._calling.read(lookup.operation, response)
        return reads.entries(name, said, worn_out(self._settings.access, response))

    @property
    def progress_schedule(self) -> Schedule | None:
        return self._schedule

    def encode_progress(self, dossier: str, context: Context) -> WireRequest:
        question = progress.QUESTIONS[progress.asking(context.memory)]
        number = context.number_of(dossier)
        return self._question(question.operation, number, context, information=question.information)

    def interpret_progress(self, dossier: str, response: WireResponse, context: Context) -> ProgressReading:
        asked, number = progress.asking(context.memory), context.number_of(dossier)
        said = self._answer(progress.QUESTIONS[asked].operation, number, response, context)
        found = progress.readable(asked, said, number, context)
        return self._unread(said, response) if found is None else found

    @property
    def feed_interval(self) -> float | None:
        return None if self._settings.feed is None else self._settings.feed.interval_s

    def encode_feed(self, cursor: str, context: Context) -> WireRequest:
        page = None if self._settings.feed is None else self._settings.feed.page
        number = id_of_question(_FEED, operations.CHANGES, context)
        call = Call(caller=self._calling.caller(number, context), cursor=cursor, most=page)
        return self._calling.request(operations.CHANGES, call, context)

    def interpret_feed(self, cursor: str, response: WireResponse, context: Context) -> FeedReading:
        said = self._answer(operations.CHANGES, _FEED, response, context)
        if said.verdict is Verdict.STALE_CURSOR and cursor:
            # §7: what the ministry has forgotten it lists anew; what was told before has no second effect
            return FeedPage(changes=(), cursor="", more=True)
        if said.verdict is not Verdict.DONE or said.content is None:
            return self._unread(said, response)
        try:
            return progress.feed(said.content, cursor)
        except Unreadable as fault:
            return CannotRead(code=fault.code, reason=fault.reason)

    def encode_acknowledgement(self, page: FeedPage, context: Context) -> WireRequest | None:
        numbers = tuple(dict.fromkeys(change.dossier for change in page.changes))
        if not numbers:
            return None
        number = id_of_question(_FEED, operations.ACKNOWLEDGE, context)
        call = Call(
            caller=self._calling.caller(number, context),
            information=operations.STATES_TAKEN,
            dossiers=numbers,
        )
        return self._calling.request(operations.ACKNOWLEDGE, call, context)

    def interpret_acknowledgement(
        self, page: FeedPage, response: WireResponse, context: Context
    ) -> CannotRead | None:
        del page
        said = self._answer(operations.ACKNOWLEDGE, _FEED, response, context)
        return None if said.verdict in progress.SETTLED else self._unread(said, response)

    def read_callback(self, request: CallbackRequest, context: Context) -> Callback:
        del request, context
        # construction §4: the province asks; no operation is called by the ministry
        answer = WireResponse(status=404, headers=(("content-type", "text/plain; charset=utf-8"),))
        return Refusal(code="not_offered", reason="the ministry calls nobody", answer=answer)

    def _message(self, delivery: Delivery, context: Context) -> tuple[str, Call]:
        """The operation and the call that ``delivery`` comes to."""
        number = context.number_of(delivery.dossier)
        if delivery.operation == WITHDRAW:
            caller = self._calling.caller(id_of(delivery, operations.WITHDRAW), context)
            withdrawal = plan.payload(delivery, plan.Withdrawal)
            return operations.WITHDRAW, Call(caller=caller, dossiers=(number,), reason=withdrawal.reason)
        told = _told(delivery, context)
        if delivery.operation == PLANNING:
            course.require_unchanged(told, context.memory)
            return operations.ASK_PLANNING, self._filing(delivery, operations.ASK_PLANNING, told, context)
        turn = course.turn(told, context.memory)
        match turn:
            case Turn.FILE:
                return operations.FILE, self._filing(delivery, operations.FILE, told, context)
            case Turn.ASK:
                caller = self._calling.caller(id_of_question(number, operations.NOTICE, context), context)
                return operations.NOTICE, Call(caller=caller, dossiers=(number,))
            case Turn.ANSWER:
                return operations.ANSWER, self._supplement(delivery, told, context)

    def _filing(self, delivery: Delivery, operation: str, told: Submission, context: Context) -> Call:
        caller = self._calling.caller(id_of(delivery, operation), context)
        return Call(caller=caller, filing=filing(told, context.files, self._limits))

    def _supplement(self, delivery: Delivery, told: Submission, context: Context) -> Call:
        memory = context.memory
        papers = course.unsent(told, memory)
        return Call(
            caller=self._calling.caller(id_of(delivery, operations.ANSWER), context),
            dossiers=(told.code,),
            notice=memory[course.NOTICE],
            explanation=course.explanation(told, memory),
            request=course.changed_request(told, memory),
            enclosed=enclose(told.code, papers, context.files, self._limits),
        )

    def _outcome(self, delivery: Delivery, response: WireResponse, context: Context) -> Outcome:
        number, memory = context.number_of(delivery.dossier), context.memory
        if delivery.operation == WITHDRAW:
            said = self._heard(operations.WITHDRAW, id_of(delivery, operations.WITHDRAW), response, context)
            return said if not isinstance(said, Understood) else _alive(outcomes.withdrawn(said), memory)
        told, adopt = _told(delivery, context), self._settings.adopt_known
        turn = Turn.FILE if delivery.operation == PLANNING else course.turn(told, memory)
        operation = operations.ASK_PLANNING if delivery.operation == PLANNING else _TURNS[turn]
        call = id_of_question(number, operation, context) if turn is Turn.ASK else id_of(delivery, operation)
        said = self._heard(operation, call, response, context)
        if not isinstance(said, Understood):
            return said
        return _alive(outcomes.submitted(said, turn, told, memory, adopt=adopt), memory)

    def _settled(self, delivery: Delivery, said: Understood, context: Context) -> Outcome:
        number, memory = context.number_of(delivery.dossier), context.memory
        if delivery.operation == WITHDRAW:
            return outcomes.settled_withdrawal(said, number)
        told = _told(delivery, context)
        if delivery.operation == PLANNING:
            return outcomes.settled_request(said, told)
        return outcomes.settled(said, number, course.turn(told, memory), told, memory)

    def _heard(
        self, operation: str, call: str, response: WireResponse, context: Context
    ) -> Understood | Outcome:
        """What an answer says, or the outcome of a call that the layer in front did not let in."""
        said = self._calling.understand(operation, call, response, context)
        if said.verdict is Verdict.EXPIRED:
            outside = turned_away(self._settings.access, response, context)
            return said if outside is None else outside
        return said

    def _question(
        self, operation: str, number: str, context: Context, *, information: str = ""
    ) -> WireRequest:
        caller = self._calling.caller(id_of_question(number, operation, context), context)
        call = Call(caller=caller, dossiers=(number,), information=information)
        return self._calling.request(operation, call, context)

    def _answer(self, operation: str, about: str, response: WireResponse, context: Context) -> Understood:
        call = id_of_question(about, operation, context)
        return self._calling.understand(operation, call, response, context)

    def _unread(self, said: Understood, response: WireResponse) -> CannotRead:
        return outcomes.unread(said, worn_out(self._settings.access, response))


def build(settings: Settings) -> ConstructionAdapter:
    """The adapter for these settings; ConfigurationError when they cannot work."""
    return ConstructionAdapter(settings)


def _told(delivery: Delivery, context: Context) -> Submission:
    """What ``delivery`` tells, under the number that the ministry knows."""
    told = plan.payload(delivery, Submission)
    return msgspec.structs.replace(told, code=context.number_of(delivery.dossier))


def _parameters(manifest: Manifest, name: str) -> tuple[str, ...]:
    return next((each.parameters for each in manifest.reads if each.name == name), ())


def _alive(outcome: Outcome, memory: Mapping[str, str]) -> Outcome:
    """The renewed token works, so the next one that is refused is renewed at once."""
    if isinstance(outcome, Accepted) and memory.get(RENEWED):
        return msgspec.structs.replace(outcome, learned={**outcome.learned, RENEWED: ""})
    return outcome
