"""One curve as a small SVG that takes its colours from the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from modgan.train.markup import Markup, tag

WIDTH, HEIGHT = 320, 160
LEFT, TOP, RIGHT, BOTTOM = 46, 8, 300, 138  # the frame of the curve
MOST = 200  # points drawn; of more rows, the mean and the range of neighbours
FEW = 20  # up to so many points are marked
HUGE = 1e300  # from here on differences overflow
Point = tuple[int, float]


def chart(points: Sequence[Point], steps: tuple[int, int], label: str) -> Markup:
    """The values at `points` over the range `steps`; `label` says it to those who cannot see."""
    low, high = _padded(min(y for _, y in points), max(y for _, y in points))
    first, last = _padded(*steps)

    def x(step: float) -> str:
        return f"{LEFT + (step - first) / (last - first) * (RIGHT - LEFT):.1f}"

    def y(value: float) -> str:
        return f"{BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP):.1f}"

    values, steps_named = named(ticks(low, high)), named(ticks(first, last))
    across = [tag("path", d=f"M{LEFT} {y(v)}H{RIGHT}", class_="grid") for v in values]
    left = [_text(name, LEFT - 6, float(y(v)) + 4, "end") for v, name in values.items()]
    below = [_text(name, x(v), BOTTOM + 16, "middle") for v, name in steps_named.items()]
    groups = thinned(points)
    band = [f"{x(step)},{y(top)}" for step, _, _, top in groups]
    band += [f"{x(step)},{y(bottom)}" for step, bottom, _, _ in reversed(groups)]
    shade = [tag("polygon", points=" ".join(band), class_="band")] if len(points) > MOST else []
    line = " ".join(f"{x(step)},{y(mean)}" for step, _, mean, _ in groups)
    marked = points if len(points) <= FEW else []
    dots = [tag("circle", cx=x(at), cy=y(v), r=2.5, class_="dot") for at, v in marked]
    return tag(
        "svg",
        *across,
        *left,
        *below,
        *shade,
        tag("polyline", points=line, class_="line"),
        *dots,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=label,
    )


def thinned(points: Sequence[Point]) -> list[tuple[float, float, float, float]]:
    """(step, lowest, mean, highest) of at most MOST groups of neighbours."""
    count = min(MOST, len(points))
    cuts = [len(points) * at // count for at in range(count + 1)]
    groups = [points[a:b] for a, b in pairwise(cuts)]
    return [
        (
            sum(step for step, _ in group) / len(group),
            min(y for _, y in group),
            sum(y / len(group) for _, y in group),
            max(y for _, y in group),
        )
        for group in groups
    ]


def ticks(low: float, high: float) -> list[float]:
    """2 to 6 round numbers from `low` to `high`."""
    unit = 10.0 ** math.floor(math.log10((high - low) / 5))
    unit *= next(k for k in (1, 2, 5, 10, 20) if (high - low) / (unit * k) <= 5)
    return [k * unit for k in range(math.ceil(low / unit), math.floor(high / unit) + 1)]


def named(values: Sequence[float]) -> dict[float, str]:
    """The numbers of an axis as they stand there: long ones in thousands (k) or millions (M)."""
    most = max(map(abs, values), default=0.0)
    units = ((1e10, 1.0, ""), (1e6, 1e6, "M"), (1e4, 1e3, "k"), (0.0, 1.0, ""))
    unit, word = next((unit, word) for least, unit, word in units if most >= least)
    return {value: f"{value / unit:.10g}{word}" if value else "0" for value in values}


def short(value: float) -> str:
    """A number for people: four digits, all of them before the point."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"


def _padded(low: float, high: float) -> tuple[float, float]:
    """A range that is not empty, so that a constant lies in its middle."""
    if high - low > 1e-9 * max(abs(low), abs(high), 1e-90):
        return low, high
    margin = abs(low) / 10 if abs(low) > 1e-90 else 1.0
    return low - margin, high + margin


def _text(text: str, x: object, y: object, anchor: str) -> Markup:
    return tag("text", text, x=x, y=y, text_anchor=anchor)
