"""W3C trace contexts, and which journeys are recorded."""

import pytest

from gateway.telemetry.tracing import OFF, Drawing, Place, plain_code, read_traceparent, within

TRACE, SPAN = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_place_is_written_as_it_is_read():
    place = read_traceparent(GIVEN)
    assert place == Place(TRACE, SPAN, sampled=True)
    assert place.traceparent == GIVEN


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (GIVEN[:-2] + "00", False),
        (GIVEN[:-2] + "03", True),
        ("cc" + GIVEN[2:] + "-what-will-come", True),
        (f" {GIVEN}\t", True),
    ],
)
def test_flags_and_later_versions_are_understood(text, sampled):
    assert read_traceparent(text) == Place(TRACE, SPAN, sampled=sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        GIVEN + "-more",
        "ff" + GIVEN[2:],
        GIVEN.upper(),
        GIVEN.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        GIVEN.replace("00f067aa0ba902b7", "0" * 16),
        GIVEN[:-1],
        "00-" + "g" * 32 + "-00f067aa0ba902b7-01",
        "012345678901;<script>",
    ],
)
def test_what_is_no_place_is_none(text):
    assert read_traceparent(text) is None


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_share_of_the_journeys_is_recorded(ratio):
    drawing = Drawing(ratio)
    places = [drawing.root() for _ in range(4000)]

    assert sum(place.sampled for place in places) / 4000 == pytest.approx(ratio, abs=0.05)
    assert len({place.trace for place in places}) == len({place.span for place in places}) == 4000


@pytest.mark.parametrize("sampled", [True, False])
def test_who_began_the_journey_decides(sampled):
    place = Drawing(0.0 if sampled else 1.0).root(Place(TRACE, SPAN, sampled))

    assert (place.trace, place.sampled) == (TRACE, sampled)
    assert place.span not in {0, SPAN}


def test_span_that_is_named_is_the_same_in_every_process():
    place = Place(TRACE, SPAN, sampled=True)
    assert within(place, "delivery 7") == within(place, "delivery 7") != within(place, "delivery 8")
    assert (
        within(place, "delivery 7").traceparent == "00-4bf92f3577b34da6a3ce929d0e0e4736-46e8ac5d87ed19f2-01"
    )


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("E_102", "E_102"),
        ("-1", "-1"),
        ("Công dân không tồn tại", "unprintable"),
        ("0123 456", "unprintable"),
    ],
)
def test_words_of_a_partner_are_no_code(code, told):
    assert plain_code(code) == told


def test_switched_off_there_is_no_place():
    assert not OFF.on
    assert not OFF.root(Place(TRACE, SPAN, sampled=True)).sampled
