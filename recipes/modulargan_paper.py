"""ModularGAN as published: 128², C = 256, six residual blocks, one D per attribute, WGAN-GP.

    modgan train recipes/modulargan_paper.py --smoke     # seconds
    modgan train recipes/modulargan_paper.py             # a GPU's work: days on a CPU

Zhao et al., Modular Generative Adversarial Networks, ECCV 2018. E, T, R and D_i are the paper's;
the data are drawn portraits (hair, smile, glasses, beard), or CelebA with `--data DIR`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import portraits_data
import torch
import torch.nn.functional as F
from portraits_data import Data, labels_of, pictures
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import (
    ConvEncoder,
    ConvReconstructor,
    MaskedTransformer,
    MultiHeadDiscriminator,
)
from modgan.losses import classification, gradient_penalty, l1, wgan_d, wgan_g
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, Share, main

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Settings(Data):
    """Every knob once."""

    size: int = 128  # side of the pictures, pixels
    pictures: int = 200_000  # drawn portraits
    channels: int = 256  # C of the feature (C, size/4, size/4)
    n_res: int = 6  # residual blocks of E and of every T
    d_channels: int = 64  # width of the first convolution of every D_i
    d_down: int = 6  # halvings in D_i
    batch: int = 16  # pictures a step
    n_critic: int = 5  # steps of D for one of E, T and R
    lr: float = 1e-4
    w_gp: float = 10.0
    w_cls: float = 1.0
    w_cyc: float = 10.0  # image cycle and feature cycle
    steps: int = 200_000  # steps of D
    decay: float = 0.5  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.999


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    picture, values = image(s.size), labels_of(s)
    E = ConvEncoder(picture, s.channels, s.n_res, space="portraits@training")
    feature = E.outputs["feature"]
    return {
        "E": E,
        **{f"T_{n}": MaskedTransformer(feature, n, v, s.n_res) for n, v in values.items()},
        "R": ConvReconstructor(feature, picture),
        **{
            f"D_{n}": MultiHeadDiscriminator(picture, {n: v}, s.d_channels, s.d_down)
            for n, v in values.items()
        },
    }


def batch(s: Settings, at: Share) -> Batch:
    """Pictures, their labels, and the labels they should get, shuffled within the batch."""
    x, labels = at.draw(pictures(s), s.batch, s.seed)
    shuffled = labels[torch.randperm(s.batch, generator=at.own(s.seed))]
    return {
        "image": x,
        "label": dict(zip(labels_of(s), labels.T, strict=True)),
        "target": dict(zip(labels_of(s), shuffled.T, strict=True)),
    }


def translated(parts: Parts, batch: Batch, name: str, feature: Tensor) -> tuple[Tensor, Tensor]:
    """T_i(f, a_i) and R of it."""
    T = parts[f"T_{name}"]
    code = F.one_hot(batch["target"][name], T.inputs[name].channels).to(feature)
    changed, _ = T(feature, code)
    return changed, parts["R"](changed)


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """Every D_i: critic and gradient penalty on its own edits, classification on real pictures."""
    zero = batch["image"].new_zeros(())
    terms = {"adv": zero, "gp": zero, "cls": zero}
    alpha = torch.rand(len(batch["image"]), 1, 1, 1).to(batch["image"])
    with torch.no_grad():
        feature = parts["E"](batch["image"])
        fakes = {name: translated(parts, batch, name, feature)[1] for name in batch["label"]}
    for name, fake in fakes.items():
        D = parts[f"D_{name}"]
        real, logits = D(batch["image"])
        terms["adv"] = terms["adv"] + wgan_d(real, D(fake)[0])
        terms["cls"] = terms["cls"] + classification(logits, batch["label"][name])
        penalty = gradient_penalty(lambda x, D=D: D(x)[0], batch["image"], fake, alpha)
        terms["gp"] = terms["gp"] + penalty
    return terms


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """E, every T and R: fool each D_i, be read as the target, and close both cycles."""
    feature = parts["E"](batch["image"])
    zero = batch["image"].new_zeros(())
    terms = {"adv": zero, "cls": zero, "feature": zero}
    for name in batch["label"]:
        changed, fake = translated(parts, batch, name, feature)
        real, logits = parts[f"D_{name}"](fake)
        terms["adv"] = terms["adv"] + wgan_g(real)
        terms["cls"] = terms["cls"] + classification(logits, batch["target"][name])
        terms["feature"] = terms["feature"] + l1(changed, parts["E"](fake))
    return {**terms, "image": l1(parts["R"](feature), batch["image"])}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    d = {"adv": 1.0, "gp": s.w_gp, "cls": s.w_cls}
    g = {"adv": 1.0, "cls": s.w_cls, "image": s.w_cyc, "feature": s.w_cyc}
    return [
        Phase("D", ("D_*",), d_loss, d, s.lr),
        Phase("G", ("E", "T_*", "R"), g_loss, g, s.lr, every=s.n_critic),
    ]


def card(s: Settings) -> Card:
    """What the zoo is."""
    return portraits_data.card(s, {"edit": ["E", *(f"T_{name}" for name in labels_of(s)), "R"]})


recipe = Recipe(
    name="modulargan_paper",
    settings=Settings(),
    smoke={
        "size": 32,
        "channels": 8,
        "n_res": 1,
        "d_channels": 4,
        "d_down": 4,
        "pictures": 16,
        "batch": 4,
        "n_critic": 2,
        "steps": 4,
        "workers": 0,
    },
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
)

if __name__ == "__main__":
    main(recipe)
