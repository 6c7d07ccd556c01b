"""Norms. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from torch import nn


def instance_norm(channels: int) -> nn.InstanceNorm2d:
    """Instance norm with a learned scale and shift.

    The original codes track running statistics and never use them (they train and test with
    instance statistics), so none are kept here.
    """
    return nn.InstanceNorm2d(channels, affine=True)
