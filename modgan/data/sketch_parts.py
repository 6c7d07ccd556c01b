"""Eight kinds of things that are drawn in outline and coloured in.

Each is a list of parts, back to front, in a frame of its own: facing right, y down. A part says
which tone of a palette fills it; every part is outlined in ink. What varies continuously comes
from details, numbers in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modgan.data.portrait_parts import Pair, Points, closed_curve, open_curve

TONES = ("ink", "main", "light", "deep", "accent", "pale")
DETAILS = 6  # numbers that vary a thing, each in [-1, 1]
_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 40)) for f in (np.cos, np.sin)], axis=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A filled and outlined shape, or an open line of ink where `open` says so."""

    tone: str  # of TONES
    points: Points
    marks: tuple[Part, ...] = ()  # lie on it, and end where it does
    open: bool = False


Details = tuple[float, ...]


def _blob(tone: str, *points: Pair, marks: tuple[Part, ...] = ()) -> Part:
    return Part(tone, closed_curve(points), marks)


def _corners(tone: str, *points: Pair, marks: tuple[Part, ...] = ()) -> Part:
    return Part(tone, np.array(points, dtype=np.float64), marks)


def _box(tone: str, left: float, top: float, right: float, bottom: float) -> Part:
    return _corners(tone, (left, top), (right, top), (right, bottom), (left, bottom))


def _ball(
    tone: str, x: float, y: float, rx: float, ry: float = 0.0, marks: tuple[Part, ...] = ()
) -> Part:
    return Part(tone, _CIRCLE * (rx, ry or rx) + (x, y), marks)


def _line(*points: Pair) -> Part:
    return Part("ink", open_curve(points), open=True)


def _limb(tone: str, wide: Pair, *points: Pair) -> Part:
    """A bent strip, `wide` at its start and its end."""
    line = open_curve(points)
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.hypot(across[:, 0], across[:, 1])[:, None]
    half = np.linspace(wide[0] / 2, wide[1] / 2, len(line))[:, None]
    return Part(tone, np.concatenate([line + half * across, (line - half * across)[::-1]]))


def _mirrored(part: Part) -> Part:
    marks = tuple(_mirrored(mark) for mark in part.marks)
    return Part(part.tone, part.points * (-1.0, 1.0), marks, part.open)


def _eye(x: float, y: float, size: float) -> tuple[Part, ...]:
    return _ball("pale", x, y, size), _ball("ink", x + 0.25 * size, y, 0.42 * size)


def fish(d: Details) -> list[Part]:
    """A fish with stripes: length, height, tail, fins, stripes and the eye's size vary."""
    x, y = 1.0 + 0.14 * d[0], 0.62 + 0.2 * d[1]
    tail, fin, first, wide = 0.46 + 0.14 * d[2], 0.3 + 0.12 * d[3], -0.08 + 0.08 * d[4], 0.13
    bands = [
        _blob("accent", (at, -1.0), (at + wide, -0.4), (at + 1.5 * wide, 0.0), (at + wide, 0.4),
              (at, 1.0), (at - wide, 0.5), (at, 0.0), (at - wide, -0.5))
        for at in (first, first - 0.46)
    ]  # fmt: skip
    body = [(x, 0.06), (0.72 * x, -0.62 * y), (0.1, -y), (-0.5 * x, -0.66 * y), (-x, -0.12),
            (-x, 0.12), (-0.5 * x, 0.66 * y), (0.1, y), (0.72 * x, 0.66 * y)]  # fmt: skip
    return [
        _blob("deep", (-0.86 * x, 0.0), (-x - 0.3, -tail), (-x - 0.42, -0.9 * tail), (-x - 0.24, 0),
              (-x - 0.42, 0.9 * tail), (-x - 0.3, tail)),
        _blob("deep", (0.5, -0.7 * y), (0.2, -y - 0.7 * fin), (-0.3, -y - 1.2 * fin),
              (-0.62, -y - 1.1 * fin), (-0.46, -0.5 * y)),
        _blob("deep", (0.16, 0.8 * y), (-0.14, y + 0.6 * fin), (-0.5, y + 0.9 * fin),
              (-0.36, 0.6 * y)),
        _blob("main", *body, marks=tuple(bands)),
        _blob("light", (0.36, 0.12), (0.2, 0.34), (-0.12, 0.44), (-0.22, 0.3), (0.02, 0.1)),
        *_eye(0.56 * x, -0.2 * y, 0.16 + 0.03 * d[5]),
        _line((0.98 * x, 0.2), (0.84 * x, 0.3), (0.68 * x, 0.26)),
    ]  # fmt: skip


def teapot(d: Details) -> list[Part]:
    """A teapot with a band: width, height, spout, handle, lid and band vary."""
    x, y, top = 0.74 + 0.12 * d[0], 0.72 + 0.16 * d[1], 0.42 + 0.06 * d[4]
    rise, loop, band = -0.42 + 0.16 * d[2], 0.44 + 0.12 * d[3], 0.1 + 0.14 * d[5]
    dots = [_ball("pale", at, band, 0.1) for at in np.linspace(-0.6, 0.6, 4)]
    belt = _blob("accent", (-1.2, band - 0.2), (0, band - 0.17), (1.2, band - 0.2),
                 (1.2, band + 0.2), (0, band + 0.23), (-1.2, band + 0.2))  # fmt: skip
    return [
        _limb("deep", (0.17, 0.17), (-0.7 * x, -0.42 * y), (-x - 0.7 * loop, -0.62 * y),
              (-x - loop, 0.0), (-x - 0.5 * loop, 0.5 * y), (-0.66 * x, 0.6 * y)),
        _limb("deep", (0.5, 0.17), (0.62 * x, 0.34), (x + 0.16, 0.16), (x + 0.34, 0.5 * rise),
              (x + 0.56, rise - 0.06)),
        _box("deep", -0.42 * x, 0.8 * y, 0.42 * x, y + 0.1),
        _blob("main", (0, -y), (0.62 * x, -0.8 * y), (x, -0.05), (0.76 * x, 0.7 * y), (0, y),
              (-0.76 * x, 0.7 * y), (-x, -0.05), (-0.62 * x, -0.8 * y), marks=(belt, *dots)),
        _ball("accent", 0, -y - 0.32, 0.13),
        _blob("light", (-top, -0.84 * y), (-0.8 * top, -y - 0.08), (0, -y - 0.2),
              (0.8 * top, -y - 0.08), (top, -0.84 * y), (0, -0.78 * y)),
    ]  # fmt: skip


def house(d: Details) -> list[Part]:
    """A house: width, roof, chimney, door, window and the place of the door vary."""
    x, low, ridge = 0.78 + 0.18 * d[0], 0.9, -0.84 - 0.26 * d[1]
    eaves, stack = -0.16, 0.42 + 0.12 * d[2]
    door, high = 0.42 * x, x * (0.25 + 0.07 * d[3])
    pane, left = x * (0.29 + 0.04 * d[4]), -0.46 * x
    glass, lintel = 0.36, low - 0.66 - 0.06 * d[5]
    return [
        _box("accent", stack - 0.15, ridge + 0.02, stack + 0.15, -0.2),
        _box("deep", stack - 0.2, ridge - 0.06, stack + 0.2, ridge + 0.1),
        _box("light", -x, eaves - 0.1, x, low),
        _corners("main", (0, ridge), (x + 0.26, eaves + 0.06), (-x - 0.26, eaves + 0.06)),
        _ball("pale", 0, 0.56 * eaves + 0.44 * ridge + 0.04, 0.21 * (eaves - ridge)),
        _blob("accent", (door - high, low), (door - high, lintel + 0.1), (door, lintel - 0.04),
              (door + high, lintel + 0.1), (door + high, low), (door, low)),
        _ball("ink", door - 0.5 * high, low - 0.3, 0.035),
        _box("pale", left - pane, glass - pane, left + pane, glass + pane),
        _line((left, glass - pane), (left, glass + pane)),
        _line((left - pane, glass), (left + pane, glass)),
        _box("deep", -x - 0.08, low - 0.06, x + 0.08, low + 0.08),
    ]  # fmt: skip


def butterfly(d: Details) -> list[Part]:
    """A butterfly: both pairs of wings, their spots, the feelers and the body vary."""
    x, y, low = 1.0 + 0.14 * d[0], 0.92 + 0.16 * d[1], 0.86 + 0.2 * d[2]
    spot, feeler, thick = 0.2 + 0.05 * d[3], 0.36 + 0.12 * d[4], 0.13 + 0.02 * d[5]
    upper = _blob(
        "main", (0.05, 0.06), (0.2, -0.5 * y), (0.62 * x, -0.98 * y), (x, -0.92 * y),
        (1.06 * x, -0.5 * y), (0.72 * x, -0.02), (0.3, 0.16),
        marks=(_ball("accent", 0.68 * x, -0.58 * y, spot), _ball("pale", 0.36 * x, -0.3, 0.11)),
    )  # fmt: skip
    lower = _blob(
        "light", (0.05, 0.02), (0.46, 0.06), (0.78 * x, 0.2), (0.8 * x, 0.66 * low),
        (0.5 * x, low), (0.22, 0.62 * low),
        marks=(_ball("accent", 0.5 * x, 0.56 * low, 0.7 * spot),),
    )  # fmt: skip
    horn = _line((0.03, -0.4), (0.1, -0.5 - 0.6 * feeler), (0.22, -0.56 - feeler))
    tip = _ball("ink", 0.22, -0.56 - feeler, 0.05)
    wings = [lower, _mirrored(lower), upper, _mirrored(upper)]
    return [
        *wings, horn, _mirrored(horn), tip, _mirrored(tip),
        _ball("deep", 0, 0.18, thick, 0.6), _ball("deep", 0, -0.42, 0.17),
    ]  # fmt: skip


def car(d: Details) -> list[Part]:
    """A car: length, height, cabin, wheels, bonnet and the place of the cabin vary."""
    x, roof, wheel = 1.08 + 0.18 * d[0], -0.64 - 0.16 * d[1], 0.27 + 0.04 * d[3]
    at, wide, hood = -0.12 + 0.1 * d[5], 0.5 + 0.06 * d[2], -0.02 + 0.06 * d[4]
    low, post = 0.42, at + 0.02
    axles = (-0.62 * x, 0.6 * x)
    sill = hood + 0.04
    wheels = [
        part for k in axles for part in (_ball("deep", k, low, wheel), _ball("pale", k, low, 0.11))
    ]
    return [
        _corners("main", (at - wide - 0.16, hood + 0.1), (at - wide + 0.08, roof),
                 (at + wide - 0.1, roof), (at + wide + 0.26, hood + 0.1)),
        _corners("pale", (at - wide + 0.04, sill), (at - wide + 0.17, roof + 0.14),
                 (post - 0.05, roof + 0.14), (post - 0.05, sill)),
        _corners("pale", (post + 0.07, sill), (post + 0.07, roof + 0.14),
                 (at + wide - 0.17, roof + 0.14), (at + wide + 0.04, sill)),
        _blob("main", (-x, 0.06), (-0.9 * x, hood + 0.02), (-0.3, hood), (0.3, hood),
              (0.8 * x, hood + 0.08), (x, 0.24), (0.98 * x, low), (0.4, low + 0.04),
              (-0.4, low + 0.04), (-0.98 * x, low)),
        _line((post + 0.01, hood + 0.06), (post + 0.01, low - 0.02)),
        _line((post - 0.26, 0.16), (post - 0.12, 0.16)),
        _ball("accent", 0.9 * x, 0.2, 0.1, 0.11),
        _box("accent", -x - 0.03, 0.12, -0.9 * x, 0.3),
        *wheels,
    ]  # fmt: skip


def mushroom(d: Details) -> list[Part]:
    """Two mushrooms: cap, height, stem, spots and the small one's place and size vary."""
    x, top, stem = 0.84 + 0.14 * d[0], -0.86 - 0.22 * d[1], 0.24 + 0.07 * d[2]
    rim, spot, low = -0.04, 0.17 + 0.03 * d[3], 0.9
    small, size = -0.74 - 0.1 * d[4], 0.4 + 0.06 * d[5]
    spots = [
        _ball("pale", -0.5 * x, rim - 0.3, spot, 0.9 * spot),
        _ball("pale", 0.06 * x, 0.62 * top, 1.2 * spot, spot),
        _ball("pale", 0.56 * x, rim - 0.26, 0.9 * spot),
        _ball("pale", 0.04, rim - 0.12, 0.6 * spot, 0.5 * spot),
    ]
    return [
        _blob("pale", (-stem, rim), (stem, rim), (0.86 * stem, 0.5), (1.3 * stem, low),
              (0, low + 0.06), (-1.3 * stem, low), (-0.86 * stem, 0.5)),
        _blob("light", (-0.8 * x, rim + 0.02), (0, rim - 0.12), (0.8 * x, rim + 0.02),
              (0, rim + 0.22)),
        _blob("main", (-x, rim), (-0.86 * x, 0.56 * top), (-0.4 * x, 0.94 * top), (0, top),
              (0.4 * x, 0.94 * top), (0.86 * x, 0.56 * top), (x, rim), (0.5 * x, rim + 0.06),
              (0, rim + 0.03), (-0.5 * x, rim + 0.06), marks=tuple(spots)),
        _blob("pale", (small - 0.09, 0.5), (small + 0.09, 0.5), (small + 0.1, low),
              (small - 0.1, low)),
        _blob("accent", (small - size * 0.8, 0.6), (small - 0.6 * size, 0.6 - 0.7 * size),
              (small, 0.6 - size), (small + 0.6 * size, 0.6 - 0.7 * size),
              (small + size * 0.8, 0.6), (small, 0.64)),
        _corners("deep", (0.46, low + 0.04), (0.42, 0.6), (0.6, 0.78), (0.68, 0.44), (0.78, 0.76),
                 (0.98, 0.56), (0.92, low + 0.04)),
    ]  # fmt: skip


def snail(d: Details) -> list[Part]:
    """A snail: shell, turns of its spiral, neck, feelers, tail and head vary."""
    r, turns, neck = 0.66 + 0.1 * d[0], 2.1 + 0.4 * d[1], -0.22 - 0.2 * d[2]
    feeler, tail, head = 0.4 + 0.1 * d[3], 1.2 + 0.14 * d[4], 0.24 + 0.03 * d[5]
    t = np.linspace(0, 1, 60)
    angle = 2 * math.pi * turns * t + 0.5 * math.pi
    away = r * (1 - 0.88 * t**0.75)
    x, y = -0.2, 0.74 - r
    spiral = np.stack([x + away * np.cos(angle), y + away * np.sin(angle)], axis=1)
    face = 0.92
    return [
        _limb("light", (0.07, 0.07), (face - 0.06, neck), (face - 0.1, neck - 0.7 * feeler),
              (face - 0.16, neck - feeler)),
        _limb("light", (0.07, 0.07), (face + 0.1, neck), (face + 0.16, neck - 0.7 * feeler),
              (face + 0.26, neck - 0.9 * feeler)),
        _ball("ink", face - 0.16, neck - feeler, 0.08),
        _ball("ink", face + 0.26, neck - 0.9 * feeler, 0.08),
        _blob("light", (-tail, 0.86), (-0.7, 0.62), (0.2, 0.56), (0.56, 0.36),
              (face - head, neck + 0.08), (face, neck - head), (face + head, neck + 0.06),
              (face + 0.1, 0.5), (0.7, 0.84), (0.1, 0.92), (-0.6, 0.92)),
        _line((face - 0.06, neck + 0.16), (face + 0.06, neck + 0.22), (face + 0.16, neck + 0.12)),
        _ball("main", x, y, r, marks=(_ball("accent", x, y, 0.3 * r),)),
        Part("ink", spiral, open=True),
    ]  # fmt: skip


def rocket(d: Details) -> list[Part]:
    """A rocket: width, height, nose, fins, window and flame vary."""
    x, low, tip = 0.42 + 0.08 * d[0], 0.66, -1.14 - 0.2 * d[1]
    nose, fin, flame = -0.6 - 0.1 * d[2], 0.42 + 0.14 * d[3], 0.66 + 0.18 * d[4]
    glass = 0.2 + 0.03 * d[5]
    wing = _blob("deep", (0.8 * x, 0.04), (x + fin, 0.5), (x + 0.95 * fin, 0.92), (0.7 * x, 0.62))
    cone = _corners("accent", (-1, -2), (1, -2), (1, nose), (-1, nose))
    belt = _corners("light", (-1, 0.42), (1, 0.42), (1, 2), (-1, 2))
    return [
        _blob("accent", (-0.2, low), (0.2, low), (0.25, low + 0.5 * flame), (0.04, low + flame),
              (-0.04, low + flame), (-0.25, low + 0.5 * flame)),
        _blob("pale", (-0.1, low), (0.1, low), (0.1, low + 0.4 * flame), (0, low + 0.62 * flame),
              (-0.1, low + 0.4 * flame)),
        wing, _mirrored(wing),
        _blob("main", (0, tip), (0.62 * x, nose - 0.1), (x, -0.2), (0.9 * x, 0.36), (0.66 * x, low),
              (0, low + 0.04), (-0.66 * x, low), (-0.9 * x, 0.36), (-x, -0.2),
              (-0.62 * x, nose - 0.1), marks=(cone, belt)),
        _ball("light", 0, -0.2, glass + 0.09), _ball("pale", 0, -0.2, glass),
        _limb("deep", (0.1, 0.1), (0, 0.36), (0, 0.5), (0, 0.76)),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """How a thing is drawn, and how it stands."""

    parts: Callable[[Details], list[Part]]
    tilt: float  # radians, how far it may be turned to either side
    ground: bool  # whether it stands on the ground, and so throws a shadow


KINDS: dict[str, Kind] = {
    "fish": Kind(fish, 0.35, ground=False),
    "teapot": Kind(teapot, 0.06, ground=True),
    "house": Kind(house, 0.03, ground=True),
    "butterfly": Kind(butterfly, 0.5, ground=False),
    "car": Kind(car, 0.05, ground=True),
    "mushroom": Kind(mushroom, 0.06, ground=True),
    "snail": Kind(snail, 0.04, ground=True),
    "rocket": Kind(rocket, 0.6, ground=False),
}
