"""The local record: what a one-door system may send, and what is refused with the place of the mistake."""

import msgspec
import pytest

from gateway.domain import dossier as module
from gateway.domain.dossier import Dossier, Record

LEAST = {
    "code": "H99.14-260928-0007",
    "version": 1,
    "procedure": {"code": "1.000001"},
    "agency": {"code": "H99.14", "name": "Sở Tư pháp"},
    "channel": "counter",
    "applicant": {"kind": "citizen", "name": "Nguyễn Văn Thử"},
    "summary": "Cấp phiếu",
    "status": "received",
}


def read(**changes):
    return msgspec.json.decode(msgspec.json.encode({**LEAST, **changes}), type=Dossier)


def records():
    return [item for item in vars(module).values() if isinstance(item, type) and issubclass(item, Record)]


def test_least_record_is_enough():
    record = read()

    assert record.code == "H99.14-260928-0007"
    assert record.steps == []
    assert record.due_at is None


def test_record_survives_being_written_down():
    record = read(
        received_at="2026-09-28T08:05:00+07:00",
        steps=[{"id": "1", "at": "2026-09-28T08:05:00+07:00", "status": "received"}],
        fees=[{"id": "f", "name": "Lệ phí", "kind": "charge", "amount": 200000}],
    )

    assert msgspec.json.decode(msgspec.json.encode(record), type=Dossier) == record


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"code": ""}, "$.code"),
        ({"code": "H99 14"}, "$.code"),
        ({"code": "H99/14"}, "$.code"),
        ({"code": "-H99"}, "$.code"),
        ({"code": "H99\n"}, "$.code"),
        ({"code": "H" * 51}, "$.code"),
        ({"version": 0}, "$.version"),
        ({"version": 2**31}, "$.version"),
        ({"version": "1"}, "$.version"),
        ({"version": 1.5}, "$.version"),
        ({"channel": "pigeon"}, "$.channel"),
        ({"summary": "a\x00b"}, "$.summary"),
        ({"summary": "x" * 4001}, "$.summary"),
        ({"summary": None}, "$.summary"),
        ({"received_at": "2026-09-28T08:05:00"}, "$.received_at"),
        ({"received_at": "28/09/2026"}, "$.received_at"),
        ({"received_at": 1759021500}, "$.received_at"),
        ({"steps": {}}, "$.steps"),
        ({"steps": [{"id": "1", "at": "x", "status": "s"}]}, "$.steps[0].at"),
        ({"fees": [{"id": "f", "name": "n", "kind": "fee", "amount": -1}]}, "$.fees[0].amount"),
        ({"fees": [{"id": "f", "name": "n", "kind": "fee", "amount": 2**53}]}, "$.fees[0].amount"),
        ({"fees": [{"id": "f", "name": "n", "kind": "fee", "amount": 10.5}]}, "$.fees[0].amount"),
        ({"databases": ["a b"]}, "$.databases[0]"),
        ({"applicant": {"kind": "citizen", "name": ""}}, "$.applicant.name"),
        (
            {
                "applicant": {
                    "kind": "citizen",
                    "name": "A",
                    "identities": [{"kind": "passport", "number": "A\n1234"}],
                }
            },
            "$.applicant.identities[0].number",
        ),
        ({"documents": [{"id": "d", "name": "n", "file": {"url": "ftp://x"}}]}, "$.documents[0].file.url"),
    ],
)
def test_mistake_is_refused_with_its_place(changes, place):
    with pytest.raises(msgspec.ValidationError) as caught:
        read(**changes)

    assert f"`{place}`" in str(caught.value)


def test_unknown_fields_are_refused_everywhere():
    assert all(kind.__struct_config__.forbid_unknown_fields for kind in records())
    with pytest.raises(msgspec.ValidationError, match="stauts"):
        read(stauts="received")


def test_records_are_immutable_and_made_by_keyword():
    assert all(kind.__struct_config__.frozen for kind in records())
    with pytest.raises(TypeError):
        module.Agency("H99.14", "Sở Tư pháp")
    with pytest.raises(AttributeError):
        read().status = "finished"


def test_every_list_and_text_has_a_bound():
    """A body limit alone does not keep one field from filling a database row."""
    schema = msgspec.json.schema(Dossier)
    unbounded = [
        f"{name}.{field}"
        for name, kind in schema["$defs"].items()
        for field, rule in kind.get("properties", {}).items()
        if rule.get("type") == "string" and not {"maxLength", "format", "pattern", "enum"} & set(rule)
    ]

    assert unbounded == []
