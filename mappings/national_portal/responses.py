"""What the portal's answers mean (national_portal §2.7, §2.9, §14.2), first match wins.

The rows name lists of codes and phrases that the settings hold, because nobody documents them. Invariant: a row says
``OK`` only for HTTP 200, a readable envelope, a success code, and a text that is silent or says success without
taking it back; whatever may have been processed but cannot be read is ``UNCLEAR``, so that the portal is asked.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.mapping import ResponseTable, Row, Shape


class Verdict(StrEnum):
    """The classes of §14.2, with those of the transport.

    ok             it is done
    duplicate      a create met a dossier that is there: send it as update
    not_found      the portal does not have the dossier
    session        the session is gone; nothing was done
    token          the platform's token is gone; nothing was done
    validation     the data is refused
    misconfigured  our own configuration is refused
    transient      refused for the moment; nothing was done
    not_reached    a gateway says that nothing was reached
    refused        the request was refused unread, for a reason that stays
    contradiction  two answers cannot both be true
    unclear        it may have been done
    unknown        a refusal that nobody has seen before
    """

    OK = "ok"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not_found"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a class of answers
    VALIDATION = "validation"
    MISCONFIGURED = "misconfigured"
    TRANSIENT = "transient"
    NOT_REACHED = "not_reached"
    REFUSED = "refused"
    CONTRADICTION = "contradiction"
    UNCLEAR = "unclear"
    UNKNOWN = "unknown"


WORD_LISTS = (
    *("success_codes", "success_phrases", "failure_phrases", "duplicate_codes", "duplicate_phrases"),
    *("dossier_phrases", "missing_phrases", "catalogue_phrases", "session_codes", "session_phrases"),
    *("token_phrases", "partial_phrases", "retry_phrases", "technical_phrases", "transient_codes"),
    *("transient_phrases", "configuration_phrases", "validation_codes"),
)

_CREATE, _UPDATE = frozenset({"create"}), frozenset({"update"})

_TRANSPORT = (
    Row(
        name="http_unauthorized",
        verdict=Verdict.TOKEN,
        statuses=((401, 401),),
        why="§2.3: the platform refuses the token before it forwards anything",
    ),
    Row(
        name="http_too_many",
        verdict=Verdict.TRANSIENT,
        statuses=((408, 408), (425, 425), (429, 429)),
        why="RFC 9110 §15.5.9, RFC 6585 §4: the request was not taken in",
    ),
    Row(
        name="http_unavailable_until",
        verdict=Verdict.TRANSIENT,
        statuses=((503, 503),),
        retry_after=True,
        why="RFC 9110 §15.6.4: who names a time to come back has turned the request away at the door",
    ),
    Row(
        name="http_request_refused",
        verdict=Verdict.REFUSED,
        statuses=((400, 400), (413, 415), (422, 422), (431, 431)),
        why="RFC 9110 §15.5: these bytes were refused unread and would be refused again",
    ),
    Row(
        name="http_not_reached",
        verdict=Verdict.NOT_REACHED,
        statuses=(
            *((301, 301), (307, 308), (403, 407), (410, 411), (421, 421), (426, 426), (451, 451)),
            *((501, 501), (505, 505), (511, 511)),
        ),
        why="wrong address, no right of way, wrong protocol: nothing reached the portal; configuration on either side",
    ),
    Row(
        name="http_other",
        verdict=Verdict.UNCLEAR,
        statuses=((0, 199), (201, 999)),
        why="§2.1: a transport failure; the portal behind the gateway may have done it (also 503 without a time)",
    ),
    Row(name="empty_body", verdict=Verdict.UNCLEAR, shapes=frozenset({Shape.EMPTY}), why="§2.1, §13.3"),
    Row(
        name="markup_body",
        verdict=Verdict.UNCLEAR,
        shapes=frozenset({Shape.MARKUP}),
        why="§2.1: SOAP fault or page of an access layer with HTTP 200; the portal may have done it",
    ),
    Row(
        name="unreadable_body",
        verdict=Verdict.UNCLEAR,
        shapes=frozenset({Shape.UNREADABLE}),
        why="§2.1: not JSON, cut off, or in another charset",
    ),
    Row(
        name="uncoded_body",
        verdict=Verdict.UNCLEAR,
        shapes=frozenset({Shape.UNCODED}),
        why="§2.1: JSON without a usable error_code",
    ),
)

_DUPLICATES = (
    Row(
        name="duplicate_create",
        verdict=Verdict.DUPLICATE,
        calls=_CREATE,
        codes="duplicate_codes",
        phrases=("duplicate_phrases",),
        why="§2.9, §14.5: by text and code set (U4); resend as update",
    ),
    Row(
        name="success_with_text",
        verdict=Verdict.OK,
        codes="success_codes",
        phrases=("success_phrases",),
        without=("failure_phrases",),
        why="§2.7",
    ),
    Row(
        name="success_silent", verdict=Verdict.OK, codes="success_codes", silent=True, why="§2.7: has no text"
    ),
    Row(
        name="duplicate_update_success",
        verdict=Verdict.UNCLEAR,
        codes="success_codes",
        phrases=("duplicate_phrases",),
        why="§13.3 ok_but_exists: a success code with a refusal's words, and no create to turn around",
    ),
    Row(
        name="duplicate_step",
        verdict=Verdict.UNCLEAR,
        calls=frozenset({"step", "status"}),
        phrases=("duplicate_phrases",),
        why="no contract says what exists here; the portal can be asked",
    ),
    Row(
        name="duplicate_update",
        verdict=Verdict.CONTRADICTION,
        calls=_UPDATE,
        phrases=("duplicate_phrases",),
        why="§2.9: an update cannot meet 'already exists' twice; an operator must look",
    ),
)

_REFUSALS = (
    Row(
        name="dossier_missing",
        verdict=Verdict.NOT_FOUND,
        calls=frozenset({"update", "step", "status", "lookup"}),
        phrases=("dossier_phrases", "missing_phrases"),
        without=("catalogue_phrases",),
        why="§2.9: 'không tồn tại' said of the dossier, not of a procedure or service",
    ),
    Row(
        name="success_with_other_text",
        verdict=Verdict.UNCLEAR,
        codes="success_codes",
        why="§2.7: a success code counts only without a text or with one that says success",
    ),
    Row(name="session_code", verdict=Verdict.SESSION, codes="session_codes", why="U5"),
    Row(name="session_text", verdict=Verdict.SESSION, phrases=("session_phrases",), why="§2.2, U5"),
    Row(name="token_text", verdict=Verdict.TOKEN, phrases=("token_phrases",), why="§2.3"),
    Row(
        name="partly_done",
        verdict=Verdict.UNCLEAR,
        phrases=("partial_phrases",),
        why="U6: some items of the batch were taken; ask which",
    ),
    Row(
        name="failed_try_later",
        verdict=Verdict.TRANSIENT,
        phrases=("failure_phrases", "retry_phrases"),
        why="the portal itself says that it was not done and may be sent again",
    ),
    Row(
        name="technical_text",
        verdict=Verdict.UNCLEAR,
        phrases=("technical_phrases",),
        why="§2.7: the text looks technical; whether it was done is unknown",
    ),
    Row(name="transient_code", verdict=Verdict.TRANSIENT, codes="transient_codes", why="§14.4"),
    Row(name="transient_text", verdict=Verdict.TRANSIENT, phrases=("transient_phrases",), why="§14.4"),
    Row(
        name="configuration_text",
        verdict=Verdict.MISCONFIGURED,
        phrases=("configuration_phrases",),
        why="address, unit, service or parameter refused: the same for every dossier, so an operator acts",
    ),
    Row(
        name="validation_code",
        verdict=Verdict.VALIDATION,
        codes="validation_codes",
        why="§2.7: log the message, no blind retry",
    ),
    Row(
        name="anything_else",
        verdict=Verdict.UNKNOWN,
        why="§2.7: treat as permanent; an operator reads the text and, if need be, adds it to a list",
    ),
)

RESPONSES = ResponseTable(
    name="national_portal", clause="national_portal §2.7, §14.2", rows=(*_TRANSPORT, *_DUPLICATES, *_REFUSALS)
)
