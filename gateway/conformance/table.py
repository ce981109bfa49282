"""Every rule of conformance, and the judgement of one adapter or of all.

Invariant: this table is complete; a rule that is not listed here is not a rule. ``tests/conformance`` has a broken
adapter for every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime

from gateway.conformance.checks import (
    answers,
    asked,
    cases,
    encoding,
    exchanges,
    manifest,
    plan,
    purity,
    records,
    renewal,
    secrets,
    simulators,
    tables,
    text,
    together,
)
from gateway.conformance.finding import Check, Finding, settle
from gateway.conformance.subject import Source, Subject, load

CHECKS: tuple[Check, ...] = (
    Check(
        code="manifest",
        meaning="the manifest names, titles (in both languages) and sources everything",
        cure="fill the field; cite contract and section in `source`",
        run=manifest.manifest_sanity,
    ),
    Check(
        code="settings-documented",
        meaning="every setting is explained, none holds a real host or a secret by default",
        cure="explain the field in the docstring of its class; give hosts and secrets no default",
        run=manifest.settings_documented,
    ),
    Check(
        code="pure-source",
        meaning="the adapter's files import and call nothing that has effects, and nothing of the hub",
        cure="take the clock from Context.now; leave sockets, files, randomness and retries to the hub",
        run=purity.pure_source,
    ),
    Check(
        code="pure-behaviour",
        meaning="importing, building and using the adapter opens no socket, writes no file, starts nothing",
        cure="find the module that does it at import time, and move the work out of the adapter",
        run=purity.pure_behaviour,
    ),
    Check(
        code="deterministic-encoding",
        meaning="same arguments, same bytes: in any process, with any hash seed, time zone, locale, and again",
        cure="sort what comes from a set, build no state in the adapter, take the time from Context.now",
        run=encoding.deterministic_encoding,
    ),
    Check(
        code="well-formed-requests",
        meaning="a request can be sent as it is; what check() passes can be encoded, or names the catalogue it misses",
        cure="percent-encode the URL, keep text out of headers, declare the charset; give CannotEncode its `missing`",
        run=encoding.well_formed_requests,
    ),
    Check(
        code="hostile-text",
        meaning="whatever stands in a text field: a sendable request or CannotEncode, nothing else",
        cure="decode payloads inside one place that turns every decoding error into CannotEncode",
        run=text.hostile_text,
    ),
    Check(
        code="hostile-answers",
        meaning="no answer makes a reader raise, and only the real success answer is a success",
        cure="read with gateway.codec, look at status and shape before content, bound every text you copy",
        run=answers.hostile_answers,
    ),
    Check(
        code="unreadable-is-in-doubt",
        meaning="an unreadable answer is InDoubt (Deferred only for a repeatable operation)",
        cure="return InDoubt where the answer cannot be read; after a question, InDoubt with ask_again",
        run=answers.unreadable_is_in_doubt,
    ),
    Check(
        code="verdict-decides",
        meaning="success text with an error code, or with none, is not a success",
        cure="demand the code that the contract calls success, by type and value; never accept by absence of errors",
        run=answers.verdict_decides,
    ),
    Check(
        code="plan-rules",
        meaning="keys are unique and stable, plans repeat, no event is forgotten, payloads are canonical JSON",
        cure="key events by the source's own id and snapshots by version; encode with gateway.codec.canonical",
        run=plan.plan_rules,
    ),
    Check(
        code="round-trip",
        meaning="every sample is planned, sent to the simulator, accepted and kept; every read is answered",
        cure="compare the recorded request with what the simulator wants; both follow the contract",
        run=exchanges.round_trip,
    ),
    Check(
        code="query-rule",
        meaning="the in-doubt question finds what was sent and nothing else",
        cure="compare identity and content in interpret_query; say InDoubt when the partner cannot tell",
        run=exchanges.query_rule,
    ),
    Check(
        code="repeat-rule",
        meaning="a repeatable operation leaves the same state when its first answer is lost",
        cure="declare it not repeatable, or make the second call find the first",
        run=exchanges.repeat_rule,
    ),
    Check(
        code="together-rule",
        meaning="lanes that share a call fare, learn and arrive as each would alone",
        cure="put every delivery into the call, use Context.memory_of(delivery), give each lane its own outcome",
        run=together.together_rule,
    ),
    Check(
        code="renewal-rule",
        meaning="an expired credential is renewed and the call succeeds; it is no refusal and no answer",
        cure="Deferred(renew=…, retry_after=0.0) after a send, InDoubt(ask_again=True, renew=…) after a question",
        run=renewal.renewal_rule,
    ),
    Check(
        code="record-rule",
        meaning="where the partner shows its record: what was told is found in it, what was not is missed",
        cure="read both sides with one function; give a step one key on both; go by the payload, not by the key",
        run=records.record_rule,
    ),
    Check(
        code="progress-rule",
        meaning="where the partner is asked: an answer reads the same twice, reports keep their keys, asking ends",
        cure="key a report by what has happened, never by the clock or its place; renew after a refused credential",
        run=asked.progress_rule,
    ),
    Check(
        code="feed-rule",
        meaning="where the partner lists changes: the cursor moves to an end, read again everything keeps its key",
        cure="take the cursor from the answer; read an acknowledgement like any answer",
        run=asked.feed_rule,
    ),
    Check(
        code="sturdy-simulator",
        meaning="the simulator answers any bytes at any address, and its record is JSON",
        cure="check shapes in the simulator as well; it stands on a real socket in the sandbox",
        run=simulators.sturdy_simulator,
    ),
    Check(
        code="official-elements",
        meaning="every element of the contract is a row of a table, or waived with a reason and a day",
        cure="add a Field to the table, or a Waiver that says why the element is not sent",
        run=tables.official_elements,
    ),
    Check(
        code="response-table",
        meaning="the response table is total, and every row is reached by a recorded case",
        cure="record an answer that falls under the row, or remove a row that nothing reaches",
        run=tables.response_table,
    ),
    Check(
        code="recorded-cases",
        meaning="recorded cases give the same bytes and the same meaning, and nothing is without a case",
        cure="record one with `python -m gateway.conformance.recorder`, then read it before you commit it",
        run=cases.recorded_cases,
    ),
    Check(
        code="secrets-canary",
        meaning="no secret shows in a repr, an error, an outcome or a payload, nor in a stored request",
        cure="name the field in manifest.secret_fields or the header in secret_headers; wrap secrets in Secret",
        run=secrets.secrets_canary,
    ),
)


def examine(source: Source, checks: Iterable[Check] = CHECKS, today: date | None = None) -> list[Finding]:
    """Everything that ``checks`` hold against the adapter, after its waivers; empty when it conforms."""
    try:
        subject = load(source)
    except Exception as error:  # why: a folder that cannot even be imported is a finding, not the kit's end
        what = f"{type(error).__name__}: {error}"
        return [Finding(adapter=source.like, check="loading", where=source.package, what=what)]
    return judge(subject, tuple(checks), today or datetime.now(UTC).date())


def judge(subject: Subject, checks: Sequence[Check], today: date) -> list[Finding]:
    """The same for a subject that is loaded. Waivers of checks that are not run stay out of it."""
    findings = [finding for check in checks for finding in findings_of(subject, check)]
    ran = {check.code for check in checks}
    known = {check.code for check in CHECKS}
    variant = subject.source.variant
    waivers = [
        waiver
        for waiver in subject.specification.waiver
        if waiver.check in ran and variant not in waiver.not_in
    ]
    unknown = {waiver.check for waiver in subject.specification.waiver} - known
    wrong = [
        Finding(adapter=subject.name, check="waiver", where=code, what="there is no such check")
        for code in sorted(unknown)
    ]
    return [*settle(subject.name, findings, waivers, today), *wrong]


def findings_of(subject: Subject, check: Check) -> Iterator[Finding]:
    """What one check finds, waived or not. A check that cannot be run is a finding of that check."""
    try:
        flaws = list(check.run(subject))
    except Exception as error:  # why: an adapter that breaks the kit's own calls has not passed the check
        text_ = " ".join(str(error).split())[:300]
        yield Finding(
            adapter=subject.name,
            check=check.code,
            where="the check itself",
            what=f"could not be run: {type(error).__name__}: {text_}",
        )
        return
    for flaw in flaws:
        yield Finding(adapter=subject.name, check=check.code, where=flaw.where, what=flaw.what)
