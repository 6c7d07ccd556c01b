"""E: image -> feature. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.layers import (
    GatedBlock,
    PreactBlock,
    ReflectBlock,
    ResidualBlock,
    conv,
    gated,
    kaiming_init,
    orthogonal_init,
    patch_basis,
    plain_conv,
    reflect_conv,
    same_block,
)
from modgan.spec import FeatureSpec, InterfaceError


@register("conv_encoder")
class ConvEncoder(Component):
    """Two convolutions of stride 2 and `n_res` residual blocks, as in the paper.

    Ports: image (B, 3, H, W) in -1..1 -> feature (B, C, H/4, W/4).
    Zhao et al., Modular Generative Adversarial Networks, ECCV 2018.
    """

    def __init__(
        self, image: FeatureSpec, channels: int = 256, n_res: int = 6, space: str = ""
    ) -> None:
        super().__init__()
        self.declare({"image": image}, {"feature": reduced(image, 4, channels, space)})
        self.stem = nn.Sequential(
            conv(image.channels, channels // 4, 7, 1, 3),
            conv(channels // 4, channels // 2, 4, 2),
            conv(channels // 2, channels, 4, 2),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(n_res)))

    def forward(self, image: Tensor) -> Tensor:
        return self.blocks(self.stem(image))


@register("patch_encoder")
class PatchEncoder(Component):
    """Every patch² pixels become one position by an orthogonal map, then residual blocks.

    With channels ≥ 3·patch² nothing is lost at the start, so E and its mirror R
    (`patch_reconstructor`) reproduce the picture from the first step of training.

    Ports: image (B, 3, H, W) in -1..1 -> feature (B, C, H/patch, W/patch).
    """

    def __init__(
        self,
        image: FeatureSpec,
        channels: int = 64,
        n_res: int = 1,
        patch: int = 4,
        space: str = "",
    ) -> None:
        super().__init__()
        self.declare({"image": image}, {"feature": reduced(image, patch, channels, space)})
        n_in = image.channels * patch**2
        mix = nn.Conv2d(n_in, channels, 1)
        mix.weight.data.copy_(patch_basis(n_in, channels)[..., None, None])
        mix.get_parameter("bias").data.zero_()
        self.stem = nn.Sequential(nn.PixelUnshuffle(patch), mix)
        self.blocks = nn.Sequential(*(PreactBlock(channels) for _ in range(n_res)))

    def forward(self, image: Tensor) -> Tensor:
        return self.blocks(self.stem(image))


@register("content_encoder")
class ContentEncoder(Component):
    """What a picture shows, without its style: instance norm without weights takes that away.

    `n_down` convolutions of stride 2 double the channels from `width` on; `n_res` residual blocks.

    Ports: image (B, 3, H, W) in -1..1 -> feature (B, C, H/2^n_down, W/2^n_down),
    C = width·2^n_down.
    Huang et al., MUNIT, ECCV 2018; Liu et al., UNIT, NIPS 2017, where the feature is the mean of
    the posterior: train with `noised(feature)`.
    """

    def __init__(
        self,
        image: FeatureSpec,
        width: int = 64,
        n_down: int = 2,
        n_res: int = 4,
        space: str = "",
    ) -> None:
        super().__init__()
        check_counts("a content encoder", width=(width, 1), n_down=(n_down, 0), n_res=(n_res, 0))
        widths = [width * 2**i for i in range(n_down + 1)]
        feature = reflected(reduced(image, 2**n_down, widths[-1], space), image)
        self.declare({"image": image}, {"feature": feature})
        self.stem = nn.Sequential(
            plain_conv(reflect_conv(image.channels, width, 7)), *_halvings(widths)
        )
        self.blocks = nn.Sequential(*(ReflectBlock(widths[-1]) for _ in range(n_res)))
        kaiming_init(self)

    def forward(self, image: Tensor) -> Tensor:
        return self.blocks(self.stem(image))


@register("shared_encoder")
class SharedEncoder(Component):
    """The last layers of several encoders: one part behind all of them makes one common space.

    `n_down` convolutions of stride 2 double the channels; `n_res` residual blocks.

    Ports: feature (B, C, H, W) -> feature (B, 2^n_down·C, H/2^n_down, W/2^n_down).
    Shared as in UNIT (Liu et al. 2017) and XGAN (Royer et al. 2017).
    """

    def __init__(
        self, feature: FeatureSpec, n_down: int = 1, n_res: int = 1, space: str = ""
    ) -> None:
        super().__init__()
        check_counts(
            "a shared encoder", n_down=(n_down, 0), n_res=(n_res, 0), layers=(n_down + n_res, 1)
        )
        widths = [feature.channels * 2**i for i in range(n_down + 1)]
        common = reflected(reduced(feature, 2**n_down, widths[-1], space))
        self.declare({"feature": feature}, {"feature": common})
        self.body = nn.Sequential(
            *_halvings(widths), *(ReflectBlock(widths[-1]) for _ in range(n_res))
        )
        kaiming_init(self)

    def forward(self, feature: Tensor) -> Tensor:
        return self.body(feature)


@register("unet_encoder")
class UnetEncoder(Component):
    """MixNMatch's shape encoder S: a U-Net that keeps every position of the feature it makes.

    Halvings down to 2×2, their channels doubling from `width` to 16·width; on the way back every
    doubling reads what had its size on the way down, too. `n_res` residual blocks end it.

    Ports: image (B, 3, H, H) in -1..1 -> feature (B, C, h, h), that of the zoo it joins; h is H, as
    published, or H/2, H/4, …
    Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(
        self, image: FeatureSpec, feature: FeatureSpec, width: int = 32, n_res: int = 2
    ) -> None:
        super().__init__()
        if width < 1 or n_res < 0:
            raise InterfaceError(
                f"a U-Net has a width of 1 or more and 0 residual blocks or more, got width "
                f"{width}, n_res {n_res}"
            )
        self.declare({"image": image}, {"feature": _reached(feature, image)})
        n_down, n_up = (side.bit_length() - 2 for side in (image.shape[1], feature.shape[1]))
        down = [width * min(2**i, 16) for i in range(n_down)]
        up = [*[down[-1] // 2, *reversed(down[1:-1])][: n_up - 1], feature.channels]
        beside = [0, *reversed(down[:-1])][:n_up]  # the channels that lie beside what comes up
        read = [a + b for a, b in zip([down[-1], *up[:-1]], beside, strict=True)]
        self.stem = nn.Sequential(same_block(image.channels, width), same_block(width, width))
        self.down = nn.ModuleList(
            gated(nn.Conv2d(a, 2 * b, 4, 2, 1)) for a, b in zip([width, *down], down, strict=False)
        )
        self.up = nn.ModuleList(
            gated(nn.ConvTranspose2d(a, 2 * b, 4, 2, 1)) for a, b in zip(read, up, strict=True)
        )
        self.blocks = nn.Sequential(*(GatedBlock(feature.channels) for _ in range(n_res)))
        orthogonal_init(self)

    def forward(self, image: Tensor) -> Tensor:
        seen = [self.stem(image)]
        for halve in self.down:
            seen.append(halve(seen[-1]))
        first, *others = self.up
        h = first(seen.pop())
        for double in others:
            h = double(torch.cat([h, seen.pop()], 1))
        return self.blocks(h)


def _reached(feature: FeatureSpec, image: FeatureSpec) -> FeatureSpec:
    """`feature`, checked to be the picture or halvings of it, squares of powers of two."""
    side, reached = image.height or 0, feature.height or 0
    square = side == image.width and side >= 8 and not side & (side - 1)
    halved = reached == feature.width and reached >= 4 and not reached & (reached - 1)
    if not square or not halved or reached > side:
        raise InterfaceError(
            "a U-Net needs pictures of 8, 16, 32, … pixels and makes a feature of their size or "
            f"of a half, a quarter, … of it, 4 positions at least; got {image} and {feature}"
        )
    return feature


def reduced(image: FeatureSpec, factor: int, channels: int, space: str) -> FeatureSpec:
    """The feature of `image` at 1/factor of its height and width."""
    if factor < 1 or image.is_vector or any(side % factor for side in image.shape[1:]):
        raise InterfaceError(
            f"an encoder that reduces {factor} times needs a map whose sides {factor} divides, "
            f"got {image}"
        )
    height, width = (side // factor for side in image.shape[1:])
    return FeatureSpec(channels, height, width, space)


def reflected(feature: FeatureSpec, image: FeatureSpec | None = None) -> FeatureSpec:
    """`feature`, checked to be large enough for reflected borders, and so its picture.

    3×3 convolutions reflect 1 position of the feature, 7×7 convolutions 3 pixels of the picture.
    """
    if min(feature.shape[1:]) < 2 or (image and min(image.shape[1:]) < 4):
        of = f" of pictures of {image}" if image else ""
        raise InterfaceError(
            "reflected borders need features of 2 positions a side or more and pictures of 4 "
            f"pixels or more; got {feature}{of}"
        )
    return feature


def check_counts(who: str, **counts: tuple[int, int]) -> None:
    """Every count, given with the least that it may be, is that or more."""
    if any(count < least for count, least in counts.values()):
        needs = ", ".join(f"{name} {least} or more" for name, (_, least) in counts.items())
        got = ", ".join(f"{name} {count}" for name, (count, _) in counts.items())
        raise InterfaceError(f"{who} has {needs}; got {got}")


def _halvings(widths: list[int]) -> list[nn.Sequential]:
    """A convolution of stride 2 from each width to the next."""
    return [plain_conv(reflect_conv(a, b, 4, 2)) for a, b in pairwise(widths)]
