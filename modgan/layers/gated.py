"""Blocks with gates, x·σ(y): every convolution gives twice the channels, half of them gates.

FineGAN (Singh et al. 2019) and MixNMatch (Li et al. 2020). Axes: B batch, C channels, H W
positions, n entries of a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from einops import rearrange
from torch import Tensor, nn

from modgan.spec import InterfaceError

START = 4  # the side of the map that noise becomes first


def gated(layer: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """A convolution, batch norm, GLU: half of the convolution's channels are left."""
    return nn.Sequential(layer, nn.BatchNorm2d(layer.out_channels), nn.GLU(1))


def same_block(n_in: int, n_out: int) -> nn.Sequential:
    """A gated 3×3 convolution, (B, n_in, H, W) -> (B, n_out, H, W)."""
    return gated(nn.Conv2d(n_in, 2 * n_out, 3, padding=1, bias=False))


def up_block(n_in: int, n_out: int) -> nn.Sequential:
    """Twice the side, then a gated 3×3 convolution, (B, n_in, H, W) -> (B, n_out, 2H, 2W)."""
    return nn.Sequential(nn.Upsample(scale_factor=2), same_block(n_in, n_out))


class GatedBlock(nn.Module):
    """x + BN(conv(GLU(BN(conv(x))))), (B, C, H, W) -> same; no activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            same_block(channels, channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class GatedGrowth(nn.Module):
    """(B, n) -> (B, widths[-1], H, H): a gated linear layer to 4×4, then doublings.

    `widths` are the channels at 4×4 and after every doubling.
    """

    def __init__(self, n_in: int, widths: Sequence[int]) -> None:
        super().__init__()
        flat = 2 * START**2 * widths[0]
        linear = nn.Linear(n_in, flat, bias=False)
        self.start = nn.Sequential(linear, nn.BatchNorm1d(flat), nn.GLU(1))
        self.grow = nn.Sequential(*(up_block(a, b) for a, b in pairwise(widths)))

    def forward(self, x: Tensor) -> Tensor:
        start = rearrange(self.start(x), "b (c h w) -> b c h w", h=START, w=START)
        return self.grow(start)


def joint_stage(n_in: int, width: int, n_res: int) -> nn.Sequential:
    """What reads a feature with its code: a gated convolution and `n_res` residual blocks."""
    if width < 1 or n_res < 0:
        raise InterfaceError(
            "a stage joins feature and code in 1 channel or more and 0 residual blocks or more, "
            f"got width {width}, n_res {n_res}"
        )
    return nn.Sequential(same_block(n_in, width), *(GatedBlock(width) for _ in range(n_res)))
