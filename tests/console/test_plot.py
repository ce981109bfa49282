"""From numbers to inline SVG."""

import re
from xml.etree import ElementTree as ET

import pytest

from gateway.console.plot import Bar, Part, Point, bars, gaps, line, share, sparkline

HOSTILE = "\"><script>alert(1)</script> & 'x'"
EVERY = (
    lambda words: line([Point(0, 1.0), Point(1, 2.0)], words),
    lambda words: sparkline([1, 2, 3], words),
    lambda words: bars([Bar(words, 1)], words),
    lambda words: share([Part(words, 1)], words),
)


def read(svg):
    return ET.fromstring(svg)  # noqa: S314 - what we have drawn ourselves


def paths(svg, kind):
    return [each.get("d") for each in read(svg).iter("path") if each.get("class") == kind]


def rects(svg):
    return [
        {name: float(each.get(name)) for name in ("x", "y", "width", "height")}
        for each in read(svg).iter("rect")
    ]


@pytest.mark.parametrize("draw", EVERY)
def test_plot_says_what_it_shows_and_has_no_style(draw):
    svg = draw("Tồn đọng: 3 hồ sơ")
    root = read(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Tồn đọng: 3 hồ sơ"
    assert root.find("title").text == "Tồn đọng: 3 hồ sơ"
    assert "style" not in svg
    assert root.find("text") is None


@pytest.mark.parametrize("draw", EVERY)
def test_hostile_words_stay_words(draw):
    svg = draw(HOSTILE)
    assert "<script" not in svg
    assert read(svg).get("aria-label") == HOSTILE


@pytest.mark.parametrize(
    "svg", [line([], "x"), sparkline([], "x"), bars([], "x"), share([], "x"), share([Part("a", 0)], "x")]
)
def test_nothing_measured_is_an_empty_plot(svg):
    assert read(svg).find("path") is None
    assert rects(svg) == []


def test_highest_point_is_at_the_top_and_nothing_at_the_ground():
    (path,) = paths(line([Point(0, 0.0), Point(10, 50.0), Point(20, 100.0)], "x"), "line")
    assert path == "M0 118L300 60L600 2"


def test_line_breaks_where_nothing_was_measured():
    svg = line([Point(0, 1.0), Point(1, 1.0), Point(2, None), Point(3, 1.0), Point(4, 1.0)], "x")
    assert len(paths(svg, "line")) == 2
    assert all(path.endswith("Z") for path in paths(svg, "area"))


def test_lone_measurement_is_seen():
    (path,) = paths(sparkline([None, 5, None], "x"), "line")
    (left, right) = (float(part.split()[0]) for part in path[1:].split("L"))
    assert left < 300 < right


def test_level_stretch_costs_two_points_however_long():
    (path,) = paths(sparkline([7] * 1440, "x"), "line")
    assert path == "M0 2L600 2"


def test_bars_share_the_width_and_stand_on_the_ground():
    found = rects(bars([Bar("a", 5, "good"), Bar("b", 10, "bad"), Bar("c", 0), Bar("d", -3)], "x"))
    assert [each["height"] for each in found] == [60, 120]
    assert all(each["y"] + each["height"] == 120 for each in found)
    assert found[0]["x"] + found[0]["width"] < found[1]["x"]


def test_least_height_keeps_small_numbers_small():
    assert rects(bars([Bar("a", 1)], "x", top=10))[0]["height"] == 12
    (path,) = paths(line([Point(0, 1.0), Point(1, 1.0)], "x", top=116), "line")
    assert path.startswith("M0 117")


def test_parts_fill_the_whole_without_a_hole():
    found = rects(share([Part("a", 1, "good"), Part("none", 0), Part("b", 3, "bad")], "x"))
    assert [(each["x"], each["width"]) for each in found] == [(0, 150), (150, 450)]


def test_part_of_it_has_its_words_and_its_kind():
    root = read(share([Part("đúng hạn 1", 1, "good")], "x"))
    rect = root.find("rect")
    assert rect.get("class") == "bar good"
    assert rect.find("title").text == "đúng hạn 1"


def test_time_without_a_measurement_is_a_gap():
    found = gaps([Point(0, 1.0), Point(60, 2.0), Point(600, 3.0)], 90)
    assert found == [Point(0, 1.0), Point(60, 2.0), Point(60, None), Point(600, 3.0)]
    assert gaps([], 90) == []


def test_numbers_are_short():
    svg = line([Point(0, 1 / 3), Point(1 / 7, 2 / 3), Point(1, 1.0)], "x")
    assert not re.search(r"\d\.\d\d", svg)
