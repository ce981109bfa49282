"""Four eyes: whoever could be the same person is."""

import pytest

from gateway.domain.persons import same_person


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cli:an", "cli:an"),
        ("cli:an", "cli:An"),
        ("cli:an", "ops/an"),
        ("one-door/an", "console/an"),
        ("ops", "ops"),
        ("ops", "ops/an"),
        ("ops/an", "ops"),
        ("OPS/an", "ops/AN"),
        ("ops/tran.thi.mau", "ops/tran-thi-mau"),
        ("ops/tran.thi.mau", "console/tranthimau"),
        ("cli:Trần Thị Mẫu", "ops/tran.thi.mau"),
        ("cli:Đỗ Văn Thử", "cli:do.van.thu"),
        ("cli:an", "cli:an/"),
        ("cli:an ", "cli: an"),
        ("ops/an@stc.h99.example", "ops/an"),
        ("ops/an@stc.h99.example", "cli:An@STC.h99.example"),
    ],
)
def test_who_could_be_the_same_person_does_not_decide(one, other):
    why = same_person(one, other)
    assert "must decide" in why
    assert one in why


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cli:an", "cli:binh"),
        ("ops/an", "ops/binh"),
        ("ops", "finance"),
        ("ops", "finance/an"),
        ("cli:an", "ops"),
        ("cli:an", "ops/binh"),
        ("ops/an@stc.h99.example", "ops/an@sxd.h99.example"),
        ("ops/tran.thi.mau", "ops/tran.thi.mau2"),
        ("cli:...", "cli:---"),
    ],
)
def test_two_people_may(one, other):
    assert same_person(one, other) == ""
