"""Pictures of objects in boxes, held in memory and cut out anew in every step.

A box is (y1, x1, y2, x2) in pixels, y down; y2 and x2 are the first row and column outside it.
Axes: N pictures, B batch, A attributes, H W positions.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

Box = tuple[int, int, int, int]


class Sample(NamedTuple):
    """A picture as it is in the files, with what is known about it."""

    picture: Tensor  # uint8 (3, H, W), any size
    box: Box | None  # of the object; None where nobody knows
    labels: tuple[int, ...]  # a label index per attribute
    where: str  # names the picture in errors
