"""What is refused though it can be written: the law's rules, the limits, the fee (judicial_records §1, §12 U7, U10).

Invariant: everything that is wrong is found, each with a pointer into the dossier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from gateway.domain.declarations.judicial_record import CertificateKind, JudicialRecordDeclaration
from gateway.domain.dossier import Dossier, Fee
from gateway.domain.errors import ConfigurationError
from gateway.domain.violation import Violation
from gateway.mapping import CodeTable, Table, local_date
from mappings.judicial_records.fees import fee
from mappings.judicial_records.scope import JudicialScope
from mappings.judicial_records.submit import Application, sent_files

LEAST_AGE = "TuoiToiThieu"


def refused(
    asked: Application, scope: JudicialScope, paid: Sequence[Fee] | None, most: int
) -> Iterator[Violation]:
    """Everything. ``paid``: the dossier's fees, where they are compared; ``most``: bytes that one call may have."""
    yield from by_law(asked.declaration, asked.received_at, scope.codes)
    yield from _files(asked, scope, most)
    if paid is not None and asked.received_at is not None:
        yield from wrong_fee(asked.declaration, asked.received_at, paid, scope.codes)


def by_law(
    declaration: JudicialRecordDeclaration, received_at: datetime | None, codes: Mapping[str, CodeTable]
) -> Iterator[Violation]:
    """What the law of the day of reception forbids, whichever interface carries it."""
    least = None if received_at is None else codes[LEAST_AGE].wire("least", local_date(received_at))
    if received_at is not None and least is not None:
        born = declaration.person.born_on
        if _age(born, local_date(received_at)) < int(least):
            yield Violation(
                pointer="/declaration/person/born_on",
                code="too_young",
                got=born,
                expected=f"a person of {least} years or more on the day of reception",
                advice="correct the date of birth; a younger person gets no certificate",
            )
    if declaration.certificate is CertificateKind.NUMBER_2 and declaration.authorised:
        yield Violation(
            pointer="/declaration/authorised",
            code="not_by_another",
            got="an authorised person",
            expected="nobody: certificate number 2 is asked for by the person concerned alone",
            advice="let the person concerned file, or ask for certificate number 1",
        )


def received_within(dossier: Dossier, since: date | None, before: date | None) -> bool:
    """Whether ``dossier`` was received, and from ``since`` on but before ``before``: the days of one interface."""
    if dossier.received_at is None:
        return False
    day = local_date(dossier.received_at)
    return (since is None or since <= day) and (before is None or day < before)


def _age(born: str, on: date) -> int:
    """Years on a day; at most so many, where only the month or the year of birth is known."""
    year, month, day = (int(part) for part in [*born.split("-"), "1", "1"][:3])
    return on.year - year - ((on.month, on.day) < (month, day))


def wrong_fee(
    declaration: JudicialRecordDeclaration,
    received_at: datetime,
    paid: Sequence[Fee],
    codes: Mapping[str, CodeTable],
) -> Iterator[Violation]:
    """Whether ``paid`` is what the table of fees says for the day of reception."""
    due = fee(declaration, local_date(received_at), codes)
    sum_paid = sum(each.amount for each in paid)
    if sum_paid != due:
        yield Violation(
            pointer="/fees",
            code="wrong_fee",
            got=f"{sum_paid} đồng",
            expected=f"{due} đồng, by the table of fees",
            advice="correct the fees, the number of copies or the payer's group",
        )


def _files(asked: Application, scope: JudicialScope, most: int) -> Iterator[Violation]:
    files = sent_files(asked)
    limit = scope.options.max_files
    if len(files) > limit:
        yield Violation(
            pointer="/documents",
            code="too_many_files",
            got=f"{len(files)} files",
            expected=f"at most {limit}",
            advice="join documents, or leave out what is not asked for",
        )
    size = sum(document.file.size or 0 for _, document in files if document.file)
    if size * 4 // 3 > most:
        yield Violation(
            pointer="/documents",
            code="too_large",
            got=f"{size} bytes together",
            expected=f"at most {most * 3 // 4}",
            advice="attach smaller files",
        )


def require_known(names: Sequence[str], tables: Mapping[str, Table]) -> None:
    """ConfigurationError when a mandatory element is none of the contract's."""
    known = frozenset[str]().union(*(table.names() for table in tables.values()))
    if strange := sorted(set(names) - known):
        raise ConfigurationError(
            f"judicial_records: mandatory_fields names {', '.join(strange)}, which no message has"
        )
