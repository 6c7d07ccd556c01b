"""Norms whose scales and shifts come from elsewhere. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from modgan.layers.conv import reflect_conv


def adain(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """scale·(x − μ) / √(σ² + 1e-5) + shift, μ and σ² of each channel of x (B, C, H, W).

    `scale` and `shift` are (B, C, 1, 1). Huang & Belongie, ICCV 2017.
    """
    return scale * F.instance_norm(x) + shift


class AdainBlock(nn.Module):
    """x + AdaIN(conv(ReLU(AdaIN(conv(x))))), (B, C, H, W) -> same, over reflected borders.

    `modulation` (2, 2, B, C, 1, 1) holds scale and shift of the first norm, then of the second.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = reflect_conv(channels, channels, 3)
        self.second = reflect_conv(channels, channels, 3)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        (scale, shift), (last_scale, last_shift) = (pair.unbind() for pair in modulation.unbind())
        inner = F.relu(adain(self.first(x), scale, shift))
        return x + adain(self.second(inner), last_scale, last_shift)
