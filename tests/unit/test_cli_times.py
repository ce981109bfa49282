"""Days and instants as they are typed after a command."""

from datetime import UTC, date, datetime, timedelta

import pytest
import typer

from gateway.cli.times import in_vietnam, typed_day, typed_instant, yesterday


def test_what_is_left_out_is_nothing() -> None:
    assert typed_day(None, "--from") is None
    assert typed_instant(None, "--since") is None
    assert in_vietnam(None) is None


def test_days_and_instants_are_read() -> None:
    assert typed_day("2026-03-31", "--from") == date(2026, 3, 31)
    assert typed_instant("2026-03-31T17:00:00+07:00", "--since") == datetime(2026, 3, 31, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "told"),
    [("soon", "--since: got soon, expected an instant like"), ("2026-03-31T17:00:00", "has no offset")],
)
def test_an_instant_that_cannot_be_understood_is_told_with_its_option(text: str, told: str) -> None:
    with pytest.raises(typer.BadParameter, match=told):
        typed_instant(text, "--since")


def test_a_day_that_cannot_be_understood_is_told_with_its_option() -> None:
    with pytest.raises(typer.BadParameter, match="--from: got 31/3, expected a day like"):
        typed_day("31/3", "--from")


def test_without_an_offset_it_is_viet_nams_time() -> None:
    typed = datetime(2026, 3, 31, 17)  # noqa: DTZ001 - as it is typed
    assert in_vietnam(typed) == datetime(2026, 3, 31, 10, tzinfo=UTC)
    assert in_vietnam(typed.replace(tzinfo=UTC)) == typed.replace(tzinfo=UTC)


def test_yesterday_is_the_day_in_viet_nam_that_is_over() -> None:
    before = datetime.now(UTC) + timedelta(hours=7)
    found = yesterday() + timedelta(days=1)
    assert before.date() <= found <= (datetime.now(UTC) + timedelta(hours=7)).date()
