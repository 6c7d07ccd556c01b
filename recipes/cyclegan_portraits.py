"""CycleGAN: for every label two translators, to it and back, the second baseline of ModularGAN.

    modgan train recipes/cyclegan_portraits.py                   # drawn portraits
    modgan train recipes/cyclegan_portraits.py --data DIR        # your own labelled pictures
    modgan train recipes/cyclegan_portraits.py --variant paper   # ngf 64, six blocks: a GPU's work

Zhu et al., CycleGAN, ICCV 2017: networks and losses are the published ones (equal to the official
code's, `tests/test_golden_cyclegan.py`), narrower. An attribute of two labels is one pair of
domains; of more, a pair per label: pictures of that label, and all others. A step trains one pair,
the next step the next. There is no history of fakes (the official code shows D one of the last 50
with probability ½): a batch is a function of its step, so that runs resume exactly. For small
budgets rates are higher, and less is asked of pictures of the domain; `paper` is as published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import portraits_data
import torch
from portraits_data import Data, labels_of, pictures
from portraits_judge import Judging, sampling, scoring
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import CycleTranslator, PatchDiscriminator
from modgan.data.images import batch as pictures_of
from modgan.data.order import draw, seed_of
from modgan.losses import l1, lsgan_d, lsgan_g
from modgan.metrics.editors import cycle, translator
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, Share, main

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Settings(Judging, Data):
    """Every knob once."""

    channels: int = 12  # width of the first convolution of a translator
    n_res: int = 2  # residual blocks of a translator
    d_channels: int = 16  # width of the first convolution of a D
    n_layers: int = 3  # of a D: its patches are 70 pixels wide
    batch: int = 2  # pictures a step of either domain
    lr: float = 5e-4
    w_cycle: float = 10.0
    w_identity: float = 1.0  # nothing changes in pictures that are of the domain already
    steps: int = 20_000  # of all pairs together
    decay: float = 0.5  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.995


def pairs(s: Settings) -> list[tuple[str, str, str]]:
    """(attribute, label, name of the other domain) of every pair of domains."""
    found = []
    for name, labels in labels_of(s).items():
        if len(labels) == 2:
            found.append((name, labels[1], labels[0]))
        else:
            found += [(name, label, f"not {label}") for label in labels]
    return found


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    picture, made = image(s.size), dict[str, Component]()
    for name, *domains in pairs(s):
        for domain in domains:
            made[translator(name, domain)] = CycleTranslator(picture, s.channels, s.n_res)
            D = PatchDiscriminator(picture, s.d_channels, s.n_layers)
            made[translator(name, domain, "D")] = D
    return made


@cache
def members(s: Settings, at: int) -> tuple[Tensor, Tensor]:
    """The indices of the pictures in both domains of a pair, those of its label first."""
    name, label, _ = pairs(s)[at]
    names = list(labels_of(s))
    data = pictures(s)
    labels = torch.stack([data[index][1] for index in range(len(data))])[:, names.index(name)]
    inside = labels == labels_of(s)[name].index(label)
    return inside.nonzero()[:, 0], (~inside).nonzero()[:, 0]


def batch(s: Settings, at: Share) -> Batch:
    """Pictures of both domains of one pair: "a" has the label, "b" has not."""
    count = len(pairs(s))
    pair, turn = at.step % count, replace(at, step=at.step // count)
    images = []
    for domain, indices in enumerate(members(s, pair)):
        seed = seed_of(s.seed, at.order, pair, domain)
        chosen = draw(indices, turn.position(s.batch), s.batch, seed)
        images.append(pictures_of(pictures(s), indices[chosen])[0])
    name, *domains = pairs(s)[pair]
    own = {"F": [translator(name, each) for each in domains]}
    own["D"] = [translator(name, each, "D") for each in domains]
    return {"a": images[0], "b": images[1], **own}


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """Both translators: fool their D, come back, and leave alone what is there already."""
    (to_a, to_b), (D_a, D_b) = ([parts[name] for name in batch[key]] for key in ("F", "D"))
    a, b = batch["a"], batch["b"]
    fake_a, fake_b = to_a(b), to_b(a)
    batch["fake_a"], batch["fake_b"] = fake_a.detach(), fake_b.detach()
    return {
        "adv": lsgan_g(D_a(fake_a)) + lsgan_g(D_b(fake_b)),
        "cycle": l1(to_a(fake_b), a) + l1(to_b(fake_a), b),
        "identity": l1(to_a(a), a) + l1(to_b(b), b),
    }


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """Both D's: pictures of their domain against translated ones."""
    D_a, D_b = (parts[name] for name in batch["D"])
    real = lsgan_d(D_a(batch["a"]), D_a(batch["fake_a"]))
    return {"adv": (real + lsgan_d(D_b(batch["b"]), D_b(batch["fake_b"]))) / 2}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    weights = {"adv": 1.0, "cycle": s.w_cycle, "identity": s.w_identity}
    return [
        Phase("G", ("F_*",), g_loss, weights, s.lr),
        Phase("D", ("D_*",), d_loss, {"adv": 1.0}, s.lr),
    ]


def card(s: Settings) -> Card:
    """What the zoo is; the way back of labels that are one of many stays out."""
    graphs = {
        f"to_{name}_{label}": [translator(name, label)]
        for name, labels in labels_of(s).items()
        for label in labels
    }
    return portraits_data.card(s, graphs)


recipe = Recipe(
    name="cyclegan_portraits",
    settings=Settings(),
    smoke={
        "size": 32,
        "channels": 4,
        "n_res": 1,
        "d_channels": 4,
        "n_layers": 2,
        "pictures": 32,
        "batch": 2,
        "steps": 8,
        "judge_steps": 4,
        "followed": 8,
        "tested": 8,
        "workers": 0,
    },
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    sheet=sampling(cycle),
    score=scoring(cycle),
)

published = {"batch": 1, "lr": 2e-4, "w_identity": 5.0}
paper = Settings(size=128, pictures=200_000, channels=64, n_res=6, d_channels=64, **published)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
