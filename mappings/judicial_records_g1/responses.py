"""What answers of the older interface mean (judicial_records §5, §6, §12 U4), first match wins.

Only one STATUS is known, that of success. Invariant: a code that nobody has documented is neither success nor refusal;
the centre is asked about it, and after that a person.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.mapping import ResponseTable, Row, Shape


class Verdict(StrEnum):
    """done; ours: refused for our configuration; refused: for the data; absent: the centre does not know the dossier;
    unknown: nobody can tell."""

    DONE = "done"
    OURS = "ours"
    REFUSED = "refused"
    ABSENT = "absent"
    UNKNOWN = "unknown"


SUBMIT, POLL, LIST, CATALOGUE, MARK = "submit", "poll", "list", "catalogue", "mark"
WORD_LISTS = ("success_codes", "configuration_codes", "missing_codes", "refused_codes")

RESPONSES = ResponseTable(
    name="judicial_records_g1",
    clause="judicial_records §5, §6",
    rows=(
        Row(
            name="http_status",
            verdict=Verdict.UNKNOWN,
            statuses=((0, 199), (201, 999)),
            why="§3.6, §7: an answer that is none of the centre's; whether it was done nobody can tell",
        ),
        Row(
            name="no_envelope",
            verdict=Verdict.UNKNOWN,
            shapes=frozenset({Shape.EMPTY, Shape.MARKUP, Shape.UNREADABLE, Shape.UNCODED}),
            why="§5: not the agreed structure",
        ),
        Row(name="done", verdict=Verdict.DONE, codes="success_codes", why="§5, §12 U4: 501"),
        Row(
            name="configuration",
            verdict=Verdict.OURS,
            codes="configuration_codes",
            why="§6: key, address, agency or province are not accepted",
        ),
        Row(
            name="unknown_dossier",
            verdict=Verdict.ABSENT,
            calls=frozenset({POLL}),
            codes="missing_codes",
            why="§6: the centre does not have it",
        ),
        Row(
            name="refused",
            verdict=Verdict.REFUSED,
            calls=frozenset({SUBMIT}),
            codes="refused_codes",
            why="§6: incomplete, of a wrong type, or incorrect",
        ),
        Row(
            name="undocumented",
            verdict=Verdict.UNKNOWN,
            why="§12 U4: there is no list of STATUS, so nothing is concluded from it",
        ),
    ),
)
