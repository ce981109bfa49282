"""What answers mean (judicial_records §4.3, §4.4, §4.5, §6, §7), first match wins.

``calls`` say which leg is answered. The code is ``1`` or what the answer gives as its error. Invariant: success needs
its code, or the one text by which the centre says that it has the dossier already; a text that promises more is asked
about, never believed.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.mapping import ResponseTable, Row, Shape


class Verdict(StrEnum):
    """done; again: surely not done, later; ours: refused for our configuration; refused: for the data; absent: the
    partner does not know the dossier; unknown: nobody can tell."""

    DONE = "done"
    AGAIN = "again"
    OURS = "ours"
    REFUSED = "refused"
    ABSENT = "absent"
    UNKNOWN = "unknown"


SUBMIT, POLL, TELL = "submit", "poll", "tell"
OK = "1"
WORD_LISTS = (
    *("duplicate_phrases", "success_phrases", "retry_phrases", "settled_phrases", "interrupted_phrases"),
    *("configuration_codes", "missing_codes", "tell_done_codes", "tell_failed_codes", "tell_later_codes"),
)
_CENTRE = frozenset({SUBMIT, POLL})
_SUBMIT = frozenset({SUBMIT})
_POLL = frozenset({POLL})
_TELL = frozenset({TELL})

RESPONSES = ResponseTable(
    name="judicial_records",
    clause="judicial_records §4, §6, §7",
    rows=(
        Row(
            name="leaked_fault",
            verdict=Verdict.AGAIN,
            phrases=("retry_phrases",),
            why="§3.6, §7: a gateway that shows the fault of what is behind it; a repeated call does no harm",
        ),
        Row(
            name="http_status",
            verdict=Verdict.UNKNOWN,
            statuses=((0, 199), (201, 999)),
            why="§7: an answer that is none of the centre's",
        ),
        Row(
            name="no_envelope",
            verdict=Verdict.UNKNOWN,
            shapes=frozenset({Shape.EMPTY, Shape.MARKUP, Shape.UNREADABLE, Shape.UNCODED}),
            why="§4.3: not the agreed structure",
        ),
        Row(name="tell_done", verdict=Verdict.DONE, calls=_TELL, codes="tell_done_codes", why="§4.5: 00"),
        Row(
            name="tell_settled",
            verdict=Verdict.DONE,
            calls=_TELL,
            codes="tell_failed_codes",
            phrases=("settled_phrases",),
            why="§4.5: VNeID is at this state or beyond it",
        ),
        Row(
            name="tell_interrupted",
            verdict=Verdict.AGAIN,
            calls=_TELL,
            codes="tell_later_codes",
            phrases=("interrupted_phrases",),
            why="§4.5: 03, try again later",
        ),
        Row(
            name="tell_refused", verdict=Verdict.REFUSED, calls=_TELL, why="§4.5: every other answer is final"
        ),
        Row(
            name="duplicate",
            verdict=Verdict.DONE,
            calls=_SUBMIT,
            phrases=("duplicate_phrases",),
            why="§4.3: the centre has it already, which is what was wanted",
        ),
        Row(name="done", verdict=Verdict.DONE, calls=_CENTRE, codes="ok", why="§4.3, §4.4: status 1"),
        Row(
            name="success_text",
            verdict=Verdict.UNKNOWN,
            calls=_CENTRE,
            phrases=("success_phrases",),
            why="§4.3: a text of success with an error beside it; the centre is asked",
        ),
        Row(
            name="configuration",
            verdict=Verdict.OURS,
            calls=_CENTRE,
            codes="configuration_codes",
            why="§6: key, address, agency or province are not accepted",
        ),
        Row(
            name="unknown_dossier",
            verdict=Verdict.ABSENT,
            calls=_POLL,
            codes="missing_codes",
            why="§6, §7: 201 shortly after a submit says only that it is not there yet",
        ),
        Row(name="refused", verdict=Verdict.REFUSED, calls=_SUBMIT, why="§4.3, §6: status 0 with its reason"),
        Row(
            name="poll_failed", verdict=Verdict.UNKNOWN, why="§4.4: the question failed, the dossier did not"
        ),
    ),
)
