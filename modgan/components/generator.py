"""G: noise and code -> feature. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from itertools import pairwise
from math import log2

import torch
from einops import rearrange
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.layers import instance_norm, upconv
from modgan.spec import FeatureSpec, InterfaceError, onehot


@register("conv_generator")
class ConvGenerator(Component):
    """Noise and a label grow from 1×1 to the feature's size by transposed convolutions.

    Ports: z (B, n_z) normal, {attribute} one-hot (B, n) -> feature (B, C, H, W).
    Zhao et al., Modular Generative Adversarial Networks, ECCV 2018.
    """

    def __init__(
        self, feature: FeatureSpec, attribute: str, labels: tuple[str, ...], n_z: int = 64
    ) -> None:
        super().__init__()
        side, c = feature.height or 0, feature.channels
        if side != feature.width or side < 4 or side & (side - 1):
            raise InterfaceError(f"a generator's feature is a square of 4, 8, 16, …; got {feature}")
        code = onehot(attribute, labels)
        self.declare({"z": FeatureSpec(n_z, space="normal"), attribute: code}, {"feature": feature})
        n_up = int(log2(side)) - 2
        widths = [c * 2 ** (n_up - i) for i in range(n_up + 1)]
        self.start = nn.Sequential(
            nn.ConvTranspose2d(n_z + len(labels), widths[0], 4, bias=False),
            instance_norm(widths[0]),
            nn.ReLU(inplace=True),
        )
        self.grow = nn.Sequential(*(upconv(a, b) for a, b in pairwise(widths)))

    def forward(self, z: Tensor, value: Tensor) -> Tensor:
        return self.grow(self.start(rearrange(torch.cat([z, value], 1), "b n -> b n 1 1")))
