"""T: feature, code -> feature and mask. Axes: B batch, C channels, H W positions, n labels."""

from __future__ import annotations

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from modgan.component import Component, register
from modgan.components.encoder import check_counts, reflected
from modgan.layers import (
    AdainBlock,
    PreactBlock,
    ResidualBlock,
    conv,
    joint_stage,
    kaiming_init,
    orthogonal_init,
    same_block,
)
from modgan.spec import FeatureSpec, InterfaceError, mask, onehot


@register("masked_transformer")
class MaskedTransformer(Component):
    """Changes one attribute where its mask says so: f_t = g′·f′ + (1 − g′)·f.

    f′ comes from the feature joined with the code repeated over all positions: one convolution
    and `n_res` residual blocks. g′ = (1 + tanh(conv(f′))) / 2.

    Ports: feature (B, C, H, W), {attribute} one-hot (B, n) -> feature (B, C, H, W),
    mask_{attribute} (B, 1, H, W) in 0..1.
    Zhao et al., Modular Generative Adversarial Networks, ECCV 2018.
    """

    def __init__(
        self, feature: FeatureSpec, attribute: str, labels: tuple[str, ...], n_res: int = 6
    ) -> None:
        super().__init__()
        declare_transformer(self, feature, attribute, labels)
        c = feature.channels
        self.body = nn.Sequential(
            conv(c + len(labels), c, 3), *(ResidualBlock(c) for _ in range(n_res))
        )
        self.mask = nn.Conv2d(c, 1, 7, padding=3, bias=False)

    def forward(self, feature: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        changed = self.body(joined(feature, value))
        g = (1 + torch.tanh(self.mask(changed))) / 2
        return g * changed + (1 - g) * feature, g


@register("residual_transformer")
class ResidualTransformer(Component):
    """The masked transformer for small budgets: f′ = f + h, so f_t = g′·f′ + (1 − g′)·f.

    The change h and the mask g′ are read from a trunk of `width` channels without norm. Since
    f′ starts near f, the composed picture is right from the first step and only edits are
    learned. The mask starts nearly open (0.88): one that closes before its change looks right
    gets no gradient any more.

    Ports: as `masked_transformer`.
    """

    def __init__(
        self,
        feature: FeatureSpec,
        attribute: str,
        labels: tuple[str, ...],
        n_res: int = 3,
        width: int = 64,
    ) -> None:
        super().__init__()
        declare_transformer(self, feature, attribute, labels)
        self.body = trunk(feature.channels + len(labels), n_res, width)
        self.change = nn.Conv2d(width, feature.channels, 3, padding=1)
        self.mask = nn.Conv2d(width, 1, 7, padding=3)
        self.change.weight.data.mul_(0.1)
        self.mask.get_parameter("bias").data.fill_(1.0)

    def forward(self, feature: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        read = self.body(joined(feature, value))
        changed = feature + self.change(read)
        g = (1 + torch.tanh(self.mask(read))) / 2
        return g * changed + (1 - g) * feature, g


@register("open_transformer")
class OpenTransformer(Component):
    """A transformer without a mask, to compare with: f_t = f′ = f + h everywhere.

    Ports: feature (B, C, H, W), {attribute} one-hot (B, n) -> feature (B, C, H, W).
    """

    def __init__(
        self,
        feature: FeatureSpec,
        attribute: str,
        labels: tuple[str, ...],
        n_res: int = 3,
        width: int = 64,
    ) -> None:
        super().__init__()
        declare_transformer(self, feature, attribute, labels)
        self.declare(self.inputs, {"feature": feature})
        self.body = trunk(feature.channels + len(labels), n_res, width)
        self.change = nn.Conv2d(width, feature.channels, 3, padding=1)
        self.change.weight.data.mul_(0.1)

    def forward(self, feature: Tensor, value: Tensor) -> Tensor:
        return feature + self.change(self.body(joined(feature, value)))


@register("child_transformer")
class ChildTransformer(Component):
    """The child stage of FineGAN and MixNMatch: dresses the parent's feature by the child code.

    f′ = narrow(blocks(conv([f, c]))) with `n_res` residual blocks of `width` channels. The result
    is read by the child's painter, not by another transformer: its space is another one.

    Ports: feature (B, C, H, W), {attribute} one-hot (B, n) -> feature (B, channels, H, W).
    Singh et al., FineGAN, CVPR 2019; Li et al., MixNMatch, CVPR 2020.
    """

    def __init__(
        self,
        feature: FeatureSpec,
        attribute: str,
        labels: tuple[str, ...],
        width: int = 32,
        channels: int = 16,
        n_res: int = 2,
        space: str = "",
    ) -> None:
        super().__init__()
        declare_transformer(self, feature, attribute, labels)
        child = FeatureSpec(channels, feature.height, feature.width, space)
        self.declare(self.inputs, {"feature": child})
        self.joint = joint_stage(feature.channels + len(labels), width, n_res)
        self.narrow = same_block(width, channels)
        orthogonal_init(self)

    def forward(self, feature: Tensor, value: Tensor) -> Tensor:
        return self.narrow(self.joint(joined(feature, value)))


@register("film_transformer")
class FilmTransformer(Component):
    """A child stage for small budgets: the code scales and shifts what is read, without norm.

    h = conv(f)·(1 + s(c)) + t(c), then two more convolutions; `width` channels between, `channels`
    in the end. As with `child_transformer`, what comes out is for the child's painter.

    Ports: feature (B, C, H, W), {attribute} one-hot (B, n) -> feature (B, channels, H, W).
    Perez et al., FiLM, AAAI 2018.
    """

    def __init__(
        self,
        feature: FeatureSpec,
        attribute: str,
        labels: tuple[str, ...],
        width: int = 24,
        channels: int = 16,
        space: str = "",
    ) -> None:
        super().__init__()
        declare_transformer(self, feature, attribute, labels)
        child = FeatureSpec(channels, feature.height, feature.width, space)
        self.declare(self.inputs, {"feature": child})
        self.read = nn.Conv2d(feature.channels, width, 3, padding=1)
        self.film = nn.Linear(len(labels), 2 * width)
        self.body = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.LeakyReLU(0.2),
        )

    def forward(self, feature: Tensor, value: Tensor) -> Tensor:
        scale, shift = rearrange(self.film(value), "b (two c) -> two b c 1 1", two=2)
        return self.body(self.read(feature) * (1 + scale) + shift)


@register("adain_transformer")
class AdainTransformer(Component):
    """Gives content a style: residual blocks whose norms take scale and shift from the style.

    An MLP of two layers of `hidden` units maps the style to (scale, shift) of the two norms of
    every block. The result is read by the reconstructor of this style's domain: name its `space`.

    Ports: feature (B, C, H, W), style (B, n_style) normal -> feature (B, C, H, W).
    The MLP and the AdaIN blocks of the decoder of MUNIT (Huang et al., ECCV 2018).
    """

    def __init__(
        self,
        feature: FeatureSpec,
        n_style: int = 8,
        n_res: int = 4,
        hidden: int = 256,
        space: str = "",
    ) -> None:
        super().__init__()
        check_counts("an AdaIN transformer", n_res=(n_res, 1), hidden=(hidden, 1))
        if feature.is_vector:
            raise InterfaceError(f"a transformer changes maps, got the vector {feature}")
        reflected(feature)
        styled = FeatureSpec(feature.channels, feature.height, feature.width, space)
        style = FeatureSpec(n_style, space="normal")
        self.declare({"feature": feature, "style": style}, {"feature": styled})
        c = self.channels = feature.channels
        self.mlp = nn.Sequential(
            nn.Linear(n_style, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, n_res * 2 * 2 * c),
        )
        self.blocks = nn.ModuleList(AdainBlock(c) for _ in range(n_res))
        kaiming_init(self)

    def forward(self, feature: Tensor, style: Tensor) -> Tensor:
        for block, modulation in zip(self.blocks, self.modulations(style).unbind(), strict=True):
            feature = block(feature, modulation)
        return feature

    def modulations(self, style: Tensor) -> Tensor:
        """Scale and shift of both norms of every block, (n_res, 2, 2, B, C, 1, 1)."""
        pattern = "b (block norm kind c) -> block norm kind b c 1 1"
        return rearrange(self.mlp(style), pattern, norm=2, kind=2, c=self.channels)


def trunk(n_in: int, n_res: int, width: int) -> nn.Sequential:
    """What the change and the mask are read from: `width` channels without norm."""
    return nn.Sequential(
        nn.Conv2d(n_in, width, 3, padding=1),
        *(PreactBlock(width) for _ in range(n_res)),
        nn.LeakyReLU(0.2),
    )


def declare_transformer(
    part: Component, feature: FeatureSpec, attribute: str, labels: tuple[str, ...]
) -> None:
    """The ports that every masked transformer has."""
    if feature.is_vector:
        raise InterfaceError(f"a transformer changes maps, got the vector {feature}")
    part.declare(
        {"feature": feature, attribute: onehot(attribute, labels)},
        {"feature": feature, f"mask_{attribute}": mask(feature)},
    )


def joined(feature: Tensor, value: Tensor) -> Tensor:
    """The feature (B, C, H, W) with the code (B, n) repeated over positions: (B, C + n, H, W)."""
    height, width = feature.shape[-2:]
    return torch.cat([feature, repeat(value, "b n -> b n h w", h=height, w=width)], dim=1)
