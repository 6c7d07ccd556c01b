"""A plain GAN of birds: one picture from noise, without stages or codes, to compare FineGAN with.

    modgan train recipes/dcgan_birds.py               # drawn birds: no download
    modgan train recipes/dcgan_birds.py --data DIR    # a folder in CUB's layout

Radford, Metz, Chintala, Unsupervised representation learning with deep convolutional GANs, 2016.
Train it as long as what is compared with it: 29,000 steps take about as long as MixNMatch's 6,000.
D is FineGAN's critic of children without its codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import birds_data
import torch
from birds_data import Data
from hierarchy_critics import doublings, read_widths
from PIL import Image
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import CodeDiscriminator, DcganGenerator, DcganReconstructor
from modgan.data.images import sheet, to_image
from modgan.losses import logistic_d, logistic_g, r1
from modgan.spec import FeatureSpec, image
from modgan.train import Batch, Phase, Recipe, Share, main

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Settings(Data):
    """Every knob once."""

    n_z: int = 64  # numbers of noise
    channels: int = 16  # of the feature between G and R, at half the picture's side
    d_width: int = 24  # of the first convolution of D
    batch: int = 16
    lr: float = 4e-4
    w_r1: float = 5.0  # penalty on D's slope at real pictures
    r1_every: int = 8  # steps between such penalties
    steps: int = 29_000
    decay: float = 0.2  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.999


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    doublings(s.size)
    feature = FeatureSpec(s.channels, s.size // 2, s.size // 2, "birds@training")
    widths = read_widths(s.size, s.d_width, 16)
    return {
        "G": DcganGenerator({}, feature, s.n_z),
        "R": DcganReconstructor(feature, image(s.size)),
        "D": CodeDiscriminator(image(s.size), "child", ("0", "1"), widths),
    }


def batch(s: Settings, at: Share) -> Batch:
    """Objects, and noise to draw from."""
    return {
        "image": birds_data.drawn(s, at, s.batch).objects.contiguous(),
        "z": torch.randn(s.batch, s.n_z, generator=at.own(s.seed + 1)),
        "penalise": s.w_r1 > 0 and at.step % s.r1_every == 0,
    }


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """D: real pictures against made ones."""
    D, x = parts["D"], batch["image"]
    fake, real = parts["R"](parts["G"](batch["z"])), D(x)[0]
    penalty = r1(lambda x: D(x)[0], x) if batch["penalise"] else real.new_zeros(())
    return {"real": logistic_d(real, D(fake)[0]), "r1": penalty}


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """G and R: pictures that pass for real ones."""
    return {"real": logistic_g(parts["D"](parts["R"](parts["G"](batch["z"])))[0])}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    judging = ("D.trunk", "D.real")
    return [
        Phase("D", judging, d_loss, {"real": 1.0, "r1": s.w_r1}, s.lr),
        Phase("G", ("G", "R"), g_loss, {"real": 1.0}, s.lr),
    ]


def samples(s: Settings, parts: Parts) -> Image.Image:
    """Forty pictures."""
    z = torch.randn(40, s.n_z, generator=torch.Generator().manual_seed(s.seed))
    with torch.inference_mode():
        made = parts["R"](parts["G"](z.to(next(parts["G"].parameters()))))
    pictures = [to_image(one) for one in made]
    return sheet([pictures[at : at + 8] for at in range(0, 40, 8)], scale=2)


def card(s: Settings) -> Card:
    """What the zoo is."""
    return birds_data.card(s, {"draw": ["G", "R"]})


recipe = Recipe(
    name="dcgan_birds",
    settings=Settings(),
    smoke={
        "size": 16,
        "pictures": 12,
        "n_z": 4,
        "channels": 2,
        "d_width": 2,
        "batch": 3,
        "r1_every": 2,
        "steps": 4,
        "workers": 0,
    },
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    plan=birds_data.found,
    sheet=samples,
    layout=torch.contiguous_format,
)

if __name__ == "__main__":
    main(recipe)
