"""Coloured digits: grey ones, such as MNIST's, drawn with exact attributes and exact edits.

Picture i of a seed is a function of (digits, seed, i): an edited picture shows the same digit.
Axes: N digits, H W positions in a picture, A attributes.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from torch import Tensor

Colour = tuple[int, int, int]
Ink = NDArray[np.float32]  # (H, W), which share of each pixel is covered, 0 to 1

COLOURS: dict[str, Colour] = {
    "red": (206, 32, 44),
    "blue": (34, 84, 204),
    "green": (22, 132, 62),
    "purple": (132, 44, 168),
    "brown": (120, 70, 28),
}
BACKGROUNDS: dict[str, Colour] = {
    "cyan": (120, 214, 226),
    "yellow": (250, 222, 96),
    "white": (255, 255, 255),
    "silver": (190, 194, 202),
    "salmon": (250, 160, 138),
}
PAPER: Colour = (255, 255, 255)  # what an outlined digit is filled with
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "number": tuple("0123456789"),
    "colour": tuple(COLOURS),
    "stroke": ("flat", "outlined"),
    "background": tuple(BACKGROUNDS),
}
DRAWN = tuple(ATTRIBUTES)[1:]  # what is drawn by lot; the number comes with the digit

MARGIN = 1 / 14  # of the grey digit: put on every side, or its contour would leave the picture
CONTOUR = 1 / 20  # of the picture: how wide the contour of an outlined digit is
BLUR = 1 / 64  # of the picture: smooths the edges, which are ragged in MNIST
LEVEL = 0.28  # the grey at the edge of ink: below half, so thin strokes last and are thicker


def attributes_of(seed: int, index: int) -> dict[str, str]:
    """Colour, stroke and background of picture `index`: independent, each equally likely."""
    rng = np.random.default_rng([seed, index, 0])
    return {name: ATTRIBUTES[name][int(rng.integers(len(ATTRIBUTES[name])))] for name in DRAWN}


class Digits:
    """ColorMNIST: every digit in one of 5 colours, 2 strokes and on one of 5 backgrounds.

    The data set of "Modular Generative Adversarial Networks" (Zhao, Chang, Jie, Sigal, ECCV 2018),
    after MNIST Dialog ("Visual Reference Resolution using Attention Memory for Visual Dialog",
    Seo, Lehrmann, Han, Sigal, NIPS 2017): 50,000 pictures of 64x64 there. The pictures are not
    theirs: colours, contour and background are drawn anew here, and cleaner.

    `images`, uint8 (N, S, S), white on black, and `labels`, int64 (N,), come from `read_mnist` or
    from `typeset`. Picture i shows digit i modulo N; there are `count` pictures, None: N.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        size: int = 64,
        seed: int = 0,
        count: int | None = None,
    ) -> None:
        _check_digits(images, labels)
        if size < 16:
            raise ValueError(f"Digits: size must be at least 16 pixels to show a digit, got {size}")
        if count is not None and count < 1:
            raise ValueError(f"Digits: count must be at least 1 or None, got {count}")
        self.digits, self.numbers = images.cpu().numpy(), labels.cpu().numpy()
        self.count = len(images) if count is None else count
        self.size, self.seed = size, seed
        self.attributes = dict(ATTRIBUTES)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One picture, uint8 (3, size, size), and its labels, int64 (A,), as positions."""
        labels = self.labels_of(index)
        places = [ATTRIBUTES[name].index(label) for name, label in labels.items()]
        return self.counterfactual(index), torch.tensor(places, dtype=torch.int64)

    def labels_of(self, index: int) -> dict[str, str]:
        """The label of every attribute of picture `index`, by name."""
        if not 0 <= index < self.count:
            raise IndexError(f"picture {index} of {self.count}")
        number = ATTRIBUTES["number"][self.numbers[index % len(self.numbers)]]
        return {"number": number} | attributes_of(self.seed, index)

    def counterfactual(self, index: int, **changed: str) -> Tensor:
        """Picture `index` with some attributes changed, all else the same, uint8 (3, size, size).

        The number cannot change: another number is another digit.
        """
        own = self.labels_of(index)
        _check_changed(own["number"], changed)
        picture = draw(self.digits[index % len(self.digits)], self.size, **(own | changed))
        return torch.from_numpy(picture).permute(2, 0, 1).contiguous()


def _check_digits(images: Tensor, labels: Tensor) -> None:
    shape = tuple(images.shape)
    if images.dtype != torch.uint8 or len(shape) != 3 or shape[1] != shape[2] or 0 in shape:
        raise ValueError(
            f"Digits: expected images uint8 (N, S, S), got {images.dtype} {shape}; "
            "take them from read_mnist or typeset"
        )
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"Digits: expected labels int64 ({shape[0]},), one for each image, got "
            f"{labels.dtype} {tuple(labels.shape)}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > 9:
        raise ValueError(f"Digits: expected labels of 0 to 9, got {low} to {high}")


def _check_changed(number: str, changed: dict[str, str]) -> None:
    for name, label in changed.items():
        if name not in ATTRIBUTES:
            raise ValueError(f"no attribute {name!r}; there are {', '.join(ATTRIBUTES)}")
        if label not in ATTRIBUTES[name]:
            exist = ", ".join(ATTRIBUTES[name])
            raise ValueError(f"{name} has no label {label!r}; it has {exist}")
    if changed.get("number", number) != number:
        raise ValueError(
            f"number cannot change from {number} to {changed['number']}: another number is another "
            f"digit; change {', '.join(DRAWN)}, or take a picture that shows it"
        )


# --- the picture ------------------------------------------------------------------------------


def draw(
    digit: NDArray[np.uint8], size: int, colour: str, stroke: str, background: str, number: str = ""
) -> NDArray[np.uint8]:
    """A grey digit (S, S), white on black, as a coloured picture (size, size, 3).

    Flat is ink in the colour. Outlined is white ink in a contour of the colour that lies around it,
    so that thin strokes stay open. `number` is what the digit shows; nothing depends on it.
    """
    ink = _ink(digit, size)
    page = np.full((size, size, 3), BACKGROUNDS[background], dtype=np.float32)
    if stroke == "outlined":
        page = _laid(_laid(page, _thickened(ink, CONTOUR * size), COLOURS[colour]), ink, PAPER)
    else:
        page = _laid(page, ink, COLOURS[colour])
    return (page + 0.5).astype(np.uint8)


def _laid(page: NDArray[np.float32], ink: Ink, colour: Colour) -> NDArray[np.float32]:
    return page + ink[:, :, None] * (np.array(colour, dtype=np.float32) - page)


def _ink(digit: NDArray[np.uint8], size: int) -> Ink:
    """The digit enlarged, in a margin, with edges that are one pixel wide."""
    framed = np.pad(digit, round(MARGIN * len(digit)))
    large = Image.fromarray(framed).resize((size, size), Image.Resampling.BICUBIC)
    smooth = large.filter(ImageFilter.GaussianBlur(BLUR * size))
    grey = np.asarray(smooth, dtype=np.float32) / 255
    slope = np.hypot(*np.gradient(grey))
    inside = (grey - LEVEL) / np.maximum(slope, 1e-3)  # how deep, in pixels, near the edge
    return np.asarray(np.clip(inside + 0.5, 0, 1), dtype=np.float32)


def _thickened(ink: Ink, radius: float) -> Ink:
    """The ink grown by `radius` pixels in every direction, antialiased as it was."""
    reach, size = math.ceil(radius + 0.5), len(ink)
    steep = np.where(ink > 0, ink, np.float32(-size))  # where nothing is, nothing grows
    field = np.pad(steep, reach, constant_values=-size)
    grown = steep + np.float32(radius)
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            gain = radius - math.hypot(x, y)
            if gain > -1:  # even a full pixel reaches no further
                near = field[reach + y : reach + y + size, reach + x : reach + x + size]
                np.maximum(grown, near + np.float32(gain), out=grown)
    return np.clip(grown, 0, 1)


# --- digits without MNIST ---------------------------------------------------------------------

SIDE = 28  # pixels, as MNIST
FINE = 4  # typeset digits are drawn so many times larger


def typeset(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Digits of Pillow's own font, uint8 (N, 28, 28), and which, int64 (N,): no download needed.

    Number, turn, slant, size, place and weight of digit i are a function of (seed, i). They stand
    in for MNIST where what is tested is the machinery: a single typeface is far easier than hands.
    """
    if count < 1:
        raise ValueError(f"typeset: count must be at least 1, got {count}")
    # A stream of its own: with that of `attributes_of` the number would tell the colour.
    streams = (np.random.default_rng([seed, index, 1]) for index in range(count))
    pairs = [_typeset_one(rng) for rng in streams]
    images, numbers = zip(*pairs, strict=True)
    return torch.from_numpy(np.stack(images)), torch.tensor(numbers, dtype=torch.int64)


def _typeset_one(rng: np.random.Generator) -> tuple[NDArray[np.uint8], int]:
    number, u = int(rng.integers(10)), rng.uniform
    turn, slant = np.deg2rad(u(-14, 14)), u(-0.1, 0.3)
    wide, high = u(0.75, 1.1), u(0.85, 1.05)
    shift, weight = u(-1, 1, 2) * FINE, u(0, 4.5)
    rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shape = rotate @ np.array([[1.0, -slant], [0.0, 1.0]]) @ np.diag([wide, high])
    back = np.linalg.inv(shape)  # Pillow wants, for every pixel, where it comes from
    middle = np.full(2, SIDE * FINE / 2)
    (a, b), (d, e) = back
    c, f = middle - back @ (middle + shift)
    glyph = _glyph(number, weight)
    moved = glyph.transform(
        glyph.size, Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BICUBIC
    )
    return np.asarray(moved.reduce(FINE)), number


def _glyph(number: int, weight: float) -> Image.Image:
    """A digit in the middle of a page, its strokes `weight` thicker on either side."""
    page = Image.new("L", (SIDE * FINE, SIDE * FINE))
    text, font = str(number), _font()
    left, top, right, bottom = font.getbbox(text)
    corner = (page.width - left - right) / 2, (page.height - top - bottom) / 2
    ImageDraw.Draw(page).text(corner, text, 255, font, stroke_width=weight)
    return page


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(26 * FINE)
