"""Noise between layers. Axes: any."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Noise(nn.Module):
    """x + std·n with n ~ N(0, 1) drawn anew for every element, in evaluation mode too."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * torch.randn_like(x)
