"""R: feature -> image. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.layers import PreactBlock, dcgan_init, orthogonal_init, patch_basis, upconv
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


@register("background_painter")
class BackgroundPainter(Component):
    """A 3×3 convolution with tanh: the first picture of the hierarchy, that others paint over.

    Ports: feature (B, C, H, W) -> image (B, 3, H, W) in -1..1.
    Singh et al., FineGAN, CVPR 2019; Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(self, feature: FeatureSpec, image: FeatureSpec) -> None:
        super().__init__()
        self.declare({"feature": feature}, {"image": enlarged(feature, 1, image)})
        self.head = nn.Conv2d(feature.channels, image.channels, 3, padding=1, bias=False)
        orthogonal_init(self)

    def forward(self, feature: Tensor) -> Tensor:
        return torch.tanh(self.head(feature))


@register("stage_painter")
class StagePainter(Component):
    """Paints a stage over the picture so far: x′ = m·f + (1 − m)·x, cut = m·f.

    Foreground f = tanh(conv(h)) and mask m = σ(conv(h)) are read from the feature h; the cut is
    what the critic of the stage's code looks at.

    Ports: feature (B, C, H, W), image (B, 3, H, W) in -1..1, the canvas -> image (B, 3, H, W) in
    -1..1, mask_{stage} (B, 1, H, W) in 0..1, cut_{stage} (B, 3, H, W) in -1..1.
    Singh et al., FineGAN, CVPR 2019; Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(self, feature: FeatureSpec, image: FeatureSpec, stage: str) -> None:
        super().__init__()
        self.declare(
            {"feature": feature, "image": enlarged(feature, 1, image)},
            {"image": image, f"mask_{stage}": mask(image), f"cut_{stage}": image},
        )
        self.foreground = nn.Conv2d(feature.channels, image.channels, 3, padding=1, bias=False)
        self.mask = nn.Conv2d(feature.channels, 1, 3, padding=1, bias=False)
        orthogonal_init(self)

    def forward(self, feature: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        m = torch.sigmoid(self.mask(feature))
        cut = torch.tanh(self.foreground(feature)) * m
        return cut + image * (1 - m), m, cut


def enlarged(feature: FeatureSpec, factor: int, image: FeatureSpec) -> FeatureSpec:
    """`image`, checked to be `factor` times as high and wide as `feature`."""
    sides = [factor * side for side in feature.shape[1:]]
    if [image.height, image.width] != sides:
        raise InterfaceError(
            f"a reconstructor that enlarges {feature} {factor} times gives {sides}, not {image}"
        )
    return image
