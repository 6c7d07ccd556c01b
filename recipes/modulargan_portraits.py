"""ModularGAN on drawn portraits: E, R, a masked T per attribute, D with heads per attribute.

    modgan train recipes/modulargan_portraits.py                    # about an hour on two cores
    modgan train recipes/modulargan_portraits.py --smoke            # seconds
    modgan train recipes/modulargan_portraits.py --variant paper    # 128², C = 256: a GPU's work

Zhao et al., Modular Generative Adversarial Networks, ECCV 2018, on a small budget. What differs
from the paper and why is in docs/training-log.md; the paper's own settings are `--variant paper`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from modgan.component import Component
from modgan.components import (
    ConvEncoder,
    ConvReconstructor,
    LabelDiscriminator,
    MaskedTransformer,
    MultiHeadDiscriminator,
    PatchEncoder,
    PatchReconstructor,
    ResidualTransformer,
)
from modgan.data.images import batch as pictures_of
from modgan.data.images import cached, mask_image, sheet, to_image
from modgan.data.portraits import ATTRIBUTES, Portraits
from modgan.losses import (
    classification,
    gradient_penalty,
    l1,
    logistic_d,
    logistic_g,
    r1,
    wgan_d,
    wgan_g,
)
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, main

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Settings:
    """Every knob once."""

    size: int = 64  # side of the pictures, pixels
    channels: int = 48  # C of the feature (C, size/4, size/4)
    n_res: int = 2  # residual blocks of a T
    d_channels: int = 32  # width of D's first convolution
    d_down: int = 4  # halvings in D's trunk
    pictures: int = 12_000  # drawn portraits
    data_seed: int = 1  # of the portraits; judges learn from 7, tests run on 99
    batch: int = 16  # pictures a step
    reals: int = 16  # further real pictures a step for D
    chain: str = "1112"  # how many T's in a row, one of these at random each step
    noise: float = 0.5  # largest standard deviation of the noise before D, in -1..1
    r1_every: int = 8  # steps between penalties on D's gradient
    lr: float = 5e-4
    w_adv: float = 1.0
    w_cls: float = 0.5  # classification of the edited picture
    w_image: float = 10.0  # image cycle R(E(x)) = x
    w_feature: float = 1.0  # feature cycle E(R(f)) = f after a T
    w_own: float = 2.0  # T with the label that is there changes nothing
    w_mask: float = 0.1  # mean of the masks
    w_r1: float = 0.2
    steps: int = 12_000
    decay: float = 0.0  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.999
    workers: int = 2  # processes that draw
    seed: int = 0


def parts(s: Settings) -> dict[str, Component]:
    picture, labels = image(s.size), {name: list(v) for name, v in ATTRIBUTES.items()}
    E = PatchEncoder(picture, s.channels, space="portraits@training")
    feature = E.outputs["feature"]
    Ts = {f"T_{n}": ResidualTransformer(feature, n, v, s.n_res, s.channels) for n, v in labels.items()}
    R = PatchReconstructor(feature, picture)
    return {"E": E, **Ts, "R": R, "D": LabelDiscriminator(picture, labels, s.d_channels, s.d_down)}
