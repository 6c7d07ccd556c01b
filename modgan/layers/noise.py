"""Noise between layers. Axes: any."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def noised(x: Tensor, std: float = 1.0) -> Tensor:
    """x + std·n with n ~ N(0, 1) drawn anew for every element.

    With std 1 a sample of UNIT's posterior N(x, 1), for training; at test time x is used itself.
    """
    return x + std * torch.randn_like(x)


class Noise(nn.Module):
    """x + std·n with n ~ N(0, 1) drawn anew for every element, in evaluation mode too."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return noised(x, self.std)
