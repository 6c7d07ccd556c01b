"""IcGAN: a conditional GAN and the encoders that invert it, the third baseline of ModularGAN.

    modgan train recipes/icgan_portraits.py                   # drawn portraits
    modgan train recipes/icgan_portraits.py --data DIR        # your own labelled pictures
    modgan train recipes/icgan_portraits.py --variant paper   # the published widths

Perarnau et al., Invertible Conditional GANs for image editing, 2016. First G, R and D learn to draw
portraits of given labels (D also sees real pictures with wrong labels as fakes); then Q_z learns to
read the noise off drawn pictures, and Q_y the labels off real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import portraits_data
import torch
import torch.nn.functional as F
from portraits_data import Data, labels_of, pictures
from portraits_judge import Judging, sampling, scoring
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import (
    ConditionalDiscriminator,
    DcganGenerator,
    DcganReconstructor,
    LabelCoder,
    NoiseCoder,
)
from modgan.data.images import other_labels
from modgan.losses import logistic_g
from modgan.metrics.editors import inverting
from modgan.spec import FeatureSpec, image, onehot
from modgan.train import Batch, Phase, Recipe, Share, main

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Settings(Judging, Data):
    """Every knob once."""

    channels: int = 32  # of the feature between G and R, at half the picture's side
    n_z: int = 100  # numbers of noise
    d_channels: int = 32  # width of the first convolution of D
    q_channels: int = 16  # width of the first convolution of Q_z and Q_y
    hidden: int = 256  # width of the layer before their answer
    batch: int = 32  # pictures a step
    lr: float = 5e-4  # of G, R and D
    lr_q: float = 1e-3  # of Q_z and Q_y
    drawing: int = 4_000  # steps of G, R and D; the encoders learn in the steps after them
    steps: int = 6_000
    decay: float = 0.2  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.99


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    picture = image(s.size)
    codes = {name: onehot(name, labels) for name, labels in labels_of(s).items()}
    feature = FeatureSpec(s.channels, s.size // 2, s.size // 2, "portraits@training")
    return {
        "G": DcganGenerator(codes, feature, s.n_z),
        "R": DcganReconstructor(feature, picture),
        "D": ConditionalDiscriminator(picture, codes, s.d_channels),
        "Q_z": NoiseCoder(picture, s.n_z, s.q_channels, s.hidden),
        "Q_y": LabelCoder(picture, codes, s.q_channels, s.hidden),
    }


def batch(s: Settings, at: Share) -> Batch:
    """Pictures, their labels, wrong labels, and noise with labels to draw from."""
    rng = at.own(s.seed)
    x, labels = at.draw(pictures(s), s.batch, s.seed)
    return {
        "image": x,
        "labels": labels,
        "wrong": one_wrong(labels, labels_of(s), rng),
        "drawn": labels[torch.randperm(s.batch, generator=rng)],
        "z": torch.randn(s.batch, s.n_z, generator=rng),
    }


def one_wrong(
    labels: Tensor, attributes: Mapping[str, tuple[str, ...]], rng: torch.Generator
) -> Tensor:
    """The labels (B, A) with that of one attribute, drawn, another one: edits change one, too."""
    other = other_labels(labels, attributes, rng)
    changed = torch.randint(labels.shape[1], (len(labels), 1), generator=rng)
    return labels.scatter(1, changed, other.gather(1, changed))


def codes(parts: Parts, labels: Tensor) -> list[Tensor]:
    """One-hot codes (B, n) of label indices (B, A)."""
    specs = list(parts["Q_y"].outputs.values())
    return [F.one_hot(labels[:, at], spec.channels).float() for at, spec in enumerate(specs)]


def drawing(parts: Parts, batch: Batch, training: bool) -> Tensor:
    """R(G(z, y)); batch norm takes the statistics of the batch while they train."""
    for name in ("G", "R"):
        parts[name].train(training)
    return parts["R"](parts["G"](batch["z"], *codes(parts, batch["drawn"])))


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """D: real pictures with their labels against wrong labels and drawn pictures, half each."""
    with torch.no_grad():
        fake = drawing(parts, batch, training=True)
    x, D = batch["image"], parts["D"]
    return {
        "real": logistic_g(D(x, *codes(parts, batch["labels"]))),
        "wrong": logistic_g(-D(x, *codes(parts, batch["wrong"]))),
        "fake": logistic_g(-D(fake, *codes(parts, batch["drawn"]))),
    }


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """G and R: drawn pictures pass for real ones of their labels."""
    fake = drawing(parts, batch, training=True)
    return {"adv": logistic_g(parts["D"](fake, *codes(parts, batch["drawn"])))}


def q_loss(parts: Parts, batch: Batch) -> Terms:
    """Q_z: the noise of drawn pictures; Q_y: the labels of real ones, both by squared error."""
    with torch.no_grad():
        fake = drawing(parts, batch, training=False)
    pairs = zip(parts["Q_y"](batch["image"]), codes(parts, batch["labels"]), strict=True)
    # codes count from 0 to 1 here and from -1 to 1 in the paper: four times the squared error
    label = torch.stack([4 * F.mse_loss(read.float(), code) for read, code in pairs]).mean()
    return {"noise": F.mse_loss(parts["Q_z"](fake).float(), batch["z"]), "label": label}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    d = {"real": 1.0, "wrong": 0.5, "fake": 0.5}
    return [
        Phase("D", ("D",), d_loss, d, s.lr, stop=s.drawing),
        Phase("G", ("G", "R"), g_loss, {"adv": 1.0}, s.lr, stop=s.drawing),
        Phase(
            "Q",
            ("Q_*",),
            q_loss,
            {"noise": 1.0, "label": 1.0},
            s.lr_q,
            betas=(0.1, 0.999),
            start=s.drawing,
        ),
    ]


def card(s: Settings) -> Card:
    """What the zoo is."""
    edit = {
        f"edit_{name}": ["Q_z", f"Q_y: image -> {read}", "G", "R"]
        for name in labels_of(s)
        for read in [" ".join("_" if other == name else other for other in labels_of(s))]
    }
    graphs = {"reconstruct": ["Q_z", "Q_y", "G", "R"], "draw": ["G", "R"], **edit}
    return portraits_data.card(s, graphs)


recipe = Recipe(
    name="icgan_portraits",
    settings=Settings(),
    smoke={
        "size": 32,
        "channels": 4,
        "n_z": 8,
        "d_channels": 4,
        "q_channels": 4,
        "hidden": 8,
        "pictures": 32,
        "batch": 4,
        "drawing": 3,
        "steps": 6,
        "judge_steps": 4,
        "followed": 8,
        "tested": 8,
        "workers": 0,
    },
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    sheet=sampling(inverting),
    score=scoring(inverting),
)

paper = Settings(
    pictures=200_000, channels=64, d_channels=64, q_channels=32, hidden=4096, batch=64, lr=2e-4
)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
