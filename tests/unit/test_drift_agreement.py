"""What an agreement is made of: whatever a comparison looks at changes a digest, and nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.port import Context, Secret, TellsRules, WireResponse
from gateway.statussync.agreement import Recall, Rules, answer_digest, lane_digest
from gateway.storage.drift_lanes import LaneOutline, Stamp
from tests.unit import portal

NOON = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
CONTEXT = Context(now=NOON)
# id, operation, key, position, state, settled_at
TOLD = [(11, "dossier", "1", 1, "delivered", 1_000), (12, "step", "s1", 2, "delivered", 2_000)]
LANE = LaneOutline(
    lane=1,
    destination="national_portal",
    dossier="H99.14-260928-0007",
    memory={"exists": "yes", "partner_code": "H99.14-260928-0007"},
    stamp=Stamp(next_position=3, settled=2),
    settled_at=2_000,
    told=TOLD,
)
RESPONSE = WireResponse(
    status=200, headers=(("Content-Type", "application/json"), ("Date", "today")), body=b'{"result": []}'
)


def lane(**changes: Any) -> bytes:
    return lane_digest(b"rules", msgspec.structs.replace(LANE, **changes))


def answer(**changes: Any) -> bytes:
    return answer_digest(msgspec.structs.replace(RESPONSE, **changes))


# Our side


def test_same_lane_under_the_same_rules_is_the_same():
    assert lane() == lane(memory=dict(reversed(LANE.memory.items())), told=list(TOLD))
    assert lane() != lane_digest(b"other rules", LANE)


@pytest.mark.parametrize(
    "changes",
    [
        {"told": [*TOLD, (13, "step", "s2", 3, "delivered", 3_000)]},
        {"told": [*TOLD, (13, "step", "s2", 3, "skipped", 3_000)]},
        {"told": [*TOLD, (13, "step", "s2", 3, "pending", None)]},
        {"told": TOLD[:1]},
        {"told": list(reversed(TOLD))},
        {"stamp": Stamp(next_position=4, settled=2)},  # planned and superseded at once: nothing else shows it
        {"memory": {**LANE.memory, "partner_code": "H99-260928-48213"}},
        {"memory": {}},
        {"dossier": "H99.14-260928-0008"},
        {"destination": "elsewhere"},
        {"lane": 2},
    ],
)
def test_whatever_else_a_lane_holds_makes_another_digest(changes):
    assert lane(**changes) != lane()


@given(place=st.integers(0, 1), part=st.integers(0, 5), value=st.one_of(st.integers(), st.text(max_size=9)))
def test_every_part_of_every_delivery_counts(place, part, value):
    told = [list(each) for each in TOLD]
    told[place][part] = value
    same = TOLD[place][part] == value
    assert (lane(told=list(map(tuple, told))) == lane()) is same


def test_lane_is_delivered_only_if_all_of_it_is():
    assert LANE.delivered
    for state in ("pending", "skipped", "in_doubt", "sending"):
        waiting = [*TOLD, (13, "step", "s2", 3, state, None)]
        assert not msgspec.structs.replace(LANE, told=waiting).delivered


# Their side


def test_answer_is_recognised_by_what_may_be_read_of_it():
    assert answer() == answer(headers=(("content-type", "application/json"), ("Date", "tomorrow")))
    assert answer() != answer(headers=())
    assert answer() != answer(status=201)


@given(at=st.integers(0, len(RESPONSE.body) - 1), byte=st.integers(0, 255))
def test_every_byte_of_an_answer_counts(at, byte):
    body = bytes([*RESPONSE.body[:at], byte, *RESPONSE.body[at + 1 :]])
    assert (answer(body=body) == answer()) is (body == RESPONSE.body)


def test_recall_recognises_the_one_answer_and_keeps_the_last_one():
    known = Recall(b"ours", answer())
    assert known.recognises(RESPONSE)
    other = msgspec.structs.replace(RESPONSE, status=500)
    assert not known.recognises(other)
    assert known.theirs == answer_digest(other)
    assert not Recall(b"ours", None).recognises(RESPONSE)


# The rules


class Reader:
    """Counts how often it is asked for its rules."""

    shows_records = True
    rules = b"as they are"

    def __init__(self) -> None:
        self.asked = 0

    def encode_record(self, dossier: str, context: Context) -> Any:
        raise AssertionError("nobody asks")

    interpret_record = expected_record = encode_record

    def record_rules(self, context: Context) -> bytes:
        self.asked += 1
        return self.rules


def rules(reader: Any, context: Context = CONTEXT, version: str = "1.0") -> Rules:
    return Rules(reader, lambda: context, version=version)


def test_another_version_of_the_gateway_has_other_rules():
    assert rules(Reader()).digest() == rules(Reader()).digest()
    assert rules(Reader()).digest() != rules(Reader(), version="1.1").digest()
    assert rules(Reader()).digest() != Rules(Reader(), lambda: CONTEXT).digest()  # the installed one


def test_adapter_that_does_not_tell_its_rules_is_always_compared():
    class Silent:
        shows_records = True

    assert rules(Silent()).digest() is None


def test_rules_are_asked_for_once_a_day_and_catalogue():
    reader, lent = Reader(), {"context": CONTEXT}
    known = Rules(reader, lambda: lent["context"], version="1.0")
    known.digest()
    known.digest()
    assert reader.asked == 1
    lent["context"] = msgspec.structs.replace(CONTEXT, now=NOON + timedelta(hours=12))  # midnight in Viet Nam
    known.digest()
    assert reader.asked == 2
    before = known.digest()
    reader.rules = b"otherwise"
    lent["context"] = msgspec.structs.replace(lent["context"], catalogues={"procedure": {}})
    assert known.digest() != before
    assert reader.asked == 3


# The national portal's own


def told_rules(context: Context = CONTEXT, **settings: Any) -> bytes:
    adapter = portal.adapter(lookup_detail="echo", **settings)
    assert isinstance(adapter, TellsRules)
    return adapter.record_rules(context)


@pytest.mark.parametrize(
    "changes",
    [
        {"madonvi": "H98"},
        {"profile": "2019"},
        {"all_strings": True},
        {"default_actor": "Cán bộ"},
        {"reappointment_as": "omit"},
        {"identity_codes": {"personal_id": "9"}},
        {"unpaid_fees": True},
    ],
)
def test_other_settings_of_the_portal_are_other_rules(changes):
    assert told_rules(**changes) != told_rules()


def test_secret_of_the_portal_is_no_rule():
    assert told_rules(password=Secret("khac")) == told_rules()


def test_catalogue_of_the_portal_is_a_rule_by_what_it_holds():
    one, other = {"procedure": {"1.0": {"TENTTHC": "A"}}}, {"procedure": {"1.0": {"TENTTHC": "B"}}}
    first = told_rules(msgspec.structs.replace(CONTEXT, catalogues=one))
    assert first == told_rules(
        msgspec.structs.replace(CONTEXT, catalogues=msgspec.json.decode(msgspec.json.encode(one)))
    )
    assert first != told_rules(msgspec.structs.replace(CONTEXT, catalogues=other))
    assert first != told_rules()


def test_code_tables_of_the_portal_are_rules_by_the_day(tmp_path):
    rows = "code,wire,label,valid_from,valid_to\npost,1,,,2026-11-30\npost,3,,2026-12-01,\n"
    (tmp_path / "HinhThuc.csv").write_text(rows)
    december = msgspec.structs.replace(CONTEXT, now=datetime(2026, 11, 30, 17, 0, tzinfo=UTC))
    tomorrow = msgspec.structs.replace(CONTEXT, now=NOON + timedelta(days=1))
    first = told_rules(tables_dir=str(tmp_path))
    assert first != told_rules()
    assert first == told_rules(tomorrow, tables_dir=str(tmp_path))  # a day alone changes nothing
    assert first != told_rules(december, tables_dir=str(tmp_path))
