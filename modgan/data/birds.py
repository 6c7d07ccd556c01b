"""Birds drawn from numbers: background, shape, texture and pose are separate, exact factors.

Picture i of a seed is a function of (seed, i). Every factor is drawn from a stream of its own, so
the background of one bird, the texture of another, the shape of a third and the pose of a fourth
make a picture that is the truth about their mix. Axes: H W positions.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from modgan.data.bird_parts import DECALS, REGIONS, SHAPES, Part, Silhouette
from modgan.data.bird_plumage import PLUMAGES, marks
from modgan.data.bird_scenes import SCENES, paint_scene
from modgan.data.boxed import Box, Sample
from modgan.data.images import to_tensor
from modgan.data.portrait_parts import Points

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "background": tuple(SCENES),
    "shape": tuple(SHAPES),
    "texture": tuple(PLUMAGES),
}
TEXTURES_PER_SHAPE = len(PLUMAGES) // len(SHAPES)  # texture t belongs to shape t // 2
POSE = ("x", "y", "size", "facing", "tilt", "nod", "raised")  # what `Pose.numbers` are
MARGIN = 0.02  # of the picture's side: a bird keeps this far from its edges
CONTOUR = 0.011  # of the picture's side: how wide the ink around a bird is


@dataclass(frozen=True, slots=True)
class Background:
    """A scene, and the seed of what varies within it."""

    label: str
    noise: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A species, and the proportions of this bird."""

    label: str
    width: float  # of the body, about 1
    head: float  # size of the head, about 1


@dataclass(frozen=True, slots=True)
class Texture:
    """A plumage, and how this bird's differs."""

    label: str
    hue: float  # turn of all hues, in whole circles
    light: float  # gain of all colours, about 1
    phase: float  # shift of the pattern, in its steps


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the bird is, how large, and what it does."""

    x: float  # of the box's middle, -1 left to 1 right, in the room that the size leaves
    y: float  # the same, -1 top to 1 bottom
    size: float  # longer side of the box without its ink, in sides of the picture
    facing: str  # left or right
    tilt: float  # of the bird, radians, positive lifts the tail
    nod: float  # of the head against the body, radians, positive looks down
    wing: str  # folded or raised
    flap: float  # how much further a raised wing is turned, radians

    def numbers(self) -> Tensor:
        """The pose as float32 (7,), named in `POSE`; right and raised are 1, left -1, folded 0."""
        facing, raised = 1.0 if self.facing == "right" else -1.0, float(self.wing == "raised")
        pose = (self.x, self.y, self.size, facing, self.tilt, self.nod, raised)
        return torch.tensor(pose, dtype=torch.float32)


@dataclass(frozen=True, slots=True)
class Bird:
    """All four factors of a picture."""

    background: Background
    shape: Shape
    texture: Texture
    pose: Pose

    def labels(self) -> dict[str, str]:
        """The label of every attribute."""
        return {name: getattr(self, name).label for name in ATTRIBUTES}


class Drawn(NamedTuple):
    """A picture and what is exactly known about it."""

    picture: Tensor  # uint8 (3, H, W)
    mask: Tensor  # uint8 (1, H, W), which share of each pixel the bird covers: 255 is all of it
    box: Box  # around every pixel that the mask is not 0 in
    bare: Tensor  # uint8 (3, H, W), the same background without the bird


def bird_of(seed: int, index: int, tied: bool = True) -> Bird:
    """The factors of picture `index`: labels equally likely, background and shape independent.

    Tied, the texture is one of the two of the shape; otherwise any, whatever the shape. All else
    stays the same.
    """
    streams = [np.random.default_rng([seed, index, k]) for k in range(4)]
    shape = _shape(streams[1])
    return Bird(
        _background(streams[0]), shape, _texture(streams[2], shape if tied else None),
        _pose(streams[3]),
    )  # fmt: skip


def mix(background: Bird, texture: Bird, shape: Bird, pose: Bird) -> Bird:
    """The bird that takes one factor from each of four others."""
    return Bird(background.background, shape.shape, texture.texture, pose.pose)


def _one(rng: np.random.Generator, labels: tuple[str, ...]) -> str:
    return labels[int(rng.integers(len(labels)))]


def _background(rng: np.random.Generator) -> Background:
    return Background(_one(rng, ATTRIBUTES["background"]), int(rng.integers(2**32)))


def _shape(rng: np.random.Generator) -> Shape:
    return Shape(_one(rng, ATTRIBUTES["shape"]), rng.uniform(0.93, 1.08), rng.uniform(0.94, 1.06))


def _texture(rng: np.random.Generator, shape: Shape | None) -> Texture:
    place = int(rng.integers(len(PLUMAGES)))
    if shape is not None:
        first = TEXTURES_PER_SHAPE * ATTRIBUTES["shape"].index(shape.label)
        place = first + place % TEXTURES_PER_SHAPE
    label = ATTRIBUTES["texture"][place]
    return Texture(label, rng.uniform(-0.018, 0.018), rng.uniform(0.94, 1.05), rng.uniform(0, 1))


def _pose(rng: np.random.Generator) -> Pose:
    u = rng.uniform
    return Pose(
        x=u(-1, 1), y=u(-1, 1), size=u(0.6, 0.8),
        facing=_one(rng, ("left", "right")), tilt=math.radians(u(-12, 12)),
        nod=math.radians(u(-14, 14)), wing=_one(rng, ("folded", "raised")),
        flap=math.radians(u(-18, 18)),
    )  # fmt: skip


# --- the parts in place -----------------------------------------------------------------------


def _turned(points: Points, pivot: tuple[float, float], turn: float, gain: float = 1.0) -> Points:
    c, s = math.cos(turn), math.sin(turn)
    moved: Points = (points - pivot) @ (gain * np.array([[c, s], [-s, c]])) + pivot
    return moved


def _posed(outline: Silhouette, shape: Shape, pose: Pose) -> list[Part]:
    """The parts, back to front, with head and wing turned; raised, a far wing is behind them."""
    angle = outline.raised + pose.flap
    parts: list[Part] = []
    for part in outline.parts:
        points = part.points
        if part.joint == "head":
            points = _turned(points, outline.nape, pose.nod, shape.head)
        elif part.joint == "wing" and pose.wing == "raised":
            if part.name == "wing":
                far = _turned(points, outline.shoulder, angle + 0.38, 0.95 * outline.reach)
                parts.insert(0, Part("far", far))
            points = _turned(points, outline.shoulder, angle, outline.reach)
        parts.append(Part(part.name, points, part.joint))
    return parts


def _placed(bird: Bird, pixels: int) -> tuple[list[Part], Points, Points]:
    """The parts in pixels; the frame of the bird's pattern there: axes (2, 2), origin (2,)."""
    pose = bird.pose
    parts = _posed(SHAPES[bird.shape.label], bird.shape, pose)
    c, s = math.cos(pose.tilt), math.sin(pose.tilt)
    turned = np.diag([bird.shape.width, 1.0]) @ np.array([[c, s], [-s, c]])
    if pose.facing == "left":
        turned = turned @ np.diag([-1.0, 1.0])
    solid = np.concatenate([part.points for part in parts if not part.decal]) @ turned
    low, high = solid.min(0), solid.max(0)
    unit = pose.size / (high - low).max()  # sides of the picture
    half = unit * (high - low) / 2 + MARGIN + CONTOUR
    middle = 0.5 + np.array([pose.x, pose.y]) * np.maximum(0.5 - half, 0)
    axes, origin = turned * unit * pixels, (middle - unit * (low + high) / 2) * pixels
    placed = [Part(part.name, part.points @ axes + origin, part.joint) for part in parts]
    square = turned / np.hypot(*turned[1]) * pose.size / 2 * pixels
    return placed, square, middle * pixels


# --- the picture ------------------------------------------------------------------------------


def _fill(ink: ImageDraw.ImageDraw, points: Points, value: int) -> None:
    ink.polygon(points.ravel().tolist(), fill=value)


def _trace(ink: ImageDraw.ImageDraw, points: Points, value: int, thick: int) -> None:
    closed = np.concatenate([points, points[:2]])
    ink.line(closed.ravel().tolist(), value, thick)


def _regions(parts: list[Part], pixels: int) -> tuple[Image.Image, Image.Image]:
    """Which region and which decal lies at every place, as positions in REGIONS and DECALS."""
    regions, decals = (Image.new("L", (pixels, pixels)) for _ in range(2))
    ink, stamp = ImageDraw.Draw(regions), ImageDraw.Draw(decals)
    thick = max(2, round(2 * CONTOUR * pixels))
    for part in parts:
        if not part.decal:
            _trace(ink, part.points, REGIONS.index("ink"), thick)
    for part in parts:
        if part.decal:
            _fill(stamp, part.points, DECALS.index(part.name))
            continue
        if part.name == "wing":
            _trace(ink, part.points, REGIONS.index("edge"), thick // 2)
        _fill(ink, part.points, REGIONS.index(part.name))
    return regions, decals


def _jittered(palette: NDArray[np.uint8], texture: Texture) -> NDArray[np.uint8]:
    flat = palette.reshape(-1, 3)
    rows = []
    for r, g, b in flat.tolist():
        h, s, v = colorsys.rgb_to_hsv(r / 255, g / 255, b / 255)
        colour = colorsys.hsv_to_rgb((h + texture.hue) % 1.0, s, min(1.0, v * texture.light))
        rows.append([round(255 * x) for x in colour])
    return np.array(rows, dtype=np.uint8).reshape(palette.shape)


def _coloured(bird: Bird, pixels: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The bird in colour (H, W, 3), black around it, and where it is (H, W)."""
    parts, axes, origin = _placed(bird, pixels)
    regions, decals = (np.asarray(each) for each in _regions(parts, pixels))
    plumage = PLUMAGES[bird.texture.label]
    pattern = Image.new("L", (pixels, pixels))
    if plumage.pattern:
        ink = ImageDraw.Draw(pattern)
        for points in marks(plumage.pattern, bird.texture.phase):
            _fill(ink, points @ axes + origin, 1)
    palette = _jittered(plumage.palette(), bird.texture)
    colours = palette[regions, decals, np.asarray(pattern)]
    return colours, regions > 0


def draw(bird: Bird, size: int = 64) -> Drawn:
    """The picture of these factors, `size`² pixels."""
    if size < 16:
        raise ValueError(f"birds: size must be at least 16 pixels to show a bird, got {size}")
    fine = 4 if size <= 128 else 3
    scene = paint_scene(bird.background.label, bird.background.noise, fine * size)
    colours, inside = _coloured(bird, fine * size)
    mask = Image.fromarray(inside.astype(np.uint8) * 255)
    picture = scene.copy()
    picture.paste(Image.fromarray(colours), mask=mask)
    small = mask.reduce(fine)
    left, top, right, bottom = small.getbbox() or (0, 0, 0, 0)
    return Drawn(
        to_tensor(picture.reduce(fine)),
        torch.from_numpy(np.array(small))[None],
        (top, left, bottom, right),
        to_tensor(scene.reduce(fine)),
    )


class Birds:
    """A data set of birds; picture i is a function of (seed, i), and of whether they are tied."""

    def __init__(self, count: int, size: int = 64, seed: int = 0, tied: bool = True) -> None:
        self.count, self.size, self.seed, self.tied = count, size, seed, tied
        self.attributes = dict(ATTRIBUTES)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One picture, uint8 (3, H, W), and its labels, int64 (A,), as positions."""
        return self.drawn(index).picture, torch.tensor(self._places(index), dtype=torch.int64)

    def bird(self, index: int) -> Bird:
        """The factors of picture `index`."""
        if not 0 <= index < self.count:
            raise IndexError(f"picture {index} of {self.count}")
        return bird_of(self.seed, int(index), self.tied)

    def drawn(self, index: int) -> Drawn:
        """Picture `index` with its mask, box and bare background."""
        return draw(self.bird(index), self.size)

    def mixed(self, background: int, texture: int, shape: int, pose: int) -> Drawn:
        """The truth about a mix: each factor is that of the picture of this index."""
        sources = (self.bird(index) for index in (background, texture, shape, pose))
        return draw(mix(*sources), self.size)

    def sample(self, index: int) -> Sample:
        """Picture `index` with its box and labels, as `Boxed` takes them."""
        drawn = self.drawn(index)
        picture = Image.fromarray(drawn.picture.permute(1, 2, 0).numpy())
        return Sample(picture, drawn.box, self._places(index), f"bird {index}")

    def _places(self, index: int) -> tuple[int, ...]:
        labels = self.bird(index).labels()
        return tuple(ATTRIBUTES[name].index(label) for name, label in labels.items())
