"""Norms. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from math import gcd

from torch import nn


def group_norm(channels: int) -> nn.GroupNorm:
    """Group norm with about 8 channels a group, fewer groups where 8 does not divide."""
    return nn.GroupNorm(gcd(max(1, channels // 8), channels), channels)


def instance_norm(channels: int) -> nn.InstanceNorm2d:
    """Instance norm with a learned scale and shift.

    The original codes track running statistics and never use them (they train and test with
    instance statistics), so none are kept here.
    """
    return nn.InstanceNorm2d(channels, affine=True)
