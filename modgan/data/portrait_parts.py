"""What portraits are drawn with and dressed in: pen, colours, hair, clothes, backgrounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Points = NDArray[np.float64]
Colour = tuple[int, ...]
Pair = tuple[float, float]
Path = Sequence[Pair] | Points

_T = np.linspace(0, 1, 6, endpoint=False)[:, None]  # samples of a curve segment
_CATMULL_ROM = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
_SPLINE = _T ** np.arange(4) @ _CATMULL_ROM  # weights of the four points around a segment
_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 36)) for f in (np.cos, np.sin)], axis=1)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour a share `t` of the way from `a` to `b`."""
    return tuple(round(x + (y - x) * t) for x, y in zip(a, b, strict=True))


def shade(colour: Colour, gain: float) -> Colour:
    """`colour` with its light multiplied by `gain`."""
    return tuple(min(255, round(x * gain)) for x in colour)


def clear(colour: Colour, opacity: float) -> Colour:
    """`colour` as a glaze of the given opacity in [0, 1]."""
    return (*colour[:3], round(255 * opacity))


def _spline(p: Points) -> Points:
    around = np.stack([p[:-3], p[1:-2], p[2:-1], p[3:]])
    line: Points = np.einsum("sk,knd->nsd", _SPLINE, around).reshape(-1, 2)
    return line


def closed_curve(points: Path) -> Points:
    """A smooth closed line through (n, 2) points, as (6n, 2) points."""
    p = np.asarray(points, dtype=np.float64)
    return _spline(np.concatenate([p[-1:], p, p[:2]]))


def open_curve(points: Path) -> Points:
    """A smooth line through (n, 2) points from the first to the last, as (6n - 5, 2) points."""
    p = np.asarray(points, dtype=np.float64)
    ends = 2 * p[[0, -1]] - p[[1, -2]]
    return np.concatenate([_spline(np.concatenate([ends[:1], p, ends[1:]])), p[-1:]])


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws shapes given in a frame of its own: turned, scaled, flipped on the canvas."""

    ink: ImageDraw.ImageDraw
    origin: Points  # pixels
    axes: Points  # (2, 2): where the frame's x and y unit vectors point, pixels

    def frame(self, origin: Pair, scale: Pair = (1.0, 1.0), tilt: float = 0.0) -> Pen:
        """A pen whose frame lies at `origin` of this one, turned by `tilt` radians."""
        c, s = math.cos(tilt), math.sin(tilt)
        turned = np.array([[c * scale[0], s * scale[0]], [-s * scale[1], c * scale[1]]])
        return replace(self, origin=self._place(np.array([origin]))[0], axes=turned @ self.axes)

    def _place(self, points: Path) -> Points:
        placed: Points = np.asarray(points, dtype=np.float64) @ self.axes + self.origin
        return placed

    def polygon(self, points: Path, colour: Colour) -> None:
        """Fill the polygon with these corners."""
        self.ink.polygon(self._place(points).ravel().tolist(), fill=colour)

    def blob(self, points: Path, colour: Colour) -> None:
        """Fill the smooth shape through these points."""
        self.polygon(closed_curve(points), colour)

    def ball(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill the ellipse around (x, y)."""
        self.polygon(_CIRCLE * (rx, ry) + (x, y), colour)

    def line(self, points: Path, width: float, colour: Colour) -> None:
        """Stroke the smooth line through these points, `width` frame units thick."""
        path = self._place(open_curve(points))
        thick = max(1.0, width * math.hypot(*self.axes[1]))
        self.ink.line(path.ravel().tolist(), fill=colour, width=round(thick), joint="curve")
        for x, y in (path[0], path[-1]):
            r = thick / 2 - 0.5
            if r > 0.5 and len(colour) == 3:
                self.ink.ellipse((x - r, y - r, x + r, y + r), fill=colour)


# --- hair: frame with the face in [-1, 1]², x to the right, y down ---------------------------


@dataclass(frozen=True, slots=True)
class Tuft:
    """One drawn piece of a hair style: a filled shape, or with a width a line."""

    tone: str  # base, dark, light
    points: Points
    width: float = 0.0


def _blob(tone: str, *points: Pair) -> Tuft:
    return Tuft(tone, closed_curve(points))


def _line(tone: str, width: float, *points: Pair) -> Tuft:
    return Tuft(tone, np.array(points), width)


def _ball(tone: str, x: float, y: float, rx: float, ry: float) -> Tuft:
    return Tuft(tone, _CIRCLE * (rx, ry) + (x, y))


def _both(*tufts: Tuft) -> tuple[Tuft, ...]:
    return (*tufts, *(Tuft(t.tone, t.points * (-1.0, 1.0), t.width) for t in tufts))


def _dome(*hairline: Pair, top: float = -1.24, side: float = 1.1) -> Tuft:
    """The cap over the skull down to the ears; `hairline` runs from right to left."""
    skull = [(-1.0, 0.12), (-side, -0.35), (-0.92 * side, -0.8), (-0.5, 0.96 * top), (0, top)]
    right = [(-x, y) for x, y in reversed(skull[:-1])]
    return _blob("base", *skull, *right, *hairline)


def _curls(count: int, radius: float, ball: float) -> tuple[Tuft, ...]:
    """Balls on an arc over the head from ear to ear."""
    arc = [(radius * math.sin(t), math.cos(t)) for t in np.linspace(-1.9, 1.9, count)]
    return tuple(_ball("base", x, -0.35 - 0.78 * radius * y, ball, 0.9 * ball) for x, y in arc)


def _spikes(count: int, reach: float) -> Tuft:
    """A crown of points leaning to one side."""
    peak = np.arange(2 * count + 1) % 2
    r, turn = 1.05 + (reach - 1.05) * peak, np.linspace(-1.45, 1.45, len(peak)) + 0.1 * peak
    arc = np.stack([r * np.sin(turn), -0.1 - r * np.cos(turn)], axis=1)
    return Tuft("base", np.concatenate([arc, [(0.6, -0.4), (-0.6, -0.4)]]))


@dataclass(frozen=True, slots=True)
class HairStyle:
    """Tufts behind the head and tufts over it."""

    back: tuple[Tuft, ...]
    front: tuple[Tuft, ...]

    @property
    def brim(self) -> list[Tuft]:
        """What casts a shadow on the forehead; it parts hair from skin of the same colour."""
        return [t for t in self.front if t.tone == "base" and t.points[:, 1].max() < 0.2]


# fmt: off
_ROUND = ((0.9, -0.2), (0.76, -0.5), (0.4, -0.6), (-0.4, -0.6), (-0.76, -0.5), (-0.9, -0.2))
_PARTED = ((0.93, -0.05), (0.84, -0.3), (0.5, -0.58), (0.06, -0.86), (-0.5, -0.58),
           (-0.84, -0.3), (-0.93, -0.05))
_SWEPT = ((0.92, -0.15), (0.82, -0.5), (0.55, -0.74), (0.2, -0.56), (-0.3, -0.46),
          (-0.74, -0.42), (-0.92, -0.15))
_STRAIGHT = ((0.94, -0.05), (0.88, -0.34), (0.8, -0.4), (0.3, -0.38), (-0.3, -0.38), (-0.8, -0.4),
             (-0.88, -0.34), (-0.94, -0.05))
_GLOSS = _line("light", 0.07, (-0.72, -0.78), (-0.45, -1.0), (-0.12, -1.08))
_LOCKS = _both(
    _blob("base", (0.93, -0.35), (1.13, -0.2), (1.22, 0.5), (1.2, 1.1), (1.02, 1.42), (0.8, 1.4),
          (0.88, 1.0), (0.97, 0.4)),
    _line("dark", 0.035, (1.05, 0.0), (1.1, 0.6), (1.0, 1.25)))
_WAVES = _both(
    _blob("base", (0.9, -0.45), (1.2, -0.3), (1.13, 0.05), (1.34, 0.35), (1.2, 0.65), (1.4, 0.95),
          (1.22, 1.25), (1.1, 1.5), (0.82, 1.36), (0.95, 1.1), (0.84, 0.8), (1.0, 0.5),
          (0.95, 0.1)),
    _line("dark", 0.035, (1.03, 0.0), (1.15, 0.4), (1.05, 0.75), (1.18, 1.1)))
_CURTAIN = _blob("dark", (0, -1.15), (0.85, -0.9), (1.2, -0.2), (1.25, 0.6), (1.2, 1.3),
                 (0.6, 1.55), (-0.6, 1.55), (-1.2, 1.3), (-1.25, 0.6), (-1.2, -0.2), (-0.85, -0.9))

HAIR_STYLES: dict[str, HairStyle] = {
    "crop": HairStyle((), (_dome(*_ROUND), _GLOSS)),
    "side part": HairStyle((), (
        _dome(*_SWEPT, top=-1.3, side=1.14),
        _line("dark", 0.04, (0.52, -0.76), (0.45, -1.0), (0.25, -1.2)),
        _line("light", 0.06, (0.3, -0.8), (-0.2, -0.82), (-0.7, -0.62)))),
    "long straight": HairStyle((_CURTAIN,), (*_LOCKS, _dome(*_PARTED), _GLOSS)),
    "long wavy": HairStyle((_CURTAIN,), (*_WAVES, _dome(*_SWEPT, top=-1.3, side=1.17), _GLOSS)),
    "bob": HairStyle(
        (_blob("dark", (0, -1.1), (1.1, -0.6), (1.25, 0.2), (1.22, 0.85), (0.7, 0.95),
               (-0.7, 0.95), (-1.22, 0.85), (-1.25, 0.2), (-1.1, -0.6)),),
        (*_both(_blob("base", (0.9, -0.5), (1.15, -0.35), (1.27, 0.2), (1.24, 0.78), (0.98, 0.92),
                      (0.86, 0.72), (0.95, 0.3))), _dome(*_STRAIGHT, side=1.16), _GLOSS)),
    "afro": HairStyle(
        (_ball("base", 0, -0.5, 1.35, 1.0), *_curls(13, 1.28, 0.3)),
        (_dome(*_ROUND, top=-1.3), *(
            _line("light", 0.05, (x - 0.1, y), (x, y - 0.08), (x + 0.1, y)) for x, y in (
                (-0.75, -0.85), (-0.45, -0.8), (-0.25, -1.05), (0, -0.8), (0.25, -1.05),
                (0.45, -0.8), (0.75, -0.85))))),
    "curls": HairStyle(
        _curls(11, 1.08, 0.26),
        (_dome(*_ROUND, top=-1.15),
         *(_ball("base", x, y, 0.24, 0.19) for x, y in (
             (-0.72, -0.55), (-0.4, -0.64), (-0.02, -0.6), (0.36, -0.64), (0.7, -0.55))),
         *(_line("dark", 0.035, (x - 0.12, y), (x, y + 0.07), (x + 0.12, y)) for x, y in (
             (-0.55, -0.8), (-0.15, -0.75), (0.2, -0.85), (0.55, -0.75))))),
    "top knot": HairStyle(
        (_ball("base", 0.0, -1.36, 0.46, 0.32),),
        (_dome(*_ROUND, top=-1.18), _line("dark", 0.06, (-0.26, -1.2), (0, -1.13), (0.26, -1.2)),
         _line("light", 0.045, (-0.2, -1.46), (-0.05, -1.54), (0.1, -1.54)), _GLOSS)),
    "spiky": HairStyle(
        (_spikes(6, 1.42),),
        (_dome(*_ROUND, top=-1.2),
         Tuft("base", np.array([(-0.8, -0.7), (-0.62, -0.36), (-0.4, -0.62), (-0.15, -0.34),
              (0.05, -0.62), (0.35, -0.36), (0.5, -0.62), (0.74, -0.4), (0.85, -0.75)])),
         *(_line("light", 0.05, (x, -0.87), (x + 0.09, -1.13)) for x in (-0.5, -0.1)))),
    "fringe": HairStyle((), (_dome(*_STRAIGHT, top=-1.22, side=1.17), _GLOSS, *(
        _line("dark", 0.03, (x, -0.44), (1.05 * x, -0.66)) for x in (-0.5, -0.1, 0.3, 0.62)))),
    "quiff": HairStyle((), (
        _dome(*_ROUND, top=-1.1),
        _blob("base", (-0.95, -0.45), (-1.06, -0.8), (-0.75, -1.15), (-0.2, -1.36), (0.5, -1.53),
              (1.0, -1.46), (1.16, -1.1), (0.96, -0.62), (0.5, -0.68), (-0.4, -0.58)),
        _line("light", 0.07, (-0.5, -1.08), (0.1, -1.24), (0.6, -1.4), (0.85, -1.36)),
        _line("dark", 0.04, (-0.5, -0.78), (0.1, -0.9), (0.65, -1.1), (0.9, -1.14)))),
    "pigtails": HairStyle(
        _both(_blob("base", (0.9, -0.2), (1.2, -0.42), (1.6, -0.25), (1.7, 0.3), (1.56, 0.85),
                    (1.3, 1.2), (1.22, 0.7), (1.18, 0.2)),
              _line("dark", 0.04, (1.28, -0.2), (1.46, 0.25), (1.4, 0.85))),
        (_dome(*_PARTED), _GLOSS)),
    "ponytail": HairStyle(
        (_blob("base", (0.5, -1.0), (1.0, -1.32), (1.55, -1.1), (1.82, -0.4), (1.74, 0.4),
               (1.42, 1.15), (1.26, 1.1), (1.3, 0.4), (1.2, -0.4)),
         _line("dark", 0.04, (1.2, -0.95), (1.5, -0.4), (1.5, 0.3), (1.4, 0.8)),
         _line("dark", 0.16, (0.86, -0.95), (1.0, -0.7))),
        (_dome(*_SWEPT, top=-1.2), _GLOSS)),
    "space buns": HairStyle(
        _both(_ball("base", 0.82, -1.16, 0.42, 0.34)),
        (_dome(*_STRAIGHT, top=-1.2), _GLOSS,
         *_both(_line("light", 0.045, (0.72, -1.3), (0.85, -1.36), (0.98, -1.3))))),
}
# fmt: on


def draw_hair(pen: Pen, tufts: Sequence[Tuft], tones: dict[str, Colour], volume: float) -> None:
    """Draw tufts with `volume` (about 1) pushing out what lies outside the face."""
    for tuft in tufts:
        reach = np.hypot(tuft.points[:, 0], tuft.points[:, 1])[:, None]
        points = tuft.points * (1 + (volume - 1) * np.clip(4 * (reach - 0.8), 0, 1))
        if tuft.width:
            pen.line(points, tuft.width, tones[tuft.tone])
        else:
            pen.polygon(points, tones[tuft.tone])


# --- clothes: frame at the neck, unit half a face height, chin near (0, 0.15) ----------------


_SHOULDER = open_curve([(0.5, 0.42), (0.95, 0.56), (1.22, 0.8), (1.34, 1.25), (1.4, 2.0)])
_TORSO = np.concatenate([_SHOULDER, (_SHOULDER * (-1.0, 1.0))[::-1]])
_SCOOP = open_curve([(0.46, 0.4), (0.27, 0.53), (0, 0.58), (-0.27, 0.53), (-0.46, 0.4)])


def _torso(pen: Pen, colour: Colour) -> None:
    pen.polygon(_TORSO, colour)
    for side in (-1, 1):
        pen.line([(0.98 * side, 1.0), (1.03 * side, 1.5)], 0.035, shade(colour, 0.82))


def _neck(pen: Pen, skin: Colour, neckline: Path) -> None:
    """The neck with the chin's soft shadow, ending in a bare `neckline` from right to left."""
    pen.polygon([(-0.36, -0.5), (0.36, -0.5), (0.38, 0.3), *neckline, (-0.38, 0.3)], skin)
    shadow = open_curve([(0.37, 0.12), (0.22, 0.27), (-0.05, 0.34), (-0.37, 0.2)])
    pen.polygon([(-0.36, -0.5), (0.36, -0.5), *shadow], shade(skin, 0.8))


def _crew(pen: Pen, main: Colour, extra: Colour, skin: Colour) -> None:
    _torso(pen, main)
    _neck(pen, skin, _SCOOP)
    pen.line(_SCOOP[::3], 0.09, shade(main, 0.8))


def _stripes(pen: Pen, main: Colour, extra: Colour, skin: Colour) -> None:
    _torso(pen, main)
    for y in (0.7, 0.9, 1.1):
        a, b = np.interp((y, y + 0.1), _SHOULDER[:, 1], _SHOULDER[:, 0])
        pen.polygon([(-a, y), (a, y), (b, y + 0.1), (-b, y + 0.1)], extra)
    _neck(pen, skin, _SCOOP)
    pen.line(_SCOOP[::3], 0.08, extra)


def _v_neck(pen: Pen, main: Colour, extra: Colour, skin: Colour) -> None:
    _torso(pen, main)
    _neck(pen, skin, [(0.46, 0.4), (0, 0.95), (-0.46, 0.4)])
    for side in (-1, 1):
        pen.line([(0.45 * side, 0.4), (0, 0.95)], 0.1, extra)


def _shirt(pen: Pen, main: Colour, extra: Colour, skin: Colour) -> None:
    _torso(pen, main)
    _neck(pen, skin, [(0.42, 0.35), (0, 0.66), (-0.42, 0.35)])
    pen.line([(0, 0.66), (0, 1.6)], 0.04, shade(main, 0.75))
    for side in (-1, 1):
        collar = [(0.36 * side, 0.2), (0.56 * side, 0.42), (0.34 * side, 0.82), (0, 0.62)]
        pen.polygon(collar, mix(main, (255, 255, 255), 0.35))
        pen.line(collar[1:], 0.03, shade(main, 0.75))


def _blazer(pen: Pen, main: Colour, extra: Colour, skin: Colour) -> None:
    _torso(pen, main)
    pen.polygon([(-0.4, 0.36), (0.4, 0.36), (0.14, 1.6), (-0.14, 1.6)], (246, 244, 240))
    _neck(pen, skin, [(0.38, 0.34), (0, 0.6), (-0.38, 0.34)])
    pen.polygon([(-0.1, 0.62), (0.1, 0.62), (0.14, 1.6), (-0.14, 1.6)], extra)
    for side in (-1, 1):
        pen.polygon([(0.38 * side, 0.3), (0.62 * side, 0.46), (0.56 * side, 0.86),
                     (0.14 * side, 1.5)], shade(main, 0.8))  # fmt: skip


def _hoodie(pen: Pen, main: Colour, extra: Colour, skin: Colour) -> None:
    pen.ball(0, 0.42, 0.84, 0.44, shade(main, 0.8))
    _torso(pen, main)
    _neck(pen, skin, open_curve([(0.44, 0.36), (0.26, 0.6), (0, 0.7), (-0.26, 0.6), (-0.44, 0.36)]))
    for side in (-1, 1):
        pen.blob([(0.4 * side, 0.12), (0.7 * side, 0.2), (0.74 * side, 0.5), (0.4 * side, 0.8),
                  (0.02 * side, 0.86), (0.3 * side, 0.55)], shade(main, 0.88))  # fmt: skip
        pen.line([(0.2 * side, 0.78), (0.22 * side, 1.2)], 0.06, extra)


def _dungarees(pen: Pen, main: Colour, extra: Colour, skin: Colour) -> None:
    _torso(pen, extra)
    _neck(pen, skin, _SCOOP)
    pen.polygon([(-0.55, 0.88), (0.55, 0.88), (0.8, 2.0), (-0.8, 2.0)], main)
    for side in (-1, 1):
        pen.line([(0.68 * side, 0.44), (0.48 * side, 0.95)], 0.17, main)
        pen.ball(0.48 * side, 0.96, 0.06, 0.06, (250, 214, 110))


def _turtleneck(pen: Pen, main: Colour, extra: Colour, skin: Colour) -> None:
    _torso(pen, main)
    _neck(pen, skin, [(0.38, 0.4), (-0.38, 0.4)])
    pen.blob([(-0.4, 0.16), (0, 0.28), (0.4, 0.16), (0.47, 0.4), (0.4, 0.56), (0, 0.62),
              (-0.4, 0.56), (-0.47, 0.4)], shade(main, 0.86))  # fmt: skip


_GARMENTS = (_crew, _stripes, _v_neck, _shirt, _blazer, _hoodie, _dungarees, _turtleneck)
CLOTHES = {draw.__name__[1:]: draw for draw in _GARMENTS}


# --- backgrounds: frame of the picture, unit square ------------------------------------------


def _gradient(canvas: Image.Image, pen: Pen, b: Colour, p: tuple[float, ...]) -> None:
    ramp = Image.linear_gradient("L").rotate(90 * int(4 * p[0])).resize(canvas.size)
    canvas.paste(b, mask=ramp)


def _halo(canvas: Image.Image, pen: Pen, b: Colour, p: tuple[float, ...]) -> None:
    pen.ball(0.5, 0.47, 0.4 + 0.06 * p[0], 0.4 + 0.06 * p[0], b)


def _circles(canvas: Image.Image, pen: Pen, b: Colour, p: tuple[float, ...]) -> None:
    pen.ball(0.3 * p[0], 0.4 * p[1], 0.25 + 0.15 * p[2], 0.25 + 0.15 * p[2], b)
    pen.ball(1 - 0.2 * p[1], 0.4 + 0.5 * p[2], 0.2 + 0.15 * p[0], 0.2 + 0.15 * p[0], b)


def _bars(canvas: Image.Image, pen: Pen, b: Colour, p: tuple[float, ...]) -> None:
    turned = pen.frame((0.5, 0.5), tilt=math.pi * p[0])
    width = 0.07 + 0.08 * p[1]
    for x in np.arange(-0.8 + width * p[2], 0.8, 2 * width):
        turned.polygon([(x, -0.8), (x + width, -0.8), (x + width, 0.8), (x, 0.8)], b)


def _dots(canvas: Image.Image, pen: Pen, b: Colour, p: tuple[float, ...]) -> None:
    step, radius = 0.15 + 0.08 * p[0], 0.03 + 0.03 * p[1]
    for row, y in enumerate(np.arange(0.02, 1.0, step)):
        for x in np.arange(0.04 + (row % 2) * step / 2, 1.05, step):
            pen.ball(x, y, radius, radius, b)


def _horizon(canvas: Image.Image, pen: Pen, b: Colour, p: tuple[float, ...]) -> None:
    y, lift = 0.45 + 0.3 * p[0], 0.12 * (p[1] - 0.5)
    hill = open_curve([(-0.1, y), (0.25, y - lift), (0.6, y + lift), (1.1, y - lift)])
    pen.ball(0.12 + 0.76 * (p[2] > 0.5), 0.2, 0.09, 0.09, mix(b, (255, 255, 255), 0.5))
    pen.polygon([*hill, (1.1, 1.1), (-0.1, 1.1)], b)


def _rays(canvas: Image.Image, pen: Pen, b: Colour, p: tuple[float, ...]) -> None:
    count = 8 + int(6 * p[0])
    for turn in np.arange(count) * 2 * np.pi / count + p[1]:
        ray = pen.frame((0.5, 0.5), tilt=turn)
        ray.polygon([(0, 0), (1, 0), (math.cos(np.pi / count), math.sin(np.pi / count))], b)


def _split(canvas: Image.Image, pen: Pen, b: Colour, p: tuple[float, ...]) -> None:
    x, lean = 0.3 + 0.4 * p[0], 0.5 * (p[1] - 0.5)
    pen.polygon([(x + lean, 0), (1, 0), (1, 1), (x - lean, 1)], b)


_WALLS = (_gradient, _halo, _circles, _bars, _dots, _horizon, _rays, _split)
BACKDROPS = {draw.__name__[1:]: draw for draw in _WALLS}
