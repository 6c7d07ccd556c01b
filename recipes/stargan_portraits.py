"""StarGAN: one translator F for all attributes at once, the first baseline of ModularGAN.

    modgan train recipes/stargan_portraits.py                         # drawn portraits
    modgan train recipes/stargan_portraits.py --data DIR              # your own labelled pictures
    modgan train recipes/stargan_portraits.py --variant label_critics # with the D of our ModularGAN
    modgan train recipes/stargan_portraits.py --variant paper         # 128², a GPU's work

Choi et al., StarGAN, CVPR 2018: networks and losses are the published ones (equal to the official
code's, `tests/test_golden_stargan.py`), narrower; labels exclude each other within an attribute, so
classification is a softmax per attribute, as published for RaFD. For small budgets F learns in
every step and five times as fast; `paper` has the published rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import label_critics
import modulargan_portraits
import portraits_data
import torch
import torch.nn.functional as F
from portraits_data import Data, labels_of, pictures
from portraits_judge import Judging, sampling, scoring
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import LabelDiscriminator, StarDiscriminator, StarTranslator
from modgan.losses import classification, gradient_penalty, l1, wgan_d, wgan_g
from modgan.metrics.editors import star
from modgan.spec import image, onehot
from modgan.train import Batch, Phase, Recipe, Share, main

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Settings(Judging, Data):
    """Every knob once."""

    channels: int = 20  # width of the first convolution of F
    n_res: int = 6  # residual blocks of F
    d_channels: int = 32  # width of the first convolution of D
    d_down: int = 5  # halvings in D
    batch: int = 8  # pictures a step
    n_critic: int = 1  # steps of D for one of F
    lr: float = 5e-4
    w_gp: float = 10.0
    w_cls: float = 1.0
    w_rec: float = 10.0
    steps: int = 10_000  # of D
    decay: float = 0.5  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.999


def translator(s: Settings | CriticSettings) -> StarTranslator:
    """F, which is told every attribute."""
    codes = {name: onehot(name, labels) for name, labels in labels_of(s).items()}
    return StarTranslator(image(s.size), codes, s.channels, s.n_res)


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    D = StarDiscriminator(image(s.size), labels_of(s), s.d_channels, s.d_down)
    return {"F": translator(s), "D": D}


def batch(s: Settings, at: Share) -> Batch:
    """Pictures, their labels, and those of other pictures of the batch as targets."""
    x, labels = at.draw(pictures(s), s.batch, s.seed)
    rng = at.own(s.seed)
    target = labels[torch.randperm(s.batch, generator=rng)]
    alpha = torch.rand(s.batch, 1, 1, 1, generator=rng)
    return {"image": x, "labels": labels, "target": target, "alpha": alpha}


def translated(parts: Parts, x: Tensor, labels: Tensor) -> Tensor:
    """F(x, c) for label indices (B, A)."""
    specs = list(parts["F"].inputs.values())[1:]
    codes = (F.one_hot(labels[:, at], spec.channels).to(x) for at, spec in enumerate(specs))
    return parts["F"](x, *codes)


def classes(logits: tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Cross-entropy, summed over the attributes."""
    each = (classification(head, labels[:, at]) for at, head in enumerate(logits))
    return torch.stack(list(each)).sum()


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """D: real against translated with a gradient penalty, and the labels of real pictures."""
    with torch.no_grad():
        fake = translated(parts, batch["image"], batch["target"])
    real, *logits = parts["D"](batch["image"])
    penalty = gradient_penalty(lambda x: parts["D"](x)[0], batch["image"], fake, batch["alpha"])
    return {
        "adv": wgan_d(real, parts["D"](fake)[0]),
        "gp": penalty,
        "cls": classes(tuple(logits), batch["labels"]),
    }


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """F: fool D, be read as the target, and find the way back."""
    fake = translated(parts, batch["image"], batch["target"])
    real, *logits = parts["D"](fake)
    return {
        "adv": wgan_g(real),
        "cls": classes(tuple(logits), batch["target"]),
        "rec": l1(translated(parts, fake, batch["labels"]), batch["image"]),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    d = {"adv": 1.0, "gp": s.w_gp, "cls": s.w_cls}
    g = {"adv": 1.0, "cls": s.w_cls, "rec": s.w_rec}
    return [
        Phase("D", ("D",), d_loss, d, s.lr),
        Phase("G", ("F",), g_loss, g, s.lr, every=s.n_critic),
    ]


def card(s: Settings | CriticSettings) -> Card:
    """What the zoo is."""
    return portraits_data.card(s, {"edit": ["F"]})


@dataclass(frozen=True)
class CriticSettings(modulargan_portraits.Settings):
    """Those of the ModularGAN recipe, of which F has no use for features, keep and masks."""

    channels: int = 20  # width of the first convolution of F
    n_res: int = 6  # residual blocks of F


def critic_parts(s: CriticSettings) -> dict[str, Component]:
    """F with the D of the ModularGAN recipe."""
    D = LabelDiscriminator(image(s.size), labels_of(s), s.d_channels, s.d_down)
    return {"F": translator(s), "D": D}


def critic_g_loss(parts: Parts, batch: Batch) -> Terms:
    """F: fool both critics of every label that changed, and find the way back."""
    x, there = (batch[key][: len(batch["target"])] for key in ("image", "labels"))
    fake = translated(parts, x, batch["target"])
    terms, *_ = label_critics.fool(parts, batch, fake)
    return {**terms, "rec": l1(translated(parts, fake, there), x)}


def critic_phases(s: CriticSettings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    weights = {"label": 1.0, "patch": 1.0, "rec": s.w_image}
    teach, D = label_critics.phases(s)
    return [teach, Phase("G", ("F",), critic_g_loss, weights, s.lr, (0.0, 0.99), start=s.teach), D]


SMALL = {
    "size": 32,
    "channels": 8,
    "n_res": 1,
    "d_channels": 8,
    "pictures": 32,
    "batch": 4,
    "steps": 6,
    "judge_steps": 4,
    "followed": 8,
    "tested": 8,
    "workers": 0,
}

critics = Recipe(
    name="stargan_label_critics",
    settings=CriticSettings(),
    smoke=SMALL | {"same": 1, "reals": 4, "teach": 2},
    parts=critic_parts,
    batch=modulargan_portraits.batch,
    phases=critic_phases,
    card=card,
    sheet=sampling(star),
    score=scoring(star),
)

recipe = Recipe(
    name="stargan_portraits",
    settings=Settings(),
    smoke=SMALL | {"n_critic": 2},
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    sheet=sampling(star),
    score=scoring(star),
)

paper = replace(
    recipe,
    settings=Settings(
        size=128,
        pictures=200_000,
        channels=64,
        d_channels=64,
        d_down=6,
        batch=16,
        n_critic=5,
        lr=1e-4,
        steps=200_000,
    ),
)
recipe = replace(recipe, variants={"paper": paper, "label_critics": critics})

if __name__ == "__main__":
    main(recipe)
