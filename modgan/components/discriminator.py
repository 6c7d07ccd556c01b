"""D: image -> heads. Axes: B batch, C channels, H W positions, n labels."""

from __future__ import annotations

from itertools import pairwise

from einops import rearrange
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.layers import group_norm
from modgan.spec import FeatureSpec, InterfaceError, logits


@register("multi_head_discriminator")
class MultiHeadDiscriminator(Component):
    """One trunk of strided convolutions; per attribute a patch critic and a classifier.

    With one attribute this is the paper's D_i; with several they share the trunk.

    Ports: image (B, 3, H, W) -> per attribute real_{attribute} (B, 1, h, w), an unbounded
    score per patch, and {attribute} (B, n), a logit per label; h = H / 2^n_down.
    Zhao et al., Modular Generative Adversarial Networks, ECCV 2018; StarGAN's trunk.
    """

    def __init__(
        self,
        image: FeatureSpec,
        attributes: dict[str, list[str]],
        channels: int = 64,
        n_down: int = 6,
    ) -> None:
        super().__init__()
        widths = trunk_widths(image, channels, n_down)
        self.trunk = nn.Sequential(*(_plain(a, b) for a, b in pairwise(widths)))
        width = widths[-1]
        side = (image.height or 0) >> n_down
        self.declare({"image": image}, heads(attributes, side))
        self.real = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1, bias=False) for _ in attributes)
        self.labels = nn.ModuleList(
            nn.Conv2d(width, len(labels), side, bias=False) for labels in attributes.values()
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        h = self.trunk(image)
        real = (head(h) for head in self.real)
        labels = (rearrange(head(h), "b n 1 1 -> b n") for head in self.labels)
        return (*real, *labels)


@register("label_discriminator")
class LabelDiscriminator(Component):
    """A patch critic per attribute over half of the trunk, a critic per label over all of it.

    The logit of "blond" says "a real picture, and blond": it learns from real pictures of every
    label and from those made blond, so an edit has to look like the real pictures of its label
    (the multi-task D of StarGAN v2, Choi et al. 2020, with the wrong-label pairs of Reed et al.
    2016). Group norm lets it learn the labels in hundreds of steps instead of thousands.

    Ports: as `multi_head_discriminator`, with h = H / 2^(n_down - 2).
    """

    def __init__(
        self,
        image: FeatureSpec,
        attributes: dict[str, list[str]],
        channels: int = 32,
        n_down: int = 5,
    ) -> None:
        super().__init__()
        widths = trunk_widths(image, channels, n_down)
        self.trunk = nn.Sequential(*(_normed(a, b) for a, b in pairwise(widths[:-2])))
        side, wide = (image.height or 0) >> n_down, widths[-2]
        self.declare({"image": image}, heads(attributes, 4 * side))
        self.counts = [len(labels) for labels in attributes.values()]
        self.real = nn.Conv2d(widths[-3], len(attributes), 3, padding=1)
        self.labels = nn.Sequential(
            _normed(widths[-3], wide),
            _normed(wide, wide),
            nn.Flatten(),
            nn.Linear(wide * side**2, sum(self.counts)),
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        h = self.trunk(image)
        return (*self.real(h).split(1, dim=1), *self.labels(h).split(self.counts, dim=1))


def heads(attributes: dict[str, list[str]], side: int) -> dict[str, FeatureSpec]:
    """The output ports: a patch critic for every attribute, then the logits of every attribute."""
    real = {f"real_{name}": FeatureSpec(1, side, side, "logit") for name in attributes}
    if not attributes or set(real) & set(attributes):
        raise InterfaceError(
            f"a discriminator needs attributes, none named real_ and another: {list(attributes)}"
        )
    return real | {name: logits(labels) for name, labels in attributes.items()}


def trunk_widths(image: FeatureSpec, channels: int, n_down: int) -> list[int]:
    """The channels before and after each of `n_down` halvings: they double."""
    if image.height is None or image.height != image.width or image.height % 2**n_down:
        raise InterfaceError(
            f"a discriminator that halves {n_down} times needs square pictures of a multiple "
            f"of {2**n_down}, got {image}"
        )
    return [image.channels, *(channels * 2**i for i in range(n_down))]


def _plain(n_in: int, n_out: int) -> nn.Sequential:
    """StarGAN's layer: a convolution of stride 2 without norm."""
    return nn.Sequential(nn.Conv2d(n_in, n_out, 4, 2, 1), nn.LeakyReLU(0.01))


def _normed(n_in: int, n_out: int) -> nn.Sequential:
    """A convolution of stride 2 with group norm."""
    return nn.Sequential(nn.Conv2d(n_in, n_out, 4, 2, 1), group_norm(n_out), nn.LeakyReLU(0.2))
