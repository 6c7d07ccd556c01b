"""Line drawings of the drawn portraits: the same people, clothes and attributes, without colours.

They are drawn along the same shapes. Every shape is white with a dark outline, so that it hides the
lines of what lies behind it; beards are grey. Shadows, gloss, backgrounds and the colour of hair
are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from modgan.data.portrait_parts import Colour, Path, Pen, open_curve, shade
from modgan.data.portraits import Portraits, attributes_of, check, draw_person, person_of
from modgan.data.sketches import stroke

LINE = 0.018  # of the picture's side: how wide outlines are
THICKEST = 0.024  # of the picture's side: lines are not wider, whatever they are in colour
SMALLEST = 0.035  # of the picture's side: shapes not larger than this are left out
BLACK, DARK, LIGHT = 130, 200, 560  # red + green + blue
_INK, _GREY, _PAPER = 34, 160, 255
_PLAIN = (240, 240, 240)  # the skin and the clothes of whoever sits for a drawing
_SHADOWS = {shade(_PLAIN, gain) for gain in (0.91, 0.8, 0.74)}  # cheek; ear and neck; forehead


@dataclass(frozen=True, slots=True)
class LinePen(Pen):
    """A pen that outlines shapes, in the place of filling them with their colours."""

    canvas: Image.Image  # grey, square

    def polygon(self, points: Path, colour: Colour) -> None:
        """Outline a shape: black ones are ink all over, dark ones grey inside, others white.

        Glazes, shadows, and tiny shapes unless they are black, are left out.
        """
        corners, light = self._place(points), sum(colour)
        small = np.ptp(corners, axis=0).max() <= SMALLEST * self.canvas.width
        if len(colour) > 3 or colour in _SHADOWS or (small and light >= BLACK):
            return
        fill = _INK if light < BLACK else _GREY if light < DARK else _PAPER
        self.ink.polygon(corners.ravel().tolist(), fill=fill)
        if fill != _INK:
            closed = np.concatenate([corners, corners[:2]])
            stroke(self.canvas, closed, round(LINE * self.canvas.width), _INK)

    def line(self, points: Path, width: float, colour: Colour) -> None:
        """Draw a line in ink; glazes and light ones, which are gloss, are left out."""
        if len(colour) == 3 and sum(colour) < LIGHT:
            thick = min(width * math.hypot(*self.axes[1]), THICKEST * self.canvas.width)
            stroke(self.canvas, self._place(open_curve(points)), max(1, round(thick)), _INK)


def sketch(seed: int, index: int, size: int = 64, **changed: str) -> Image.Image:
    """The lines of portrait `index`, RGB of `size`², with some attributes changed."""
    check(changed)
    fine = 4 if size <= 128 else 3
    canvas = Image.new("L", (fine * size, fine * size), _PAPER)
    axes = np.eye(2) * canvas.width
    person = replace(person_of(seed, index), skin=_PLAIN, cloth=_PLAIN, cloth_extra=_PLAIN)
    labels = attributes_of(seed, index) | changed | {"hair": "blond"}
    draw_person(LinePen(ImageDraw.Draw(canvas), np.zeros(2), axes, canvas), person, labels)
    return canvas.reduce(fine).convert("RGB")


class PortraitSketches(Portraits):
    """A data set of line drawings; sketch i of a seed is of portrait i of that seed."""

    def counterfactual(self, index: int, **changed: str) -> Tensor:
        """Sketch `index` with some attributes changed, uint8 (3, H, W)."""
        image = sketch(self.seed, self._checked(index), self.size, **changed)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
