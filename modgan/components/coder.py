"""Q: image -> code. Axes: B batch, C channels, H W positions, n labels."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from modgan.component import Component, register
from modgan.layers import group_norm
from modgan.spec import FeatureSpec, InterfaceError, logits


@register("attribute_coder")
class AttributeCoder(Component):
    """Reads attributes from a picture: a convolutional classifier with a head per attribute.

    Ports: image (B, 3, H, W) in -1..1 -> per attribute {attribute} (B, n), a logit per label.
    """

    def __init__(
        self, image: FeatureSpec, attributes: dict[str, list[str]], channels: int = 32
    ) -> None:
        super().__init__()
        if image.height is None or image.height != image.width or image.height % 8:
            raise InterfaceError(f"a coder needs square pictures of a multiple of 8, got {image}")
        if not attributes:
            raise InterfaceError("a coder needs at least one attribute to read")
        heads = {name: logits(labels) for name, labels in attributes.items()}
        self.declare({"image": image}, heads)
        widths = [image.channels, channels, 2 * channels, 4 * channels]
        self.body = nn.Sequential(
            *(_halving(a, b) for a, b in pairwise(widths)),
            nn.Flatten(),
            nn.Linear(widths[-1] * (image.height // 8) ** 2, 4 * channels),
            nn.ReLU(inplace=True),
        )
        self.heads = nn.ModuleList(
            nn.Linear(4 * channels, spec.channels) for spec in heads.values()
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        h = self.body(image)
        return tuple(head(h) for head in self.heads)


def _halving(n_in: int, n_out: int) -> nn.Sequential:
    """Two convolutions with group norm, the first of stride 2."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 4, 2, 1, bias=False),
        group_norm(n_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
        group_norm(n_out),
        nn.ReLU(inplace=True),
    )
