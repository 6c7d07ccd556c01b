"""F: image -> image, a whole system in one part. Axes: B batch, C channels, H W positions."""

from __future__ import annotations

import torch
from einops import repeat
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.layers import ReflectBlock, ResidualBlock, conv, dcgan_init, plain_conv, upconv
from modgan.spec import FeatureSpec, InterfaceError


@register("star_translator")
class StarTranslator(Component):
    """One network for every edit: the codes, repeated over positions, lie beside the picture.

    Two convolutions of stride 2, `n_res` residual blocks, two transposed convolutions. Zero
    padding is what lets the codes through: instance norm removes what is the same everywhere.

    Ports: image (B, 3, H, W) in -1..1, then every code of `codes` (B, n), flags or one-hot ->
    image (B, 3, H, W) in -1..1.
    Choi et al., StarGAN, CVPR 2018.
    """

    def __init__(
        self,
        image: FeatureSpec,
        codes: dict[str, FeatureSpec],
        channels: int = 64,
        n_res: int = 6,
    ) -> None:
        super().__init__()
        wrong = [name for name, spec in codes.items() if name == "image" or not spec.is_vector]
        if wrong or not codes:
            raise InterfaceError(
                "a StarGAN translator reads vectors beside 'image', at least one; "
                f"got {', '.join(f'{name}: {codes[name]}' for name in wrong) or 'none'}"
            )
        self.declare({"image": quartered(image), **codes}, {"image": image})
        c, n_in = channels, image.channels + sum(spec.channels for spec in codes.values())
        self.stem = nn.Sequential(
            conv(n_in, c, 7, 1, 3), conv(c, 2 * c, 4, 2), conv(2 * c, 4 * c, 4, 2)
        )
        self.blocks = nn.Sequential(*(ResidualBlock(4 * c) for _ in range(n_res)))
        self.head = nn.Sequential(
            upconv(4 * c, 2 * c),
            upconv(2 * c, c),
            nn.Conv2d(c, image.channels, 7, padding=3, bias=False),
            nn.Tanh(),
        )

    def forward(self, image: Tensor, *values: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        value = repeat(torch.cat(values, dim=1), "b n -> b n h w", h=height, w=width)
        return self.head(self.blocks(self.stem(torch.cat([image, value], dim=1))))


@register("cycle_translator")
class CycleTranslator(Component):
    """From one kind of picture to another: Johnson's residual network with reflect padding.

    Instance norm has no weights here; the biases before it change nothing, the original has them.

    Ports: image (B, 3, H, W) in -1..1 -> image (B, 3, H, W) in -1..1.
    Zhu et al., CycleGAN, ICCV 2017; 9 blocks for 256 pixels, 6 for 128.
    """

    def __init__(self, image: FeatureSpec, channels: int = 64, n_res: int = 9) -> None:
        super().__init__()
        self.declare({"image": quartered(image)}, {"image": image})
        c = channels
        self.stem = nn.Sequential(
            plain_conv(nn.Conv2d(image.channels, c, 7, padding=3, padding_mode="reflect")),
            plain_conv(nn.Conv2d(c, 2 * c, 3, 2, 1)),
            plain_conv(nn.Conv2d(2 * c, 4 * c, 3, 2, 1)),
        )
        self.blocks = nn.Sequential(*(ReflectBlock(4 * c) for _ in range(n_res)))
        self.head = nn.Sequential(
            plain_conv(nn.ConvTranspose2d(4 * c, 2 * c, 3, 2, 1, output_padding=1)),
            plain_conv(nn.ConvTranspose2d(2 * c, c, 3, 2, 1, output_padding=1)),
            nn.Conv2d(c, image.channels, 7, padding=3, padding_mode="reflect"),
            nn.Tanh(),
        )
        dcgan_init(self)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(image)))


def quartered(image: FeatureSpec) -> FeatureSpec:
    """`image`, checked to survive two halvings and instance norm at their end."""
    if image.is_vector or any(side % 4 or side < 8 for side in image.shape[1:]):
        raise InterfaceError(
            f"a translator needs pictures whose sides are multiples of 4, 8 at least, got {image}"
        )
    return image
