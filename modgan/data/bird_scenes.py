"""Eight backgrounds for drawn birds: structure all over the page, so that any patch tells which.

A scene is painted on a canvas by a pen whose frame is the unit square, y down; all that varies
within a scene comes from the generator.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from modgan.data.portrait_parts import Colour, Pen, clear, closed_curve, mix, open_curve, shade

_WHITE: Colour = (255, 255, 255)
_CREST = closed_curve(
    [(-0.01, 0.008), (0.05, -0.036), (0.1, -0.008), (0.16, 0.008), (0.15, 0.024), (0.09, 0.012),
     (0.05, -0.014)]
)  # fmt: skip


def paint_scene(name: str, noise: int, pixels: int) -> Image.Image:
    """Scene `name` as an RGB picture of `pixels`²; `noise` decides what varies within it."""
    rng = np.random.default_rng(noise)
    canvas = Image.new("RGB", (pixels, pixels))
    pen = Pen(ImageDraw.Draw(canvas, "RGBA"), np.zeros(2), np.eye(2) * pixels)
    SCENES[name](canvas, pen, rng)
    return _tinted(canvas, rng)


def _tinted(canvas: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Slightly brighter or darker, warmer or colder."""
    gain, warm = rng.uniform(0.95, 1.05), rng.uniform(-0.03, 0.03)
    table = [
        min(255, round(value * gain * tint))
        for tint in (1 + warm, 1.0, 1 - warm)
        for value in range(256)
    ]
    return canvas.point(table)


def _ramp(canvas: Image.Image, top: Colour, bottom: Colour) -> None:
    canvas.paste(top, (0, 0, *canvas.size))
    canvas.paste(bottom, mask=Image.linear_gradient("L").resize(canvas.size))


def _scattered(
    rng: np.random.Generator, columns: int, rows: int, top: float = 0.0
) -> Iterator[tuple[float, float]]:
    """A place in every cell of a grid below `top`, from top to bottom."""
    for row in range(rows):
        for column in range(columns):
            x = (column + rng.uniform(0.1, 0.9) + (row % 2 - 0.5) / 2) / columns
            yield x, top + (1 - top) * (row + rng.uniform(0.15, 0.85)) / rows


def _band(pen: Pen, rng: np.random.Generator, y: float, sway: float, colour: Colour) -> None:
    """Everything below a wavy line."""
    xs = np.linspace(-0.1, 1.1, 6)
    phase, waves = rng.uniform(0, 2 * math.pi), rng.uniform(0.7, 1.3)
    line = open_curve(np.stack([xs, y + sway * np.sin(phase + 5 * waves * xs)], axis=1))
    pen.polygon([*line, (1.1, 1.1), (-0.1, 1.1)], colour)


def _cloud(pen: Pen, x: float, y: float, size: float, colour: Colour) -> None:
    puffs = ((-0.8, 0.1, 0.45), (-0.25, -0.2, 0.6), (0.4, -0.08, 0.5), (0.9, 0.14, 0.36))
    for dx, dy, radius in puffs:
        pen.ball(x + size * dx, y + size * dy, size * radius, size * radius, colour)
    pen.ball(x, y + 0.3 * size, 1.15 * size, 0.27 * size, colour)


def _sky(canvas: Image.Image, pen: Pen, rng: np.random.Generator) -> None:
    _ramp(canvas, (84, 166, 234), (186, 224, 248))
    for x, y in _scattered(rng, 2, 4):
        size = rng.uniform(0.1, 0.17)
        _cloud(pen, x, y + 0.03, size, (206, 228, 246))
        _cloud(pen, x, y, size, (252, 253, 255))


def _meadow(canvas: Image.Image, pen: Pen, rng: np.random.Generator) -> None:
    _ramp(canvas, (168, 208, 96), (120, 184, 72))
    for k, y in enumerate((0.22, 0.5, 0.76)):
        _band(pen, rng, y, 0.05, mix((142, 196, 80), (92, 156, 58), k / 2))
    for x, y in _scattered(rng, 5, 6):
        for lean in (-0.03, 0.0, 0.03):
            blade = [(x - 0.009, y), (x + 0.009, y), (x + lean, y - 0.075)]
            pen.polygon(blade, (66, 130, 50))
    petals = ((255, 255, 250), (255, 216, 70), (246, 130, 168))
    for x, y in _scattered(rng, 4, 5):
        petal = petals[int(rng.integers(3))]
        for turn in np.arange(5) * 2 * math.pi / 5 + rng.uniform(0, 1):
            pen.ball(x + 0.022 * math.cos(turn), y + 0.022 * math.sin(turn), 0.016, 0.016, petal)
        pen.ball(x, y, 0.013, 0.013, (236, 160, 40))


def _forest(canvas: Image.Image, pen: Pen, rng: np.random.Generator) -> None:
    _ramp(canvas, (116, 164, 108), (62, 110, 76))
    for depth, count in ((0.0, 6), (1.0, 3)):
        bark = mix((92, 122, 84), (96, 66, 46), depth)
        wide = 0.02 + 0.022 * depth
        for k in range(count):
            x, lean = (k + rng.uniform(0.2, 0.8)) / count, rng.uniform(-0.03, 0.03)
            trunk = [(x - wide + lean, 0), (x + wide + lean, 0), (x + 1.4 * wide, 1),
                     (x - 1.4 * wide, 1)]  # fmt: skip
            pen.polygon(trunk, bark)
            pen.line(
                [(x + 0.4 * wide + lean, 0), (x + 0.5 * wide, 1)], 0.4 * wide, shade(bark, 0.8)
            )
    for x, y in _scattered(rng, 4, 6):
        leaf = mix((30, 82, 52), (70, 134, 62), rng.uniform())
        size = rng.uniform(0.035, 0.06)
        pen.ball(x, y, 1.3 * size, size, leaf)
        pen.ball(x + size, y + 0.5 * size, size, 0.8 * size, shade(leaf, 0.85))


def _sea(canvas: Image.Image, pen: Pen, rng: np.random.Generator) -> None:
    _ramp(canvas, (46, 158, 178), (16, 82, 130))
    shift = rng.uniform(0, 0.2)
    for k, y in enumerate(np.arange(0.05, 1.05, 0.105) + rng.uniform(-0.02, 0.02)):
        colour = mix((134, 214, 216), (58, 136, 182), k / 9)
        start = -0.2 + shift + 0.1 * (k % 2) + rng.uniform(-0.02, 0.02)
        for x in np.arange(start, 1.1, 0.2):
            pen.polygon(_CREST + np.array([x, y]), colour)


def _desert(canvas: Image.Image, pen: Pen, rng: np.random.Generator) -> None:
    _ramp(canvas, (252, 232, 178), (246, 210, 146))
    for k, y in enumerate((0.14, 0.36, 0.58, 0.8)):
        sand = mix((244, 208, 140), (212, 150, 86), k / 3)
        _band(pen, rng, y + rng.uniform(-0.03, 0.03), 0.07, sand)
        for row in range(2):
            low = y + 0.1 + 0.07 * row
            for x in np.arange(rng.uniform(-0.2, 0.0), 1.0, 0.3):
                ripple = [(x, low), (x + 0.07, low - 0.012), (x + 0.15, low + 0.006)]
                pen.line(ripple, 0.014, shade(sand, 0.89))
    for x, y in _scattered(rng, 2, 2, 0.25):
        _cactus(pen, x, y, rng.uniform(0.07, 0.1))


def _cactus(pen: Pen, x: float, y: float, size: float) -> None:
    green = (104, 142, 84)
    pen.line([(x, y), (x, y - 1.6 * size)], 0.42 * size, green)
    for side, low in ((-1, 0.5), (1, 0.8)):
        far, base = x + 0.62 * side * size, y - low * size
        pen.line([(x, base), (far, base)], 0.26 * size, green)
        pen.line([(far, base), (far, base - 0.55 * size)], 0.26 * size, green)


def _snow(canvas: Image.Image, pen: Pen, rng: np.random.Generator) -> None:
    _ramp(canvas, (196, 212, 232), (222, 232, 244))
    for k, y in enumerate((0.3, 0.6, 0.86)):
        _band(pen, rng, y, 0.05, mix((216, 228, 242), (246, 249, 254), k / 2))
        for x in (np.arange(4) + rng.uniform(0.1, 0.9, 4)) / 4:
            _pine(pen, float(x), y + rng.uniform(0.0, 0.06), rng.uniform(0.1, 0.15))
    for x, y in _scattered(rng, 6, 7):
        size = rng.uniform(0.01, 0.02)
        pen.ball(x, y, size, size, _WHITE)


def _pine(pen: Pen, x: float, y: float, size: float) -> None:
    for k, wide in enumerate((0.5, 0.4, 0.28)):
        low = y - 0.36 * k * size
        pen.polygon([(x - wide * size, low), (x + wide * size, low), (x, low - 0.62 * size)],
                    mix((104, 138, 156), (236, 242, 250), 0.3 * k))  # fmt: skip


def _sunset(canvas: Image.Image, pen: Pen, rng: np.random.Generator) -> None:
    _ramp(canvas, (124, 72, 146), (160, 74, 140))
    x, y = rng.uniform(0.2, 0.8), rng.uniform(0.25, 0.6)
    stops: tuple[Colour, ...] = (
        (168, 80, 142), (212, 94, 122), (240, 122, 98), (250, 158, 86), (254, 194, 98),
    )  # fmt: skip
    for k, colour in enumerate(stops):
        _band(pen, rng, 0.16 + 0.17 * k + rng.uniform(-0.03, 0.03), 0.02, colour)
    for size, opacity in ((0.19, 0.3), (0.13, 1.0)):
        pen.ball(x, y, size, size, clear((255, 232, 147), opacity))
    for x, y in _scattered(rng, 2, 5):
        wide = rng.uniform(0.09, 0.16)
        streak = [(x - wide, y), (x, y - 0.02), (x + wide, y), (x, y + 0.016)]
        pen.polygon(closed_curve(streak), mix(stops[min(4, int(5 * y))], (112, 50, 120), 0.4))


def _night(canvas: Image.Image, pen: Pen, rng: np.random.Generator) -> None:
    _ramp(canvas, (30, 36, 84), (74, 70, 140))
    x, y = rng.uniform(0.12, 0.88), rng.uniform(0.12, 0.4)
    pen.ball(x, y, 0.1, 0.1, (250, 240, 196))
    pen.ball(x + 0.045, y - 0.025, 0.085, 0.085, (38, 42, 94))
    for x, y in _scattered(rng, 5, 6):
        if rng.uniform() < 0.35:
            _star(pen, x, y, rng.uniform(0.03, 0.045))
        else:
            size = rng.uniform(0.008, 0.014)
            pen.ball(x, y, size, size, (214, 220, 255))
    _band(pen, rng, 0.86, 0.05, (38, 38, 90))


def _star(pen: Pen, x: float, y: float, size: float) -> None:
    turns = np.arange(8) * math.pi / 4
    reach = np.where(np.arange(8) % 2, 0.32, 1.0) * size
    corners = np.stack([x + reach * np.cos(turns), y + reach * np.sin(turns)], axis=1)
    pen.polygon(corners, (255, 244, 186))


_PAINTERS = (_sky, _meadow, _forest, _sea, _desert, _snow, _sunset, _night)
SCENES = {scene.__name__[1:]: scene for scene in _PAINTERS}
