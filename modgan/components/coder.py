"""Q: image -> code. Axes: B batch, C channels, H W positions, n labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from einops import rearrange, reduce
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.components.encoder import check_counts
from modgan.layers import (
    conv,
    dcgan_init,
    group_norm,
    kaiming_init,
    leaky,
    leaky_norm,
    orthogonal_init,
    reflect_conv,
)
from modgan.spec import FeatureSpec, InterfaceError, logits, onehot

WIDTHS = (64, 128, 256, 512, 1024, 512)  # of MixNMatch's encoders and FineGAN's critics of codes


@register("attribute_coder")
class AttributeCoder(Component):
    """Reads attributes from a picture: a convolutional classifier with a head per attribute.

    Ports: image (B, 3, H, W) in -1..1 -> per attribute {attribute} (B, n), a logit per label.
    """

    def __init__(
        self, image: FeatureSpec, attributes: dict[str, list[str]], channels: int = 32
    ) -> None:
        super().__init__()
        side = reduced_side(image, 8)
        heads = _heads(attributes)
        self.declare({"image": image}, heads)
        widths = [image.channels, channels, 2 * channels, 4 * channels]
        self.body = nn.Sequential(
            *(_halving(a, b) for a, b in pairwise(widths)),
            nn.Flatten(),
            nn.Linear(widths[-1] * side**2, 4 * channels),
            nn.ReLU(inplace=True),
        )
        self.heads = nn.ModuleList(
            nn.Linear(4 * channels, spec.channels) for spec in heads.values()
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        h = self.body(image)
        return tuple(head(h) for head in self.heads)


@register("pooled_coder")
class PooledCoder(Component):
    """An attribute coder of things that may lie anywhere: what one position shows is enough.

    `n_down` convolutions of stride 2 with batch norm, channels doubling from `channels`, the
    largest value over all positions, and a linear head per attribute.

    Ports: image (B, 3, H, W) in -1..1 -> per attribute {attribute} (B, n), a logit per label.
    """

    def __init__(
        self,
        image: FeatureSpec,
        attributes: dict[str, list[str]],
        channels: int = 32,
        n_down: int = 4,
    ) -> None:
        super().__init__()
        check_counts("a pooled coder", channels=(channels, 1), n_down=(n_down, 1))
        reduced_side(image, 2**n_down)
        heads = _heads(attributes)
        self.declare({"image": image}, heads)
        widths = [image.channels, *(channels * 2**i for i in range(n_down))]
        self.body = nn.Sequential(
            *(leaky_norm(a, b, 4, 2) for a, b in pairwise(widths)),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        self.heads = nn.ModuleList(nn.Linear(widths[-1], spec.channels) for spec in heads.values())

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        h = self.body(image)
        return tuple(head(h) for head in self.heads)


@register("noise_coder")
class NoiseCoder(Component):
    """IcGAN's E_z: reads the noise from which the generator would make a picture like this one.

    It is trained on pictures that the generator made, where the noise is known. At 64×64 `hidden`
    is as wide as the flattened map, 16.8 of the 18.3 million parameters.

    Ports: image (B, 3, H, W) in -1..1 -> z (B, n_z) normal.
    Perarnau et al., Invertible Conditional GANs for image editing, 2016.
    """

    def __init__(
        self, image: FeatureSpec, n_z: int = 100, channels: int = 32, hidden: int = 4096
    ) -> None:
        super().__init__()
        self.declare({"image": image}, {"z": FeatureSpec(n_z, space="normal")})
        self.body = _icgan_trunk(image, channels, hidden)
        self.head = nn.Linear(hidden, n_z)
        dcgan_init(self)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.body(image))


@register("label_coder")
class LabelCoder(Component):
    """IcGAN's E_y: reads codes from a picture as a generator takes them, y = (h + 1) / 2.

    h is the official linear output, trained by MSE against codes of -1 and 1; y is on the scale
    of the ports, so labels of 0 and 1 are its targets and the generator reads it as it is. It is
    soft and not bounded: near 0..1 by training alone.

    Ports: image (B, 3, H, W) in -1..1 -> each code by its name (B, n), near 0..1.
    Perarnau et al., Invertible Conditional GANs for image editing, 2016.
    """

    def __init__(
        self,
        image: FeatureSpec,
        codes: dict[str, FeatureSpec],
        channels: int = 32,
        hidden: int = 512,
    ) -> None:
        super().__init__()
        n_codes = code_entries(codes, "a label coder writes")
        self.declare({"image": image}, codes)
        self.counts = [code.channels for code in codes.values()]
        self.body = _icgan_trunk(image, channels, hidden)
        self.head = nn.Linear(hidden, n_codes)
        dcgan_init(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        y = (self.head(self.body(image)) + 1) / 2
        return y.split(self.counts, dim=1)


@register("bounded_noise_coder")
class BoundedNoiseCoder(Component):
    """MixNMatch's E_z: reads the noise of a picture, z = 4·tanh(h).

    Convolutions of stride 2 to all of `widths` but the last, two of stride 1 to the last. Without
    `norm` it reads places and poses several times as fast, for the numbers of a batch blur them.

    Ports: image (B, 3, H, H) in -1..1 -> z (B, n_z) normal, in -4..4.
    Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(
        self,
        image: FeatureSpec,
        n_z: int = 100,
        widths: tuple[int, ...] = WIDTHS,
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.declare({"image": image}, {"z": FeatureSpec(n_z, space="normal")})
        self.body, self.head = (_code_reader if norm else _lean_reader)(image, widths, n_z)
        if norm:
            orthogonal_init(self)

    def forward(self, image: Tensor) -> Tensor:
        return 4 * torch.tanh(rearrange(self.head(self.body(image)), "b n 1 1 -> b n"))


@register("soft_coder")
class SoftCoder(Component):
    """MixNMatch's E_b, E_p, E_c: reads a code as generators take it, softmax(h).

    `scores` gives h, from which cross-entropy is computed. Layers as in `bounded_noise_coder`;
    `pooled` is for small budgets: a linear head over the largest values of all positions, for
    codes that say nothing of places.

    Ports: image (B, 3, H, H) in -1..1 -> {attribute} (B, n), in 0..1 and 1 in sum.
    Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(
        self,
        image: FeatureSpec,
        attribute: str,
        labels: tuple[str, ...],
        widths: tuple[int, ...] = WIDTHS,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        self.declare({"image": image}, {attribute: onehot(attribute, labels)})
        self.body, self.head = (_pooled_reader if pooled else _code_reader)(
            image, widths, len(labels)
        )
        orthogonal_init(self)

    def forward(self, image: Tensor) -> Tensor:
        return self.scores(image).softmax(1)

    def scores(self, image: Tensor) -> Tensor:
        """A logit per label, (B, n)."""
        return rearrange(self.head(self.body(image)), "b n 1 1 -> b n")


@register("style_coder")
class StyleCoder(Component):
    """MUNIT's style encoder: reads how a picture looks, whatever it shows.

    `n_down` convolutions of stride 2, channels doubling from `width` to 4·width, then the mean
    over all positions. No norm: instance norm would take away what is to be read.

    Ports: image (B, 3, H, W) in -1..1 -> style (B, n_style), normal by training alone.
    Huang et al., MUNIT, ECCV 2018.
    """

    def __init__(
        self, image: FeatureSpec, n_style: int = 8, width: int = 64, n_down: int = 4
    ) -> None:
        super().__init__()
        check_counts("a style coder", width=(width, 1), n_down=(n_down, 0))
        least = max(4, 2**n_down)
        if image.is_vector or min(image.shape[1:]) < least:
            raise InterfaceError(
                f"a style coder that halves {n_down} times needs pictures of {least} pixels or "
                f"more, got {image}"
            )
        self.declare({"image": image}, {"style": FeatureSpec(n_style, space="normal")})
        widths = [width * min(2**i, 4) for i in range(n_down + 1)]
        self.body = nn.Sequential(
            _rectified(reflect_conv(image.channels, width, 7)),
            *(_rectified(reflect_conv(a, b, 4, 2)) for a, b in pairwise(widths)),
        )
        self.head = nn.Conv2d(widths[-1], n_style, 1)
        kaiming_init(self)

    def forward(self, image: Tensor) -> Tensor:
        pooled = reduce(self.body(image), "b c h w -> b c 1 1", "mean")
        return rearrange(self.head(pooled), "b n 1 1 -> b n")


def code_trunk(image: FeatureSpec, widths: Sequence[int]) -> tuple[nn.Sequential, int]:
    """Halvings to all widths but the last, a 3×3 convolution to it; and the side that is left.

    No bias; batch norm everywhere but first. As in FineGAN's critics of codes.
    """
    if len(widths) < 2 or min(widths) < 1:
        raise InterfaceError(
            f"a reader of codes needs widths, 2 or more, each 1 or more; got {list(widths)}"
        )
    *halved, last = widths
    side = reduced_side(image, 2 ** len(halved))
    layers = [
        leaky(nn.Conv2d(image.channels, halved[0], 4, 2, 1, bias=False)),
        *(leaky_norm(a, b, 4, 2) for a, b in pairwise(halved)),
        leaky_norm(halved[-1], last, 3, 1),
    ]
    return nn.Sequential(*layers), side


def _code_reader(
    image: FeatureSpec, widths: Sequence[int], n_out: int
) -> tuple[nn.Sequential, nn.Conv2d]:
    """A trunk with one more 3×3 convolution, and the head over all positions that are left."""
    trunk, side = code_trunk(image, widths)
    width = widths[-1]
    return nn.Sequential(*trunk, leaky_norm(width, width, 3, 1)), nn.Conv2d(width, n_out, side)


def _lean_reader(
    image: FeatureSpec, widths: Sequence[int], n_out: int
) -> tuple[nn.Sequential, nn.Conv2d]:
    """The layers of `_code_reader` without norm."""
    *halved, last = widths
    side = reduced_side(image, 2 ** len(halved))
    layers = [leaky(nn.Conv2d(a, b, 4, 2, 1)) for a, b in pairwise([image.channels, *halved])]
    layers += [leaky(nn.Conv2d(a, last, 3, 1, 1)) for a in (halved[-1], last)]
    return nn.Sequential(*layers), nn.Conv2d(last, n_out, side)


def _pooled_reader(
    image: FeatureSpec, widths: Sequence[int], n_out: int
) -> tuple[nn.Sequential, nn.Conv2d]:
    """Convolutions of stride 2 to all of `widths`, the largest values, and the head."""
    reduced_side(image, 2 ** len(widths))
    layers = (leaky_norm(a, b, 4, 2) for a, b in pairwise([image.channels, *widths]))
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1)), nn.Conv2d(widths[-1], n_out, 1)


def code_entries(codes: dict[str, FeatureSpec], who: str, beside: str = "") -> int:
    """How many entries the codes of a part have together; `beside` names its other port."""
    wrong = [name for name, code in codes.items() if name == beside or not code.is_vector]
    if wrong or not codes:
        told = ", ".join(f"{name}: {codes[name]}" for name in wrong) or "none"
        other = f" beside {beside!r}" if beside else ""
        raise InterfaceError(f"{who} vectors{other}, at least one; got {told}")
    return sum(code.channels for code in codes.values())


def reduced_side(image: FeatureSpec, factor: int) -> int:
    """The side of a square picture after it was reduced `factor` times."""
    if image.height is None or image.height != image.width or image.height % factor:
        raise InterfaceError(
            f"a coder needs square pictures of a multiple of {factor}, got {image}"
        )
    return image.height // factor


def _icgan_trunk(image: FeatureSpec, channels: int, hidden: int) -> nn.Sequential:
    """Four 5×5 convolutions of stride 2 and a linear layer, all with batch norm and ReLU."""
    flat = 8 * channels * reduced_side(image, 16) ** 2
    widths = [image.channels, *(channels * 2**i for i in range(4))]
    return nn.Sequential(
        *(conv(a, b, 5, 2, 2, norm=nn.BatchNorm2d) for a, b in pairwise(widths)),
        nn.Flatten(),
        nn.Linear(flat, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
    )


def _rectified(layer: nn.Conv2d) -> nn.Sequential:
    """A convolution, ReLU."""
    return nn.Sequential(layer, nn.ReLU(inplace=True))


def _heads(attributes: dict[str, list[str]]) -> dict[str, FeatureSpec]:
    """Logits for every attribute."""
    if not attributes:
        raise InterfaceError("a coder needs at least one attribute to read")
    return {name: logits(labels) for name, labels in attributes.items()}


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
