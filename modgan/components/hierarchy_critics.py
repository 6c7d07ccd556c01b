"""D of FineGAN and MixNMatch: of backgrounds, codes, pairs and features.

Axes: B batch, C channels, H W positions, h w patches, n labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from einops import rearrange
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.components.coder import WIDTHS, code_trunk, reduced_side
from modgan.layers import Noise, leaky, leaky_norm, orthogonal_init, resized
from modgan.spec import FeatureSpec, InterfaceError, logits

KERNEL = 4


@register("background_discriminator")
class BackgroundDiscriminator(Component):
    """Patches of a picture: is each real, and is it of the background?

    Convolutions without padding, bias and norm, so a patch is exactly `field` pixels a side and
    the next one is `stride` pixels on (34 and 4): what lies in a box can be left out of a loss.

    Ports: image (B, 3, H, W) -> real (B, 1, h, w), background (B, 1, h, w), logits,
    h = ⌊(H - field) / stride⌋ + 1.
    Singh et al., FineGAN, CVPR 2019; Li et al., MixNMatch, CVPR 2020; official H = 126, h = 24.
    """

    def __init__(
        self,
        image: FeatureSpec,
        widths: tuple[int, ...] = (64, 128, 256),
        strides: tuple[int, ...] = (2, 2, 1),
    ) -> None:
        super().__init__()
        self.field, self.stride = patch_field(widths, strides)
        score = patch_scores(image, self.field, self.stride)
        self.declare({"image": image}, {"real": score, "background": score})
        self.trunk = patch_trunk(image.channels, widths, strides)
        self.real = nn.Conv2d(widths[-1], 1, KERNEL)
        self.background = nn.Conv2d(widths[-1], 1, KERNEL)
        orthogonal_init(self)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        h = self.trunk(image)
        return self.real(h), self.background(h)


@register("code_discriminator")
class CodeDiscriminator(Component):
    """Is a picture real, and which code was it made from? Both over all of the picture.

    Convolutions of stride 2 to all of `widths` but the last, one of stride 1 to the last; the
    score is read there, the code one convolution later.

    Ports: image (B, 3, H, H) -> real (B, 1), a logit, {attribute} (B, n), a logit per label.
    Singh et al., FineGAN, CVPR 2019; Li et al., MixNMatch, CVPR 2020 (512 in the place of 1024).
    """

    def __init__(
        self,
        image: FeatureSpec,
        attribute: str,
        labels: tuple[str, ...],
        widths: tuple[int, ...] = WIDTHS,
    ) -> None:
        super().__init__()
        if attribute == "real":
            raise InterfaceError("a code discriminator's attribute cannot be named 'real'")
        self.declare(
            {"image": image}, {"real": FeatureSpec(1, space="logit"), attribute: logits(labels)}
        )
        self.trunk, side = code_trunk(image, widths)
        width = widths[-1]
        self.real = nn.Conv2d(width, 1, side)
        self.joint = leaky_norm(width, width, 3, 1)
        self.labels = nn.Conv2d(width, len(labels), side)
        orthogonal_init(self)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        h = self.trunk(image)
        scores = self.real(h), self.labels(self.joint(h))
        real, labels = (rearrange(score, "b n 1 1 -> b n") for score in scores)
        return real, labels


@register("pair_discriminator")
class PairDiscriminator(Component):
    """MixNMatch's critic of a picture with one code: do they belong together?

    Noise of deviation `noise` follows every layer that reads the code, in evaluation mode too:
    a one-hot code could be told from a soft one without looking at the picture.

    Ports: image (B, 3, H, H) in -1..1, {port} (B, n) -> real (B, 1), an unbounded score.
    Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(
        self,
        image: FeatureSpec,
        port: str,
        value: FeatureSpec,
        widths: tuple[int, ...] = (16, 32, 64, 128, 256),
        hidden: int = 512,
        noise: tuple[float, ...] = (0.5, 0.3, 0.3),
    ) -> None:
        super().__init__()
        if port == "image" or not value.is_vector:
            raise InterfaceError(
                f"a pair discriminator reads a vector beside 'image'; got {port}: {value}"
            )
        if not widths or not noise or min(*widths, hidden) < 1 or min(noise) < 0:
            raise InterfaceError(
                "a pair discriminator has one width and one noise at least, widths of 1 or more, "
                f"noise of 0 or more; got widths {list(widths)}, hidden {hidden}, "
                f"noise {list(noise)}"
            )
        side = reduced_side(image, 2 ** len(widths))
        self.declare({"image": image, port: value}, {"real": FeatureSpec(1, space="logit")})
        channels, entries = [image.channels, *widths], [value.channels, *(hidden for _ in noise)]
        self.look = nn.Sequential(
            *(leaky(nn.Conv2d(a, b, 4, 2, 1)) for a, b in pairwise(channels)),
            leaky(nn.Conv2d(channels[-1], hidden, side)),
        )
        self.read = nn.Sequential(
            *(
                leaky(nn.Linear(a, b)).append(Noise(std))
                for (a, b), std in zip(pairwise(entries), noise, strict=True)
            )
        )
        self.judge = nn.Sequential(
            leaky(nn.Linear(2 * hidden, 2 * hidden)), nn.Linear(2 * hidden, 1)
        )

    def forward(self, image: Tensor, value: Tensor) -> Tensor:
        seen = rearrange(self.look(image), "b n 1 1 -> b n")
        return self.judge(torch.cat([seen, self.read(value)], 1))


@register("feature_discriminator")
class FeatureDiscriminator(Component):
    """Patches of a feature: was it made from codes, or read from a picture?

    The feature is first resized to two positions less a side, into which the patches fit
    without a rest.

    Ports: feature (B, C, H, H) -> real (B, 1, h, h), logits, as `background_discriminator` with
    H - 2.
    Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(
        self,
        feature: FeatureSpec,
        widths: tuple[int, ...] = (32, 64, 128),
        strides: tuple[int, ...] = (2, 2, 1),
    ) -> None:
        super().__init__()
        if feature.is_vector or feature.height != feature.width:
            raise InterfaceError(f"a feature discriminator reads square features, got {feature}")
        side = max((feature.height or 0) - 2, 1)
        smaller = FeatureSpec(feature.channels, side, side)
        score = patch_scores(smaller, *patch_field(widths, strides))
        self.declare({"feature": feature}, {"real": score})
        self.side = side
        self.trunk = patch_trunk(feature.channels, widths, strides)
        self.real = nn.Conv2d(widths[-1], 1, KERNEL)
        orthogonal_init(self)

    def forward(self, feature: Tensor) -> Tensor:
        return self.real(self.trunk(resized(feature, self.side)))


def patch_field(widths: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """How many pixels a side a patch of a patch critic has, and how far it is to the next one."""
    if not widths or len(widths) != len(strides) or min(*widths, *strides) < 1:
        raise InterfaceError(
            "a patch critic needs as many strides as widths, one at least, each 1 or more; "
            f"got widths {list(widths)}, strides {list(strides)}"
        )
    field, stride = 1, 1
    for step in (*strides, 1):
        field += (KERNEL - 1) * stride
        stride *= step
    return field, stride


def patch_scores(image: FeatureSpec, field: int, stride: int) -> FeatureSpec:
    """The spec of one logit per patch of `field` pixels, `stride` apart."""
    if image.is_vector or min(image.shape[1:]) < field:
        raise InterfaceError(
            f"a patch critic that sees {field} pixels needs pictures of {field} or more, "
            f"got {image}"
        )
    height, width = ((side - field) // stride + 1 for side in image.shape[1:])
    return FeatureSpec(1, height, width, "logit")


def patch_trunk(n_in: int, widths: Sequence[int], strides: Sequence[int]) -> nn.Sequential:
    """4×4 convolutions without padding, bias and norm."""
    pairs = zip(pairwise([n_in, *widths]), strides, strict=True)
    return nn.Sequential(*(leaky(nn.Conv2d(a, b, KERNEL, s, bias=False)) for (a, b), s in pairs))
