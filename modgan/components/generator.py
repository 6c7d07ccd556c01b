"""G: noise and code -> feature. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log2

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.components.coder import code_entries
from modgan.components.transformer import joined
from modgan.layers import (
    GatedGrowth,
    PreactBlock,
    dcgan_init,
    instance_norm,
    joint_stage,
    orthogonal_init,
    same_block,
    upconv,
)
from modgan.layers.conv import Norm
from modgan.spec import FeatureSpec, InterfaceError, onehot

MOST_WIDTHS = 12  # 8192 pixels


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
        code = onehot(attribute, labels)
        self.declare({"z": FeatureSpec(n_z, space="normal"), attribute: code}, {"feature": feature})
        self.start, self.grow = growth(n_z + len(labels), feature, instance_norm)

    def forward(self, z: Tensor, value: Tensor) -> Tensor:
        return self.grow(self.start(rearrange(torch.cat([z, value], 1), "b n -> b n 1 1")))


@register("dcgan_generator")
class DcganGenerator(Component):
    """IcGAN's generator up to its last layer: DCGAN with batch norm, from noise and codes.

    Codes are scaled to -1..1 inside, 2y - 1, as the official network takes them.

    Without codes it is DCGAN's generator.

    Ports: z (B, n_z) normal, each code by its name (B, n) in 0..1 -> feature (B, C, H, W).
    Perarnau et al., Invertible Conditional GANs for image editing, 2016.
    """

    def __init__(self, codes: dict[str, FeatureSpec], feature: FeatureSpec, n_z: int = 100) -> None:
        super().__init__()
        n_codes = code_entries(codes, "a generator reads", beside="z") if codes else 0
        self.declare({"z": FeatureSpec(n_z, space="normal"), **codes}, {"feature": feature})
        self.start, self.grow = growth(n_z + n_codes, feature, nn.BatchNorm2d)
        dcgan_init(self)

    def forward(self, z: Tensor, *values: Tensor) -> Tensor:
        y = [2 * value - 1 for value in values]
        return self.grow(self.start(rearrange(torch.cat([z, *y], 1), "b n -> b n 1 1")))


@register("noise_generator")
class NoiseGenerator(Component):
    """DCGAN's generator up to its last layer, from noise alone.

    CoGAN's shared layers: with a `dcgan_reconstructor` for every domain the same noise gives
    pictures that belong together.

    Ports: z (B, n_z) normal -> feature (B, C, H, W).
    Liu & Tuzel, Coupled GAN, NIPS 2016; widths and norms as in DCGAN.
    """

    def __init__(self, feature: FeatureSpec, n_z: int = 100) -> None:
        super().__init__()
        self.declare({"z": FeatureSpec(n_z, space="normal")}, {"feature": feature})
        self.start, self.grow = growth(n_z, feature, nn.BatchNorm2d)
        dcgan_init(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.grow(self.start(rearrange(z, "b n -> b n 1 1")))


@register("residual_generator")
class ResidualGenerator(Component):
    """The generator for small budgets: residual blocks without norm, from 4×4 upwards.

    An instance norm would set the mean of every channel, and with it colours, to the same number
    in all pictures; the feature has to carry what `patch_encoder` makes, which knows no norm.
    Noise brings categorical variables along: `choices` are how many values each of them has.

    Ports: z (B, n_z) normal, {attribute} one-hot (B, n) -> feature (B, C, H, W).
    """

    def __init__(
        self,
        feature: FeatureSpec,
        attribute: str,
        labels: tuple[str, ...],
        n_z: int = 64,
        width: int = 96,
        choices: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        code = onehot(attribute, labels)
        if sum(choices) > n_z or min(choices, default=2) < 2:
            raise InterfaceError(
                f"choices have at least 2 values and together at most the {n_z} entries of z; "
                f"got {list(choices)}"
            )
        self.declare({"z": FeatureSpec(n_z, space="normal"), attribute: code}, {"feature": feature})
        n_up = doublings(feature, "a generator's feature", 4)
        self.choices = tuple(choices)
        self.start = nn.Linear(n_z + sum(choices) + len(labels), 16 * width)
        self.grow = nn.Sequential(PreactBlock(width), *(_doubling(width) for _ in range(n_up)))
        last = nn.Conv2d(width, feature.channels, 3, padding=1)
        self.head = nn.Sequential(nn.LeakyReLU(0.2), last)

    def forward(self, z: Tensor, value: Tensor) -> Tensor:
        start = self.start(torch.cat([z, *self.chosen(z), value], 1))
        return self.head(self.grow(rearrange(start, "b (c h w) -> b c h w", h=4, w=4)))

    def chosen(self, z: Tensor) -> list[Tensor]:
        """The categorical variables in z, one-hot (B, n) each."""
        chosen = zip(choose(z, self.choices).unbind(1), self.choices, strict=True)
        return [F.one_hot(index, n).to(z) for index, n in chosen]


def choose(z: Tensor, choices: Sequence[int]) -> Tensor:
    """The values (B, len(choices)) of the categorical variables in noise z (B, n_z).

    Each has an entry of z for every value, from the first on; the largest entry is chosen.
    """
    blocks = torch.split(z[:, : sum(choices)], list(choices), 1)
    return torch.cat([z[:, :0].long(), *(block.argmax(1, keepdim=True) for block in blocks)], 1)


@register("stage_generator")
class StageGenerator(Component):
    """The background stage of FineGAN and MixNMatch: noise and a label grow from 4×4.

    `widths` are the channels at 4×4 and after every doubling of the side.

    Ports: z (B, n_z) normal, {attribute} one-hot (B, n) -> feature (B, C, H, H),
    C = widths[-1], H = 2 · 2^len(widths).
    Singh et al., FineGAN, CVPR 2019; Li et al., MixNMatch, CVPR 2020: 512, 256, 128, 64, 64, 32.
    """

    def __init__(
        self,
        attribute: str,
        labels: tuple[str, ...],
        widths: tuple[int, ...] = (1024, 512, 256, 128, 64, 64),
        n_z: int = 100,
        space: str = "",
    ) -> None:
        super().__init__()
        declare_stage(self, attribute, labels, n_z, grown(widths, widths[-1], space))
        self.grow = GatedGrowth(n_z + len(labels), widths)
        orthogonal_init(self)

    def forward(self, z: Tensor, value: Tensor) -> Tensor:
        return self.grow(torch.cat([z, value], 1))


@register("parent_generator")
class ParentGenerator(Component):
    """FineGAN's parent stage: grown from noise and label, then joined with the label again.

    f = narrow(blocks(conv([grow([z, p]), p]))) with `n_res` residual blocks, from widths[-1] to
    `channels` channels.

    Ports: z (B, n_z) normal, {attribute} one-hot (B, n) -> feature (B, channels, H, H),
    H = 2 · 2^len(widths).
    Singh et al., FineGAN, CVPR 2019.
    """

    def __init__(
        self,
        attribute: str,
        labels: tuple[str, ...],
        widths: tuple[int, ...] = (1024, 512, 256, 128, 64, 64),
        channels: int = 32,
        n_res: int = 2,
        n_z: int = 100,
        space: str = "",
    ) -> None:
        super().__init__()
        declare_stage(self, attribute, labels, n_z, grown(widths, channels, space))
        self.grow = GatedGrowth(n_z + len(labels), widths)
        self.joint = joint_stage(widths[-1] + len(labels), widths[-1], n_res)
        self.narrow = same_block(widths[-1], channels)
        orthogonal_init(self)

    def forward(self, z: Tensor, value: Tensor) -> Tensor:
        grown = self.grow(torch.cat([z, value], 1))
        return self.narrow(self.joint(joined(grown, value)))


@register("shape_generator")
class ShapeGenerator(Component):
    """MixNMatch's parent stage, which FineGAN's without narrowing is: f = blocks(conv([grow, p])).

    The feature is what a shape encoder (`unet_encoder`) makes of a picture.

    Ports: z (B, n_z) normal, {attribute} one-hot (B, n) -> feature (B, C, H, H),
    C = widths[-1], H = 2 · 2^len(widths).
    Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(
        self,
        attribute: str,
        labels: tuple[str, ...],
        widths: tuple[int, ...] = (512, 256, 128, 64, 16, 16),
        n_res: int = 3,
        n_z: int = 100,
        space: str = "",
    ) -> None:
        super().__init__()
        declare_stage(self, attribute, labels, n_z, grown(widths, widths[-1], space))
        self.grow = GatedGrowth(n_z + len(labels), widths)
        self.joint = joint_stage(widths[-1] + len(labels), widths[-1], n_res)
        orthogonal_init(self)

    def forward(self, z: Tensor, value: Tensor) -> Tensor:
        return self.joint(joined(self.grow(torch.cat([z, value], 1)), value))


@register("lean_generator")
class LeanGenerator(Component):
    """A stage for small budgets: noise and a label grow from 4×4, without norm.

    The published stages norm over the batch, so that what a code paints hangs on the codes beside
    it; here it does not, and a code can be found by painting few pictures of it.
    `widths` are the channels at 4×4 and after every doubling of the side.

    Ports: z (B, n_z) normal, {attribute} one-hot (B, n) -> feature (B, C, H, H),
    C = widths[-1], H = 2 · 2^len(widths).
    """

    def __init__(
        self,
        attribute: str,
        labels: tuple[str, ...],
        widths: tuple[int, ...] = (64, 64, 48, 16),
        n_z: int = 16,
        space: str = "",
    ) -> None:
        super().__init__()
        declare_stage(self, attribute, labels, n_z, grown(widths, widths[-1], space))
        self.grow = _lean_growth(n_z + len(labels), widths)

    def forward(self, z: Tensor, value: Tensor) -> Tensor:
        return self.grow(torch.cat([z, value], 1))


POSE = 4  # entries of z that put a shape in place: x, y, size, facing


@register("placed_generator")
class PlacedGenerator(Component):
    """A shape drawn in a frame of its own, which the first four entries of z put in place.

    They are x, y, size and facing (`posed`); label and the rest of z draw the shape as
    `lean_generator` does. So where a thing is, how large and which way round, is not for the label
    to say. `reach` are the x and y (half sides of the picture) and the logarithm of the size that
    an entry of 1 stands for; `size` is the frame's, in sides of the picture, where the entry is 0.

    Ports: z (B, n_z) normal, {attribute} one-hot (B, n) -> feature (B, C, H, H),
    C = widths[-1], H = 2 · 2^len(widths).
    Frames put in place: Jaderberg et al., Spatial Transformer Networks, NIPS 2015.
    """

    def __init__(
        self,
        attribute: str,
        labels: tuple[str, ...],
        widths: tuple[int, ...] = (64, 64, 48, 16),
        n_z: int = 16,
        space: str = "",
        reach: tuple[float, float, float] = (0.25, 0.25, 0.12),
        size: float = 0.82,
    ) -> None:
        super().__init__()
        if n_z < POSE or min(*reach, size) <= 0:
            raise InterfaceError(
                f"a shape is put in place by {POSE} entries of z, and reach and size above 0; got "
                f"n_z {n_z}, reach {list(reach)}, size {size}"
            )
        declare_stage(self, attribute, labels, n_z, grown(widths, widths[-1], space))
        self.reach, self.size = tuple(reach), size
        self.grow = _lean_growth(n_z - POSE + len(labels), widths)
        self.edge = nn.Conv2d(widths[-1] + 1, widths[-1], 3, padding=1)

    def forward(self, z: Tensor, value: Tensor) -> Tensor:
        drawn = self.grow(torch.cat([z[:, POSE:], value], 1))
        frame = F.pad(drawn, (0, 0, 0, 0, 0, 1), value=1.0)  # a channel tells the frame from beside
        return F.leaky_relu(self.edge(posed(frame, z, self.reach, self.size)), 0.2)


def posed(frame: Tensor, z: Tensor, reach: Sequence[float], size: float) -> Tensor:
    """Frames (B, C, H, H) put in place by z (B, 4 or more): x, y, size, facing.

    Facing is σ(40 z): 1 leaves the frame as it is, 0 mirrors it, between they are blended. Beside
    the frame all is 0.
    """
    right = torch.sigmoid(40 * z[:, 3])[:, None, None, None]
    frame = right * frame + (1 - right) * frame.flip(3)
    x, y, growth = (z[:, :3] * z.new_tensor(reach)).unbind(1)
    finer, zero = 1 / size / growth.exp(), torch.zeros_like(x)
    back = torch.stack([finer, zero, -finer * x, zero, finer, -finer * y], 1)  # picture -> frame
    grid = F.affine_grid(back.reshape(-1, 2, 3), list(frame.shape), align_corners=False)
    return F.grid_sample(frame, grid, align_corners=False)


def _lean_growth(n_in: int, widths: Sequence[int]) -> nn.Sequential:
    """(B, n) -> (B, widths[-1], H, H): 4×4, a convolution, then doublings; no norm."""
    first = widths[0]
    doubled = (
        layer
        for a, b in pairwise(widths)
        for layer in (nn.Upsample(scale_factor=2), *_rectified(a, b))
    )
    start = (nn.Linear(n_in, 16 * first), nn.Unflatten(1, (first, 4, 4)), nn.LeakyReLU(0.2))
    return nn.Sequential(*start, *_rectified(first, first), *doubled)


def _rectified(n_in: int, n_out: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(n_in, n_out, 3, padding=1), nn.LeakyReLU(0.2)


def declare_stage(
    part: Component, attribute: str, labels: Sequence[str], n_z: int, feature: FeatureSpec
) -> None:
    """The ports that every stage has: noise and a one-hot code in, a feature out."""
    z, code = FeatureSpec(n_z, space="normal"), onehot(attribute, tuple(labels))
    part.declare({"z": z, attribute: code}, {"feature": feature})


def grown(widths: Sequence[int], channels: int, space: str) -> FeatureSpec:
    """What a stage makes: 4×4 doubled once less than there are widths."""
    if not 2 <= len(widths) <= MOST_WIDTHS or min(widths) < 1:
        raise InterfaceError(
            f"a stage that grows needs 2 to {MOST_WIDTHS} widths, the channels at 4×4, 8×8, …, "
            f"each 1 or more; got {list(widths)}"
        )
    side = 2 << len(widths)
    return FeatureSpec(channels, side, side, space)


def _doubling(width: int) -> nn.Sequential:
    """Twice the side, a convolution and a residual block."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1), PreactBlock(width)
    )


def growth(n_in: int, feature: FeatureSpec, norm: Norm) -> tuple[nn.Sequential, nn.Sequential]:
    """From 1×1 to 4×4, and on to the feature: every doubling of the side halves the channels."""
    n_up = doublings(feature, "a generator's feature", 4)
    widths = [feature.channels * 2 ** (n_up - i) for i in range(n_up + 1)]
    start = nn.Sequential(
        nn.ConvTranspose2d(n_in, widths[0], 4, bias=False),
        norm(widths[0]),
        nn.ReLU(inplace=True),
    )
    return start, nn.Sequential(*(upconv(a, b, norm) for a, b in pairwise(widths)))


def doublings(of: FeatureSpec, what: str, least: int) -> int:
    """How often 4×4 doubles to a map of this spec: a square of a power of two from `least` up."""
    side = of.height or 0
    if side != of.width or side < least or side & (side - 1):
        raise InterfaceError(
            f"{what} is a square of {least}, {2 * least}, {4 * least}, …; got {of}"
        )
    return int(log2(side)) - 2
