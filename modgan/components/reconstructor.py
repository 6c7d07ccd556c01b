"""R: feature -> image. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.components.coder import code_entries
from modgan.components.encoder import check_counts, reflected
from modgan.components.transformer import joined
from modgan.layers import (
    PreactBlock,
    ReflectBlock,
    SampleNorm,
    dcgan_init,
    kaiming_init,
    orthogonal_init,
    patch_basis,
    reflect_conv,
    upconv,
)
from modgan.spec import FeatureSpec, InterfaceError, mask


@register("conv_reconstructor")
class ConvReconstructor(Component):
    """Two transposed convolutions and a 7×7 convolution with tanh, as in the paper.

    Ports: feature (B, C, H, W) -> image (B, 3, 4H, 4W) in -1..1.
    Zhao et al., Modular Generative Adversarial Networks, ECCV 2018.
    """

    def __init__(self, feature: FeatureSpec, image: FeatureSpec) -> None:
        super().__init__()
        self.declare({"feature": feature}, {"image": enlarged(feature, 4, image)})
        c = feature.channels
        self.body = nn.Sequential(
            upconv(c, c // 2),
            upconv(c // 2, c // 4),
            nn.Conv2d(c // 4, image.channels, 7, padding=3, bias=False),
            nn.Tanh(),
        )

    def forward(self, feature: Tensor) -> Tensor:
        return self.body(feature)


@register("dcgan_reconstructor")
class DcganReconstructor(Component):
    """The last layer of DCGAN's generator: a transposed convolution with tanh.

    With `dcgan_generator` it is the generator of IcGAN, cut before the picture.

    Ports: feature (B, C, H, W) -> image (B, 3, 2H, 2W) in -1..1.
    Perarnau et al., Invertible Conditional GANs for image editing, 2016.
    """

    def __init__(self, feature: FeatureSpec, image: FeatureSpec) -> None:
        super().__init__()
        self.declare({"feature": feature}, {"image": enlarged(feature, 2, image)})
        self.head = nn.ConvTranspose2d(feature.channels, image.channels, 4, 2, 1)
        dcgan_init(self)

    def forward(self, feature: Tensor) -> Tensor:
        return torch.tanh(self.head(feature))


@register("patch_reconstructor")
class PatchReconstructor(Component):
    """The mirror of `patch_encoder`: residual blocks, then one position becomes patch² pixels.

    Two small convolutions over the pixels, added to them, smooth the seams between patches.

    Ports: feature (B, C, H, W) -> image (B, 3, patch·H, patch·W), near -1..1 by training alone:
    a tanh would bend the colours that E and R otherwise carry through exactly.
    """

    def __init__(
        self, feature: FeatureSpec, image: FeatureSpec, n_res: int = 1, patch: int = 4
    ) -> None:
        super().__init__()
        self.declare({"feature": feature}, {"image": enlarged(feature, patch, image)})
        n_out = image.channels * patch**2
        unmix = nn.Conv2d(feature.channels, n_out, 1)
        unmix.weight.data.copy_(patch_basis(n_out, feature.channels).T[..., None, None])
        smooth = nn.Conv2d(16, image.channels, 3, padding=1)
        unmix.get_parameter("bias").data.zero_()
        smooth.weight.data.mul_(0.1)
        smooth.get_parameter("bias").data.zero_()
        self.blocks = nn.Sequential(*(PreactBlock(feature.channels) for _ in range(n_res)))
        self.head = nn.Sequential(unmix, nn.PixelShuffle(patch))
        self.polish = nn.Sequential(
            nn.Conv2d(image.channels, 16, 3, padding=1), nn.LeakyReLU(0.2), smooth
        )

    def forward(self, feature: Tensor) -> Tensor:
        pixels = self.head(self.blocks(feature))
        return pixels + self.polish(pixels)


@register("upsample_reconstructor")
class UpsampleReconstructor(Component):
    """The decoder of MUNIT (`n_res` 0: its residual blocks are the transformer) and of UNIT (4).

    Residual blocks, then `n_up` doublings that halve the channels: nearest upsampling, a 5×5
    convolution, `SampleNorm`; a 7×7 convolution with tanh ends it.

    Ports: feature (B, C, H, W) -> image (B, 3, 2^n_up·H, 2^n_up·W) in -1..1.
    Huang et al., MUNIT, ECCV 2018; Liu et al., UNIT, NIPS 2017.
    """

    def __init__(
        self, feature: FeatureSpec, image: FeatureSpec, n_res: int = 0, n_up: int = 2
    ) -> None:
        super().__init__()
        check_counts("an upsampling reconstructor", n_res=(n_res, 0), n_up=(n_up, 0))
        self.declare({"feature": feature}, {"image": enlarged(feature, 2**n_up, image)})
        reflected(feature, image)
        widths = halved_widths(feature, n_up)
        self.blocks = nn.Sequential(*(ReflectBlock(widths[0]) for _ in range(n_res)))
        self.grow = nn.Sequential(*(_smooth_doubling(a, b) for a, b in pairwise(widths)))
        self.head = reflect_conv(widths[-1], image.channels, 7)
        kaiming_init(self)

    def forward(self, feature: Tensor) -> Tensor:
        return torch.tanh(self.head(self.grow(self.blocks(feature))))


@register("shared_reconstructor")
class SharedReconstructor(Component):
    """The first layers of several reconstructors, the mirror of `shared_encoder`.

    Residual blocks, then `n_up` doublings that halve the channels, as in `upsample_reconstructor`.

    Ports: feature (B, C, H, W) -> feature (B, C/2^n_up, 2^n_up·H, 2^n_up·W).
    Shared as in UNIT (Liu et al. 2017) and XGAN (Royer et al. 2017).
    """

    def __init__(
        self, feature: FeatureSpec, n_res: int = 1, n_up: int = 1, space: str = ""
    ) -> None:
        super().__init__()
        check_counts(
            "a shared reconstructor", n_res=(n_res, 0), n_up=(n_up, 0), layers=(n_res + n_up, 1)
        )
        if feature.is_vector:
            raise InterfaceError(f"a shared reconstructor reads maps, got the vector {feature}")
        widths = halved_widths(reflected(feature), n_up)
        height, width = (2**n_up * side for side in feature.shape[1:])
        grown = FeatureSpec(widths[-1], height, width, space)
        self.declare({"feature": feature}, {"feature": grown})
        self.body = nn.Sequential(
            *(ReflectBlock(widths[0]) for _ in range(n_res)),
            *(_smooth_doubling(a, b) for a, b in pairwise(widths)),
        )
        kaiming_init(self)

    def forward(self, feature: Tensor) -> Tensor:
        return self.body(feature)


@register("conditional_reconstructor")
class ConditionalReconstructor(Component):
    """The decoder of Fader networks: the codes join the feature again before every doubling.

    The feature need not tell the codes, so a critic of features (`domain_discriminator`) may take
    them out of it. Transposed convolutions with batch norm; channels double from `width`, at the
    picture, up to those of the feature. Codes are scaled to -1..1 inside, 2y - 1.

    Ports: feature (B, C, H, H), each code by its name (B, n) in 0..1 -> image (B, 3, H′, H′) in
    -1..1, H′ = H doubled once or more.
    Lample et al., Fader Networks, NIPS 2017.
    """

    def __init__(
        self,
        feature: FeatureSpec,
        image: FeatureSpec,
        codes: dict[str, FeatureSpec],
        width: int = 32,
    ) -> None:
        super().__init__()
        check_counts("a conditional reconstructor", width=(width, 1))
        n_codes = code_entries(codes, "a conditional reconstructor reads", beside="feature")
        n_up = (image.height or 0).bit_length() - (feature.height or 0).bit_length()
        check_counts("a conditional reconstructor", doublings=(n_up, 1))
        picture = enlarged(feature, 2**n_up, image)
        self.declare({"feature": feature, **codes}, {"image": picture})
        inner = [min(width * 2**i, feature.channels) for i in reversed(range(n_up - 1))]
        widths = [feature.channels, *inner]
        self.grow = nn.ModuleList(
            upconv(a + n_codes, b, nn.BatchNorm2d) for a, b in pairwise(widths)
        )
        self.head = nn.ConvTranspose2d(widths[-1] + n_codes, image.channels, 4, 2, 1)
        dcgan_init(self)

    def forward(self, feature: Tensor, *values: Tensor) -> Tensor:
        y = 2 * torch.cat(values, 1) - 1
        for double in self.grow:
            feature = double(joined(feature, y))
        return torch.tanh(self.head(joined(feature, y)))


@register("background_painter")
class BackgroundPainter(Component):
    """A 3×3 convolution with tanh: the first picture of the hierarchy, that others paint over.

    `factor` is how many pixels a side a position of the feature paints; published: 1.

    Ports: feature (B, C, H, W) -> image (B, 3, factor·H, factor·W) in -1..1.
    Singh et al., FineGAN, CVPR 2019; Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(self, feature: FeatureSpec, image: FeatureSpec, factor: int = 1) -> None:
        super().__init__()
        self.declare({"feature": feature}, {"image": enlarged(feature, factor, image)})
        self.enlarge = nn.PixelShuffle(factor)
        n_out = factor**2 * image.channels
        self.head = nn.Conv2d(feature.channels, n_out, 3, padding=1, bias=False)
        orthogonal_init(self)

    def forward(self, feature: Tensor) -> Tensor:
        return torch.tanh(self.enlarge(self.head(feature)))


@register("stage_painter")
class StagePainter(Component):
    """Paints a stage over the picture so far: x′ = m·f + (1 − m)·x, cut = m·f.

    Foreground f = tanh(conv(h)) and mask m = σ(conv(h)) are read from the feature h; the cut is
    what the critic of the stage's code looks at. `factor` is how many pixels a side a position of
    the feature paints; published: 1.

    Ports: feature (B, C, h, w), image (B, 3, H, W) in -1..1, the canvas -> image (B, 3, H, W) in
    -1..1, mask_{stage} (B, 1, H, W) in 0..1, cut_{stage} (B, 3, H, W) in -1..1; H = factor·h.
    Singh et al., FineGAN, CVPR 2019; Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(
        self, feature: FeatureSpec, image: FeatureSpec, stage: str, factor: int = 1
    ) -> None:
        super().__init__()
        self.declare(
            {"feature": feature, "image": enlarged(feature, factor, image)},
            {"image": image, f"mask_{stage}": mask(image), f"cut_{stage}": image},
        )
        self.enlarge, c, many = nn.PixelShuffle(factor), feature.channels, factor**2
        self.foreground = nn.Conv2d(c, many * image.channels, 3, padding=1, bias=False)
        self.mask = nn.Conv2d(c, many, 3, padding=1, bias=False)
        orthogonal_init(self)

    def forward(self, feature: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        m = torch.sigmoid(self.enlarge(self.mask(feature)))
        cut = torch.tanh(self.enlarge(self.foreground(feature))) * m
        return cut + image * (1 - m), m, cut


def enlarged(feature: FeatureSpec, factor: int, image: FeatureSpec) -> FeatureSpec:
    """`image`, checked to be `factor` times as high and wide as `feature`."""
    sides = [factor * side for side in feature.shape[1:]]
    if [image.height, image.width] != sides:
        raise InterfaceError(
            f"a reconstructor that enlarges {feature} {factor} times gives {sides}, not {image}"
        )
    return image


def halved_widths(feature: FeatureSpec, n_up: int) -> list[int]:
    """The channels of `feature` and after each of `n_up` halvings of them."""
    if feature.channels % 2**n_up:
        raise InterfaceError(
            f"{n_up} doublings of the side halve the channels as often: {feature} has to have a "
            f"multiple of {2**n_up}"
        )
    return [feature.channels // 2**i for i in range(n_up + 1)]


def _smooth_doubling(n_in: int, n_out: int) -> nn.Sequential:
    """MUNIT's doubling: nearest upsampling, a 5×5 convolution, norm, ReLU."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        reflect_conv(n_in, n_out, 5),
        SampleNorm(n_out),
        nn.ReLU(inplace=True),
    )
