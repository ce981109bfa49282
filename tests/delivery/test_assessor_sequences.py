"""However versions are cut into portions, the same comes out; and the invariants hold over anything that may be said."""

import random
from datetime import timedelta
from itertools import pairwise

import msgspec

from gateway.deadlines.account import ReappointmentAccount, StepAccount, SupplementAccount
from gateway.domain.status import Status
from gateway.storage import queries_standings
from gateway.storage.database import Database
from gateway.storage.schema_status import STILL
from tests.delivery.standing_world import START, Province, said
from tests.delivery.test_reassess import reassess

SEEDS = range(40)
LATER = START + timedelta(days=12)


def sequence(seed, code):
    """A few versions of one dossier, well-meant and otherwise; what is said once may be said otherwise later."""
    chance = random.Random(seed)
    steps, supplements, papers = [], [], []
    due_at = START + timedelta(days=chance.randint(-1, 10), minutes=chance.choice([0, 0, 90]))
    versions = []
    for version in range(1, chance.randint(2, 7)):
        at = START + timedelta(hours=chance.randint(-5, 200))
        status = chance.choice(list(Status))
        if chance.random() < 0.7:
            steps.append(StepAccount(at=at, status=status, unit=chance.choice([None, "room 1", "room 2"])))
        if chance.random() < 0.3:
            answered = at + timedelta(hours=chance.randint(1, 60)) if chance.random() < 0.6 else None
            moved = due_at + timedelta(days=chance.randint(-2, 9)) if answered and due_at else None
            supplements.append(
                SupplementAccount(
                    id=len(supplements),
                    requested_at=at,
                    received_at=answered,
                    old_due_at=due_at,
                    new_due_at=moved,
                )
            )
        if chance.random() < 0.3 and due_at is not None:
            new = due_at + timedelta(days=chance.randint(-1, 5))
            number = chance.choice([None, "", "12/PXL"])
            papers.append(
                ReappointmentAccount(old_due_at=due_at, new_due_at=new, issued_at=at, document_number=number)
            )
            due_at = chance.choice([due_at, new])
        if chance.random() < 0.2:
            due_at = chance.choice([None, START + timedelta(days=chance.randint(-3, 15))])
        ended = status in {Status.FINISHED, Status.RETURNED, Status.WITHDRAWN, Status.STOPPED}
        versions.append(
            said(
                code,
                version,
                status,
                received_at=chance.choice([START, START, START, None, START + timedelta(hours=3)]),
                submitted_at=chance.choice([None, START, START - timedelta(days=1)]),
                due_at=due_at,
                finished_at=at if ended and chance.random() < 0.9 else None,
                returned_at=at if status is Status.RETURNED else None,
                steps=tuple(chance.sample(steps, chance.randint(0, len(steps)))),
                supplements=tuple(supplements),
                reappointments=tuple(papers),
            )
        )
    return versions


def written(province, code):
    """Everything that was written of a dossier, without what a run of its own gives other names to."""

    def plain(rows):
        return [
            {
                name: value
                for name, value in msgspec.structs.asdict(row).items()
                if name not in {"id", "dossier_code"}
            }
            for row in rows
        ]

    ask = province.database.ask
    return (
        plain(ask(lambda connection: queries_standings.periods(connection, code))),
        plain(ask(lambda connection: queries_standings.due_changes(connection, code))),
        sorted(
            row["key"] for row in plain(ask(lambda connection: queries_standings.anomalies(connection, code)))
        ),
        [event for event in province.events(code) if event[0] == "dossier.due_changed"],
    )


async def test_portions_make_no_difference(sqlite_url):
    database = Database(sqlite_url)
    province = Province(database)
    province.now = LATER
    try:
        for seed in SEEDS:
            for version in sequence(seed, f"one-by-one-{seed}"):
                await province.say(version)
                await province.assess()
        for seed in SEEDS:
            for version in sequence(seed, f"all-at-once-{seed}"):
                await province.say(version)
        while await province.assessor.run_once(most=3):
            pass

        for seed in SEEDS:
            one, other = (written(province, f"{way}-{seed}") for way in ("one-by-one", "all-at-once"))
            assert one == other, f"seed {seed}"
            check_periods(one[0], seed)
        assert province.count("anomaly", "kind = 'ASSESSMENT_FAILED'") == 0

        before = {seed: written(province, f"all-at-once-{seed}") for seed in SEEDS}
        assert (await reassess(province, scope="all"))["judged_from_the_start"] == 2 * len(SEEDS)
        for seed in SEEDS:
            assert written(province, f"all-at-once-{seed}") == before[seed], f"seed {seed}, from the start"
    finally:
        database.close()


def check_periods(rows, seed):
    """Without gap, none empty, the last one open, and nothing of it silently on time."""
    assert rows, f"seed {seed}"
    assert rows[-1]["effective_to"] == STILL
    for row, following in pairwise(rows):
        assert row["effective_from"] < row["effective_to"] == following["effective_from"], f"seed {seed}"
    last = rows[-1]
    if last["status"] in {9, 10} and last["ended_at"] is None:
        assert last["by_date"] == "DATA_ERROR", f"seed {seed}"
