"""D: image -> heads. Axes: B batch, C channels, H W positions, n labels."""

from __future__ import annotations

from itertools import pairwise

import torch
from einops import rearrange
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.components.coder import code_entries
from modgan.components.encoder import check_counts
from modgan.components.generator import doublings
from modgan.components.transformer import joined
from modgan.layers import dcgan_init, group_norm, leaky, reflect_conv
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


@register("conditional_discriminator")
class ConditionalDiscriminator(Component):
    """IcGAN's critic of pictures with their codes, DCGAN with batch norm down to 4×4.

    After the first convolution the codes, scaled to -1..1 by 2y - 1, join every position.

    Ports: image (B, 3, H, W) in -1..1, each code by its name (B, n) in 0..1 -> real (B, 1), the
    logit of "a real picture, and these are its codes".
    Perarnau et al., Invertible Conditional GANs for image editing, 2016.
    """

    def __init__(
        self, image: FeatureSpec, codes: dict[str, FeatureSpec], channels: int = 64
    ) -> None:
        super().__init__()
        n_codes = code_entries(codes, "a conditional discriminator reads", beside="image")
        n_down = doublings(image, "the picture of a conditional discriminator", 8)
        self.declare({"image": image, **codes}, {"real": FeatureSpec(1, space="logit")})
        n_in, *widths = trunk_widths(image, channels, n_down)
        widths[0] += n_codes
        self.look = nn.Sequential(nn.Conv2d(n_in, channels, 4, 2, 1), nn.LeakyReLU(0.2))
        self.trunk = nn.Sequential(*(_batch_normed(a, b) for a, b in pairwise(widths)))
        self.head = nn.Conv2d(widths[-1], 1, 4)
        dcgan_init(self)

    def forward(self, image: Tensor, *values: Tensor) -> Tensor:
        h = joined(self.look(image), 2 * torch.cat(values, 1) - 1)
        return rearrange(self.head(self.trunk(h)), "b 1 1 1 -> b 1")


@register("star_discriminator")
class StarDiscriminator(Component):
    """StarGAN's critic and classifier: one score per patch, one convolution for all labels.

    Ports: image (B, 3, H, W) -> real (B, 1, h, w), an unbounded score per patch, and per
    attribute {attribute} (B, n), a logit per label; h = H / 2^n_down.
    Choi et al., StarGAN, CVPR 2018.
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
        if not attributes or "real" in attributes:
            raise InterfaceError(
                f"a StarGAN discriminator needs attributes, none named real: {list(attributes)}"
            )
        side = (image.height or 0) >> n_down
        scores = {name: logits(labels) for name, labels in attributes.items()}
        self.declare({"image": image}, {"real": FeatureSpec(1, side, side, "logit"), **scores})
        self.counts = [len(labels) for labels in attributes.values()]
        self.trunk = nn.Sequential(*(_plain(a, b) for a, b in pairwise(widths)))
        self.real = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.labels = nn.Conv2d(widths[-1], sum(self.counts), side, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        h = self.trunk(image)
        labels = rearrange(self.labels(h), "b n 1 1 -> b n")
        return (self.real(h), *labels.split(self.counts, dim=1))


@register("patch_discriminator")
class PatchDiscriminator(Component):
    """PatchGAN: a score for every patch, of 70×70 pixels with 3 layers.

    `n_layers` convolutions of stride 2 and one of stride 1, widths doubling up to 8·channels.

    Ports: image (B, 3, H, W) -> real (B, 1, h, w), an unbounded score per patch,
    h = ⌊H / 2^n_layers⌋ - 2.
    Isola et al., CVPR 2017; the discriminator of CycleGAN (Zhu et al., ICCV 2017).
    """

    def __init__(self, image: FeatureSpec, channels: int = 64, n_layers: int = 3) -> None:
        super().__init__()
        height, width = ((side or 0) // 2**n_layers - 2 for side in (image.height, image.width))
        if n_layers < 1 or min(height, width) < 1:
            raise InterfaceError(
                f"a patch discriminator of {n_layers} layers (1 or more) needs pictures of "
                f"{3 * 2 ** max(n_layers, 1)} pixels or more, got {image}"
            )
        self.declare({"image": image}, {"real": FeatureSpec(1, height, width, "logit")})
        widths = [channels * min(2**i, 8) for i in range(n_layers + 1)]
        inner = [_patch(a, b, stride=2) for a, b in pairwise(widths[:-1])]
        self.body = nn.Sequential(
            nn.Sequential(nn.Conv2d(image.channels, channels, 4, 2, 1), nn.LeakyReLU(0.2)),
            *inner,
            _patch(widths[-2], widths[-1], stride=1),
        )
        self.real = nn.Conv2d(widths[-1], 1, 4, 1, 1)
        dcgan_init(self)

    def forward(self, image: Tensor) -> Tensor:
        return self.real(self.body(image))


@register("multi_scale_discriminator")
class MultiScaleDiscriminator(Component):
    """MUNIT's critic: a patch critic of its own for the picture and for every halving of it.

    Averages of 3×3 pixels, of those that lie inside, halve the picture. `n_layers` convolutions of
    stride 2 without norm, channels doubling from `width`, and a 1×1 convolution judge each scale.

    Ports: image (B, 3, H, W) -> real_0, real_1, … (B, 1, h_k, w_k), a score per patch of the
    picture halved k times (rounding up), h_k = ⌊⌈H / 2^k⌉ / 2^n_layers⌋.
    Huang et al., MUNIT, ECCV 2018; Wang et al., pix2pixHD, CVPR 2018.
    """

    def __init__(
        self, image: FeatureSpec, width: int = 64, n_layers: int = 4, n_scales: int = 3
    ) -> None:
        super().__init__()
        counts = {"width": width, "n_layers": n_layers, "n_scales": n_scales}
        check_counts("a multi-scale discriminator", **{name: (n, 1) for name, n in counts.items()})
        sides = [
            [-(-side // 2**k) >> n_layers for side in image.shape[1:]] for k in range(n_scales)
        ]
        if image.is_vector or not all(sides[-1]):
            raise InterfaceError(
                f"a multi-scale discriminator of {n_scales} scales and {n_layers} layers needs "
                f"pictures of more than {2 ** (n_scales - 1) * (2**n_layers - 1)} pixels a side, "
                f"got {image}"
            )
        scores = {f"real_{k}": FeatureSpec(1, h, w, "logit") for k, (h, w) in enumerate(sides)}
        self.declare({"image": image}, scores)
        widths = [width * 2**i for i in range(n_layers)]
        self.critics = nn.ModuleList(_scale_critic(image.channels, widths) for _ in scores)
        self.halve = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
        dcgan_init(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        first, *others = self.critics
        scores = [first(image)]
        for critic in others:
            image = self.halve(image)
            scores.append(critic(image))
        return tuple(scores)


@register("domain_discriminator")
class DomainDiscriminator(Component):
    """Tells from a feature what it should not tell: domains, or attributes.

    Encoders unlearn what it reads, by `reversed_gradient` or by updates in turn. Convolutions of
    stride 2 with group norm (instance norm would take away what tells domains apart), two linear
    layers. Over the first layers of critics of two domains it is CoGAN's shared critic.

    Ports: feature (B, C, H, H) -> per attribute {attribute} (B, n), a logit per label.
    Lample et al., Fader Networks, NIPS 2017; Royer et al., XGAN, 2017.
    """

    def __init__(
        self,
        feature: FeatureSpec,
        attributes: dict[str, list[str]],
        width: int = 64,
        n_down: int = 2,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        check_counts(
            "a domain discriminator",
            attributes=(len(attributes), 1),
            width=(width, 1),
            n_down=(n_down, 1),
            hidden=(hidden, 1),
        )
        widths = trunk_widths(feature, width, n_down)
        scores = {name: logits(labels) for name, labels in attributes.items()}
        self.declare({"feature": feature}, scores)
        self.counts = [score.channels for score in scores.values()]
        self.trunk = nn.Sequential(*(_normed(a, b) for a, b in pairwise(widths)))
        flat = widths[-1] * ((feature.height or 0) >> n_down) ** 2
        self.labels = nn.Sequential(
            nn.Flatten(), leaky(nn.Linear(flat, hidden)), nn.Linear(hidden, sum(self.counts))
        )

    def forward(self, feature: Tensor) -> tuple[Tensor, ...]:
        return self.labels(self.trunk(feature)).split(self.counts, dim=1)


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


def _batch_normed(n_in: int, n_out: int) -> nn.Sequential:
    """DCGAN's layer: a convolution of stride 2 with batch norm."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 4, 2, 1, bias=False), nn.BatchNorm2d(n_out), nn.LeakyReLU(0.2)
    )


def _scale_critic(n_in: int, widths: list[int]) -> nn.Sequential:
    """MUNIT's layers: convolutions of stride 2 without norm, a score per position."""
    halvings = [leaky(reflect_conv(a, b, 4, 2)) for a, b in pairwise([n_in, *widths])]
    return nn.Sequential(*halvings, nn.Conv2d(widths[-1], 1, 1))


def _patch(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    """PatchGAN's layer: a convolution, instance norm without weights."""
    layer = nn.Conv2d(n_in, n_out, 4, stride, 1)
    return nn.Sequential(layer, nn.InstanceNorm2d(n_out), nn.LeakyReLU(0.2))
