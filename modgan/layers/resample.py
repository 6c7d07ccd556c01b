"""Maps of another size. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def resized(maps: Tensor, side: int) -> Tensor:
    """(B, C, H, W) -> (B, C, side, side), bilinear; the corners of both lie on each other."""
    return F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=True)
