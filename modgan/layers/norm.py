"""Norms. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from math import gcd

import torch
from einops import rearrange
from torch import Tensor, nn

EPSILON = 1e-5


def group_norm(channels: int) -> nn.GroupNorm:
    """Group norm with about 8 channels a group, fewer groups where 8 does not divide."""
    return nn.GroupNorm(gcd(max(1, channels // 8), channels), channels)


def instance_norm(channels: int) -> nn.InstanceNorm2d:
    """Instance norm with a learned scale and shift.

    The original codes track running statistics and never use them (they train and test with
    instance statistics), so none are kept here.
    """
    return nn.InstanceNorm2d(channels, affine=True)


class SampleNorm(nn.Module):
    """(x − μ) / (σ + ε)·γ + β over all of a sample, (B, C, H, W) -> same; γ and β per channel.

    σ is the unbiased deviation and ε is added to it, not to the variance; γ starts in U(0, 1).
    The layer norm of MUNIT's decoder (Huang et al. 2018), which is neither `nn.LayerNorm` nor
    group norm with one group.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        std, mean = torch.std_mean(x, dim=(1, 2, 3), keepdim=True)
        gamma, beta = (rearrange(p, "c -> c 1 1") for p in (self.gamma, self.beta))
        return (x - mean) / (std + EPSILON) * gamma + beta
