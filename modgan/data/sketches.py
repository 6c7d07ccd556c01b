"""Outlines and the same things in colour: two domains whose content and style are exact.

The content says what is drawn (kind, details, pose), the style how it is coloured. A sketch shows
the content alone, a picture both, along the same lines; so every sketch has any number of true
colourings. Content and style of index i are functions of (seed, i), from streams of their own.
Axes: N pictures, A attributes, H W positions.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw
from torch import Tensor

from modgan.data.portrait_parts import Points
from modgan.data.sketch_parts import DETAILS, KINDS, TONES, Details, Kind, Part

ATTRIBUTES: dict[str, tuple[str, ...]] = {"kind": tuple(KINDS)}
DOMAINS = ("sketch", "picture")
MARGIN = 0.03  # of the picture's side: a thing keeps this far from its edges
LINE = 0.021  # of the picture's side: how wide the lines are
LIGHT = (-0.05, -0.07)  # of the thing's size: how far the lit part of a surface is shifted
SHARP = 0.35  # radians: turns of a line from here on are drawn as corners
_PAPER, _GROUND, _FIRST = 0, 1, 2  # in a map; then every tone in the light and in the shade
_GREY = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True)
class Content:
    """What is drawn, and where."""

    kind: str  # of KINDS
    details: Details  # DETAILS numbers in [-1, 1]
    x: float  # of the thing's middle, -1 left to 1 right, in the room that the size leaves
    y: float  # the same, -1 top to 1 bottom
    size: float  # longer side of the thing without its lines, in sides of the picture
    facing: str  # left or right
    tilt: float  # radians


@dataclass(frozen=True, slots=True)
class Style:
    """How it is coloured; hues are shares of the circle of hues, 0 red, 1/3 green, 2/3 blue."""

    hue: float  # of the thing, [0, 1)
    accent: float  # hue of its small parts, [0, 1)
    depth: float  # -1 light to 1 dark
    tint: float  # 0 white paper to 1 tinted in the hue of the thing


def content_of(seed: int, index: int) -> Content:
    """The content of `index`: every kind equally likely."""
    rng = np.random.default_rng([seed, index, 0])
    u = rng.uniform
    kind = ATTRIBUTES["kind"][int(rng.integers(len(KINDS)))]
    return Content(
        kind=kind, details=tuple(u(-1, 1, DETAILS).tolist()), x=u(-1, 1), y=u(-1, 1),
        size=u(0.72, 0.9), facing=("left", "right")[int(rng.integers(2))],
        tilt=KINDS[kind].tilt * u(-1, 1),
    )  # fmt: skip


def style_of(seed: int, index: int, which: int = 0) -> Style:
    """A style of `index`, 0 its own; all hues are equally likely, the accent's is far from it."""
    u = np.random.default_rng([seed, index, 1, which]).uniform
    hue = u()
    return Style(hue, (hue + u(0.3, 0.7)) % 1.0, depth=u(-1, 1), tint=u())


# --- colours ----------------------------------------------------------------------------------


def _colour(hue: float, chroma: float, luma: float) -> list[int]:
    """The colour of this hue and luma (0 to 1), of this chroma where there is one."""
    pure = np.array(colorsys.hsv_to_rgb(hue, 1.0, 1.0))
    own = float(pure @ _GREY)
    chroma = min(chroma, luma / own, (1 - luma) / (1 - own))
    return np.rint(255 * (luma + chroma * (pure - own))).astype(int).tolist()


def _luma(hue: float) -> float:
    """How light the tones of a hue are: yellow the lightest, blue the darkest."""
    pure = np.array(colorsys.hsv_to_rgb(hue, 1.0, 1.0))
    return 0.42 + 0.3 * float(pure @ _GREY)


def _palette(style: Style) -> NDArray[np.uint8]:
    """The colours of a map, (2 + 2 tones, 3)."""
    main, accent = _luma(style.hue) - 0.05 * style.depth, _luma(style.accent) + 0.04
    tones = {
        "ink": (style.hue, 0.12, 0.12),
        "main": (style.hue, 0.63, main),
        "light": (style.hue, 0.42, main + 0.17),
        "deep": (style.hue, 0.6, main - 0.08),
        "accent": (style.accent, 0.5, accent),
        "pale": (style.accent, 0.07, 0.94),
    }
    rows = [
        _colour(style.hue, 0.05 * style.tint, 0.985 - 0.02 * style.tint),
        _colour(style.hue, 0.06 + 0.05 * style.tint, 0.91 - 0.02 * style.tint),
    ]
    for tone in TONES:
        hue, chroma, luma = tones[tone]
        shade = 0.0 if tone == "ink" else 0.07
        rows += [_colour(hue, chroma, luma), _colour(hue, 0.95 * chroma, luma - shade)]
    return np.array(rows, dtype=np.uint8)


_INK, _WHITE = 34, 255
_PENCIL = np.full((_FIRST + 2 * len(TONES), 3), _WHITE, dtype=np.uint8)
_PENCIL[_FIRST : _FIRST + 2] = _INK


# --- the map of a content ---------------------------------------------------------------------


def _placed(content: Content, pixels: int) -> tuple[Points, Points, list[Part]]:
    """Axes (2, 2) and origin (2,) of the thing's frame in pixels, and its parts in that frame."""
    parts = KINDS[content.kind].parts(content.details)
    c, s = math.cos(content.tilt), math.sin(content.tilt)
    turned = np.array([[c, s], [-s, c]])
    if content.facing == "left":
        turned = turned @ np.diag([-1.0, 1.0])
    solid = np.concatenate([part.points for part in parts]) @ turned
    low, high = solid.min(0), solid.max(0)
    unit = content.size / (high - low).max()
    half = unit * (high - low) / 2 + MARGIN
    middle = 0.5 + np.array([content.x, content.y]) * np.maximum(0.5 - half, 0)
    return turned * unit * pixels, (middle - unit * (low + high) / 2) * pixels, parts


@dataclass(frozen=True, slots=True)
class _Brush:
    """Draws parts on a map of tones."""

    page: Image.Image
    axes: Points
    origin: Points
    thick: int
    light: Points

    def part(self, part: Part) -> None:
        """Draw a part in the tile around it: masks of the whole page would take longer."""
        points = part.points @ self.axes + self.origin
        corner = np.floor(points.min(0)).astype(int) - self.thick
        end = np.ceil(points.max(0)).astype(int) + self.thick
        left, top = corner.tolist()
        tile = self.page.crop((left, top, *end.tolist()))
        replace(self, page=tile, origin=self.origin - corner).tile(part)
        self.page.paste(tile, (left, top))

    def tile(self, part: Part, within: Image.Image | None = None) -> None:
        """Fill a part, draw its marks, and outline it, all within a mask."""
        points = part.points @ self.axes + self.origin
        if not part.open:
            mask = self._mask(points, within)
            base = _FIRST + 2 * TONES.index(part.tone)
            self.page.paste(base + 1, mask=mask)
            self.page.paste(base, mask=self._mask(points + self.light, mask))
            for mark in part.marks:
                self.tile(mark, mask)
            points = np.concatenate([points, points[:2]])
        self._trace(points, within)

    def _mask(self, points: Points, within: Image.Image | None) -> Image.Image:
        mask = Image.new("L", self.page.size)
        ImageDraw.Draw(mask).polygon(points.ravel().tolist(), fill=255)
        return mask if within is None else ImageChops.multiply(mask, within)

    def _trace(self, points: Points, within: Image.Image | None) -> None:
        if within is None:
            stroke(self.page, points, self.thick, _FIRST)
            return
        mask = Image.new("L", self.page.size)
        stroke(mask, points, self.thick, 255)
        self.page.paste(_FIRST, mask=ImageChops.multiply(mask, within))


def stroke(page: Image.Image, points: Points, thick: int, value: int) -> None:
    """A line with round corners; Pillow's own joints are slow, as they are drawn at every point."""
    pen = ImageDraw.Draw(page)
    pen.line(points.ravel().tolist(), value, thick)
    along = np.diff(points, axis=0) @ (1, 1j)
    turn = np.abs(np.angle(along[1:] * along[:-1].conj()))
    for x, y in points[1:-1][turn > SHARP]:
        pen.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=value)


def _ground(brush: _Brush, kind: Kind, parts: list[Part]) -> None:
    """The shadow below a thing that stands on the ground."""
    if not kind.ground:
        return
    solid = np.concatenate([part.points for part in parts]) @ brush.axes + brush.origin
    (left, _), (right, low) = solid.min(0), solid.max(0)
    middle, reach = (left + right) / 2, 0.5 * (right - left)
    flat = 0.09 * reach
    box = (middle - reach, low - flat, middle + reach, low + flat)
    ImageDraw.Draw(brush.page).ellipse(box, fill=_GROUND)


def _mapped(content: Content, pixels: int) -> Image.Image:
    """Which colour of a palette lies at every place."""
    axes, origin, parts = _placed(content, pixels)
    light = np.array(LIGHT) * content.size * pixels
    thick = max(1, round(LINE * pixels))
    brush = _Brush(Image.new("L", (pixels, pixels), _PAPER), axes, origin, thick, light)
    _ground(brush, KINDS[content.kind], parts)
    for part in parts:
        brush.part(part)
    return brush.page


def _inked(content: Content, palettes: list[NDArray[np.uint8]], size: int) -> Tensor:
    """The content in each of the palettes, uint8 (N, 3, H, W)."""
    if size < 16:
        raise ValueError(f"sketches: size must be at least 16 pixels to show lines, got {size}")
    fine = 4 if size <= 128 else 3
    places = _mapped(content, fine * size)
    drawn = []
    for palette in palettes:
        places.putpalette(palette.tobytes())
        drawn.append(np.asarray(places.convert("RGB").reduce(fine)))
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).contiguous()


def sketch(content: Content, size: int = 64) -> Tensor:
    """The lines of a content, dark on white, uint8 (3, size, size)."""
    return _inked(content, [_PENCIL], size)[0]


def picture(content: Content, style: Style, size: int = 64) -> Tensor:
    """A content in colour, with the lines of its sketch, uint8 (3, size, size)."""
    return _inked(content, [_palette(style)], size)[0]


class Sketches:
    """A data set of outlines or of coloured pictures, by `domain`: sketch or picture.

    Index i is a function of (seed, i), and with one seed the same thing in both domains. With
    different seeds the domains share nothing: they are unpaired, as translation is learned.
    """

    def __init__(self, count: int, size: int = 64, seed: int = 0, domain: str = "picture") -> None:
        if domain not in DOMAINS:
            raise ValueError(f"Sketches: domain {domain!r}; expected {' or '.join(DOMAINS)}")
        self.count, self.size, self.seed, self.domain = count, size, seed, domain
        self.attributes = dict(ATTRIBUTES)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One picture of the domain, uint8 (3, size, size), and its kind, int64 (1,)."""
        content = self.content(index)
        palette = _PENCIL if self.domain == "sketch" else _palette(self.style(index))
        kind = ATTRIBUTES["kind"].index(content.kind)
        return _inked(content, [palette], self.size)[0], torch.tensor([kind], dtype=torch.int64)

    def content(self, index: int) -> Content:
        """What index shows."""
        return content_of(self.seed, self._checked(index))

    def style(self, index: int, which: int = 0) -> Style:
        """How index is coloured, and with `which` from 1 how else it might be."""
        return style_of(self.seed, self._checked(index), which)

    def pair(self, index: int) -> tuple[Tensor, Tensor]:
        """The sketch and the picture of index, each uint8 (3, size, size)."""
        both = _inked(self.content(index), [_PENCIL, _palette(self.style(index))], self.size)
        return both[0], both[1]

    def colourings(self, index: int, count: int = 10) -> Tensor:
        """True colourings of the sketch of index, its own the first, uint8 (count, 3, H, W)."""
        palettes = [_palette(self.style(index, which)) for which in range(count)]
        return _inked(self.content(index), palettes, self.size)

    def mixed(self, content: int, style: int) -> Tensor:
        """The truth about a guided translation: one index's content in the style of another."""
        return picture(self.content(content), self.style(style), self.size)

    def hues(self) -> Tensor:
        """The hue of every picture, in turns, float32 (N,)."""
        return torch.tensor([self.style(index).hue for index in range(self.count)])

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(f"picture {index} of {self.count}")
        return int(index)
