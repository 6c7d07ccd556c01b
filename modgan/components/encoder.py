"""E: image -> feature. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

from torch import Tensor, nn

from modgan.component import Component, register
from modgan.layers import PreactBlock, ResidualBlock, conv, patch_basis
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


def reduced(image: FeatureSpec, factor: int, channels: int, space: str) -> FeatureSpec:
    """The feature of `image` at 1/factor of its height and width."""
    if factor < 1 or image.is_vector or any(side % factor for side in image.shape[1:]):
        raise InterfaceError(
            f"an encoder that reduces {factor} times needs a map whose sides {factor} divides, "
            f"got {image}"
        )
    height, width = (side // factor for side in image.shape[1:])
    return FeatureSpec(channels, height, width, space)
