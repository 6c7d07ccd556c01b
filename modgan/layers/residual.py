"""Residual blocks. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from torch import Tensor, nn

from modgan.layers.norm import instance_norm


class ResidualBlock(nn.Module):
    """x + IN(conv(ReLU(IN(conv(x))))), (B, C, H, W) -> same; no activation after the sum.

    StarGAN and ModularGAN (Zhao et al. 2018).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            instance_norm(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            instance_norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ReflectBlock(nn.Module):
    """x + IN(conv(ReLU(IN(conv(x))))), (B, C, H, W) -> same, over reflected borders.

    CycleGAN's block: instance norm without weights, convolutions with biases (Zhu et al. 2017).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class PreactBlock(nn.Module):
    """x + conv(act(conv(act(x)))) without norm, (B, C, H, W) -> same.

    The last convolution starts at a tenth of its usual size, so a deep stack begins close to
    the identity and needs no norm to train (Zhang et al., Fixup, 2019).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.Conv2d(channels, channels, 3, padding=1)
        last.weight.data.mul_(0.1)
        self.body = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(0.2),
            last,
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
