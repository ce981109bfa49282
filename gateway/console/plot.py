"""From numbers to inline SVG: lines, bars and shares of a whole.

Invariant: nothing in a plot is text (that stands beside it as HTML, so it is as large on a phone as anywhere), nothing
has a style of its own, and every plot says in words what it shows. Words come in already said; they are escaped here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from markupsafe import Markup, escape

Kind = Literal["plain", "good", "warn", "bad", "quiet"]
WIDTH, HEIGHT = 600, 120
_EDGE = 2.0  # so that a line at the very top or bottom is not cut in half
_GAP = 0.2  # of a bar's place
_FRAME = Markup(
    '<svg class="{classes}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
    'aria-label="{words}"><title>{words}</title>{content}</svg>'
)
_PATH = Markup('<path class="{classes}" d="{path}"/>')
_BAR = Markup(
    '<rect class="bar {kind}" x="{x}" y="{y}" width="{width}" height="{height}"><title>{words}</title></rect>'
)
_GROUND = Markup('<line class="axis" x1="0" y1="{y}" x2="{width}" y2="{y}"/>')


class Point(NamedTuple):
    """One measurement. ``at``: where it is, in any unit that grows. ``value`` None: nothing was measured there."""

    at: float
    value: float | None


class Bar(NamedTuple):
    """One bar. ``words``: what it says when it is pointed at, its value included."""

    words: str
    value: float
    kind: Kind = "plain"


class Part(NamedTuple):
    """One part of a whole."""

    words: str
    value: float
    kind: Kind = "plain"


def line(points: Sequence[Point], words: str, *, top: float = 0.0) -> Markup:
    """A line over the time, with the area below it; it breaks where nothing was measured.

    ``words``: what the plot shows, for those who do not see it. ``top``: the least that the height stands for.
    """
    return _drawn("plot wide", words, _curve(points, top=top, width=WIDTH, height=HEIGHT))


def sparkline(values: Sequence[float | None], words: str) -> Markup:
    """A line of the size of a word, one value after the other at even distance."""
    points = [Point(place, value) for place, value in enumerate(values)]
    return _drawn("plot spark", words, _curve(points, top=0.0, width=WIDTH, height=HEIGHT))


def bars(each: Sequence[Bar], words: str, *, top: float = 0.0) -> Markup:
    """Bars side by side, from the left; what is negative has no height."""
    highest = max((bar.value for bar in each), default=0.0)
    scale = _scale(max(highest, top), HEIGHT)
    place = WIDTH / max(1, len(each))
    drawn = [
        _BAR.format(
            kind=bar.kind,
            x=_short(place * (index + _GAP / 2)),
            y=_short(HEIGHT - bar.value * scale),
            width=_short(place * (1 - _GAP)),
            height=_short(bar.value * scale),
            words=bar.words,
        )
        for index, bar in enumerate(each)
        if bar.value > 0
    ]
    return _drawn("plot wide", words, [*drawn, _GROUND.format(y=HEIGHT, width=WIDTH)])


def share(parts: Sequence[Part], words: str) -> Markup:
    """One bar of a whole, cut into ``parts`` in their order; without anything in it, an empty one."""
    whole = sum(max(0.0, part.value) for part in parts)
    return _drawn("plot share", words, list(_cut(parts, whole)) if whole else [])


def _cut(parts: Sequence[Part], whole: float) -> Iterator[Markup]:
    begin = 0.0
    for part in parts:
        width = WIDTH * max(0.0, part.value) / whole
        if width:
            yield _BAR.format(
                kind=part.kind, x=_short(begin), y=0, width=_short(width), height=HEIGHT, words=part.words
            )
        begin += width


def _curve(points: Sequence[Point], *, top: float, width: int, height: int) -> list[Markup]:
    known = [point.value for point in points if point.value is not None]
    first, last = (points[0].at, points[-1].at) if points else (0.0, 0.0)
    stretch = width / (last - first) if last > first else 0.0
    scale = _scale(max([top, *known]), height - 2 * _EDGE)
    drawn = [_GROUND.format(y=height, width=width)]
    for run in _runs(points):
        places = [
            ((at - first) * stretch, height - _EDGE - max(0.0, value or 0.0) * scale) for at, value in run
        ]
        if len(places) == 1:  # a lone measurement is a short stroke, else it would not be seen
            ((x, y),) = places
            places = [(max(0.0, x - _EDGE), y), (min(float(width), x + _EDGE), y)]
        path = _path(places)
        ground = f"L{_short(places[-1][0])} {height}L{_short(places[0][0])} {height}Z"
        drawn += [_PATH.format(classes="area", path=path + ground), _PATH.format(classes="line", path=path)]
    return drawn


def _runs(points: Sequence[Point]) -> Iterator[list[Point]]:
    """The stretches in which everything was measured."""
    run: list[Point] = []
    for point in points:
        if point.value is None:
            if run:
                yield run
            run = []
        else:
            run.append(point)
    if run:
        yield run


def _path(places: Sequence[tuple[float, float]]) -> str:
    """A line through ``places``; what lies on a level stretch is left out."""
    kept = [
        place
        for index, place in enumerate(places)
        if index in {0, len(places) - 1} or not places[index - 1][1] == place[1] == places[index + 1][1]
    ]
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in kept)


def _scale(top: float, height: float) -> float:
    return height / top if top > 0 else 0.0


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _drawn(classes: str, words: str, content: Sequence[Markup]) -> Markup:
    return _FRAME.format(
        classes=classes, width=WIDTH, height=HEIGHT, words=escape(words), content=Markup("").join(content)
    )


def gaps(points: Sequence[Point], longest: float) -> list[Point]:
    """``points`` with a break wherever more than ``longest`` lies between two of them: nothing is made up there."""
    if not points:
        return []
    found = [points[0]]
    for before, after in pairwise(points):
        if after.at - before.at > longest:
            found.append(Point(before.at, None))
        found.append(after)
    return found
