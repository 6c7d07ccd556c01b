"""Convolutions with their norm and activation. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from modgan.layers.norm import instance_norm

Norm = Callable[[int], nn.Module]  # channels -> layer


def conv(
    n_in: int,
    n_out: int,
    kernel: int,
    stride: int = 1,
    padding: int = 1,
    norm: Norm = instance_norm,
) -> nn.Sequential:
    """Convolution without bias, norm, ReLU: with instance norm the encoder's block of StarGAN."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, padding, bias=False),
        norm(n_out),
        nn.ReLU(inplace=True),
    )


def upconv(n_in: int, n_out: int, norm: Norm = instance_norm) -> nn.Sequential:
    """Transposed convolution that doubles H and W, norm, ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False),
        norm(n_out),
        nn.ReLU(inplace=True),
    )


def plain_conv(layer: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """A convolution, instance norm without weights, ReLU: the block of CycleGAN and MUNIT."""
    return nn.Sequential(layer, nn.InstanceNorm2d(layer.out_channels), nn.ReLU(inplace=True))


def reflect_conv(n_in: int, n_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution over reflected borders: odd kernels keep H and W, 4 of stride 2 halve them."""
    padding = (kernel - 1) // 2
    return nn.Conv2d(n_in, n_out, kernel, stride, padding, padding_mode="reflect")


def leaky(layer: nn.Conv2d | nn.Linear) -> nn.Sequential:
    """A convolution or a linear layer, leaky ReLU."""
    return nn.Sequential(layer, nn.LeakyReLU(0.2))


def leaky_norm(n_in: int, n_out: int, kernel: int, stride: int) -> nn.Sequential:
    """Convolution without bias and with padding 1, batch norm, leaky ReLU."""
    layer = nn.Conv2d(n_in, n_out, kernel, stride, 1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(n_out), nn.LeakyReLU(0.2))
