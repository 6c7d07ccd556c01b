"""Convolutions with their norm and activation. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from torch import nn

from modgan.layers.norm import instance_norm


def conv(n_in: int, n_out: int, kernel: int, stride: int = 1, padding: int = 1) -> nn.Sequential:
    """Convolution without bias, instance norm, ReLU: the encoder's block of StarGAN."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, padding, bias=False),
        instance_norm(n_out),
        nn.ReLU(inplace=True),
    )


def upconv(n_in: int, n_out: int) -> nn.Sequential:
    """Transposed convolution that doubles H and W, instance norm, ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False),
        instance_norm(n_out),
        nn.ReLU(inplace=True),
    )
