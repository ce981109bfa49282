"""What the gateway says in English beneath its pages, said in the reader's language: details, sources of rules, refusals.

The API speaks one language and its sentences stay as they are; here a table knows the frequent ones. Invariant: what the
table does not know is shown as it was written, marked as English, and nothing of it is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from gateway.console.page import Language
from gateway.console.words import said, say


class Phrase(NamedTuple):
    """A sentence, with named groups; ``phrases.<key>`` has its words."""

    sentence: re.Pattern[str]
    key: str


def _table(rows: Mapping[str, str]) -> tuple[Phrase, ...]:
    return tuple(Phrase(re.compile(sentence, re.DOTALL), f"phrases.{key}") for key, sentence in rows.items())


PHRASES = _table(
    {
        "until": r"until (?P<instant>\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|[+-]\d{2}:\d{2}))",
        "in_doubt": r"(?P<count>\d+) in doubt",
        "failed": r"(?P<count>\d+) failed",
        "share": r"(?P<kept>\d+) of (?P<count>\d+)",
        "key": r"key (?P<name>[\w.-]+)",
        "reset_rule": (
            r"Decree 61/2018 Art\. 19\(4\): counted again from zero once complete, notice within 3 working days; the payer's "
            r"time is not counted"
        ),
        "refused_connection": r"(?:.*: )?ConnectionRefusedError: \[Errno \d+\].*",
        "reset_connection": r"(?:.*: )?ConnectionResetError: \[Errno \d+\].*",
        "page_instead": r"HTTP (?P<status>\d+), markup body: a page instead of an answer",
        "unreadable": r"HTTP (?P<status>\d+), unreadable body: .*",
        "accepted": r"HTTP (?P<status>\d+) accepted",
        "replaced": r"replaced by dossier (?P<version>\d+)",
        "found": r"found at the portal",
        "no_dossier": r"the portal has no such dossier",
        "no_step": r"the portal does not have this step",
        "not_asked": r"the portal could not be asked; code (?P<code>[^:]+): (?P<text>.*)",
        "no_answer_in_time": r"no answer within the read timeout",
        "broke": r"the connection broke before the answer: (?P<text>.*)",
        "no_connection": r"no connection: (?P<text>.*)",
        "cannot_be_sent": r"it cannot be sent: (?P<text>.*)",
        "answer_exceeds": r"the answer exceeds (?P<count>\d+) bytes",
        "no_question": r"sent, effect unknown; the partner has no question for it",
        "halted": r"traffic is stopped: no evidence can be produced",
        "unsigned": r"the answer came without the signature that it needs",
        "defect": r"(?P<name>\w+) while (?:encoding|interpreting|signing|verifying)",
        "not_sound": r"not one sound outcome per delivery",
        "files_unfetched": r"(?P<count>\d+) files are needed and nobody fetches them",
        "file_missed": r"file (?P<name>[0-9a-f]{12}): (?P<text>.*)",
        "shut": r"the destination is shut for now",
        "http_only": r"HTTP (?P<status>\d{3})",
        "older_there": r"the portal has an older state of the dossier",
        "not_shown_what": r"the dossier is there; the look-up does not show what of it",
        "no_record": r"the look-up shows no record of this dossier number",
        "no_steps": r"the look-up shows no steps",
        "twice_there": r"a step may be sent twice at this portal",
        "absent_there": r"the (?:ministry|centre) does not have the (?:dossier|request)",
        "another_dossier": r"the answer is about another dossier",
        "question_unanswered": r"a question to the ministry got no answer",
        "supplement_awaited": r"the ministry still waits for the supplement",
        "only_failed": r"delivery (?P<number>\d+) is \w+; only what was rejected or parked can be corrected",
        "same_as_before": r"delivery (?P<number>\d+): nothing was changed; .*",
        "not_told_now": r"whether it can be encoded cannot be told now: (?P<text>.*); try again later",
        "lacks": r"client console/(?P<name>[^ ]+) lacks scope (?P<scope>[a-z:]+); .*",
        "foreign_cursor": r"the cursor does not belong to this list.*|begin again without a cursor",
        "nowhere": r"there is no destination '?(?P<name>[\w.-]+)'?(?:; there are: .*)?",
        "all_back": r"the last (?P<count>\d+) that were sent again have all failed again",
        "no_delivery": r"there is no delivery (?P<number>\d+)",
        "unknown_dossier": r"there is no dossier (?P<code>\S+)",
        "no_account": r"there is no account '?(?P<name>[^' ]+)'?",
        "no_client": r"there is no client '?(?P<name>[^' ]+)'?",
        "no_webhook": r"there is no webhook '?(?P<name>[^' ]+)'?",
        "no_approval": r"there is no approval (?P<number>\d+)",
        "no_run": r"there is no (?:retry )?run (?P<number>\d+)",
        "no_payment": r"there is no payment (?P<number>\d+)",
        "no_job": r"there is no job '?(?P<name>[\w.-]+)'?; .*",
        "needs_second": r"\S+ of .+ needs a second person: approval (?P<number>\d+), asked for by (?P<name>[^,]+), .*",
        "not_second": r"approval (?P<number>\d+): it was made by .*",
        "to_oneself": r"approval (?P<number>\d+): it gives roles to account .*",
        "decided": r"approval (?P<number>\d+) is (?P<state>\w+) already.*",
        "expired": r"approval (?P<number>\d+) has expired; .*",
        "something_else": r".* says something else than what you have seen; look again and decide again",
        "own_roles": r"account (?P<name>\S+) cannot (?:change its own roles|disable itself); ask another administrator",
        "account_exists": r"account (?P<name>\S+) exists; .*",
        "run_going": r"job (?P<name>\S+) .*; a job has one run at a time",
        "run_ended": r"run (?P<number>\d+) of job (?P<name>\S+) has ended: .*",
        "not_over": r"the dossier is not over: it is (?P<status>\w+)",
        "parameters": r"(?P<count>\d+) of the query parameters cannot be taken",
    }
)
_VIETNAM = timezone(timedelta(hours=7))
_READERS: dict[str, Callable[[str], str]] = {
    "instant": lambda text: datetime.fromisoformat(text).astimezone(_VIETNAM).strftime("%d/%m/%Y"),
}
_VIETNAMESE = re.compile(
    "[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", re.IGNORECASE
)


def told(language: Language, text: str) -> str:
    """``text`` in the reader's language where the table knows it; as it is otherwise, and in English."""
    if language == "en":
        return text
    for phrase in PHRASES:
        if found := phrase.sentence.fullmatch(text):
            return say(language, phrase.key, **_values(language, found))
    return text


def foreign(language: Language, text: str) -> bool:
    """Whether ``text`` is English on a page that is not."""
    return language == "vi" and _VIETNAMESE.search(text) is None and told(language, text) == text


def _values(language: Language, found: re.Match[str]) -> dict[str, str]:
    named = {name: value or "" for name, value in found.groupdict().items()}
    for name, read in _READERS.items():
        if name in named:
            named[name] = read(named[name])
    if "status" in named:
        named["status"] = said(language, f"dossiers.status_{named['status']}", named["status"])
    if "state" in named:
        named["state"] = said(language, f"approvals.state_{named['state']}", named["state"]).lower()
    return named
