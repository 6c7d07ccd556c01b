"""StarGAN with the domain as its only label: one translator to all domains.

    modgan train recipes/stargan.py                   # drawn sketches and pictures
    modgan train recipes/stargan.py --data DIR        # trainA, trainB, testA, testB … in DIR
    modgan train recipes/stargan.py --variant paper   # 128², a GPU's work

Choi et al., StarGAN, CVPR 2018: networks and losses are those of `stargan_portraits.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import stargan_portraits
import torch
from domains_data import card, names_of
from stargan_portraits import translated
from torch import Tensor
from translation import TINY, Networks, Parts, joined
from translation_sheets import everywhere

from modgan.component import Component
from modgan.components import StarDiscriminator, StarTranslator
from modgan.spec import image, onehot
from modgan.train import Batch, Recipe, Share, main


@dataclass(frozen=True)
class Settings(Networks):
    """Every knob once; `n_res` counts the blocks of F, `d_layers` and `n_scales` are unused."""

    batch: int = 8  # pictures a step of every domain
    width: int = 20  # of the first convolution of F
    n_res: int = 6
    d_width: int = 32  # of the first convolution of D
    d_down: int = 5  # halvings in D
    n_critic: int = 5  # steps of D for one of F
    w_gp: float = 10.0
    w_cls: float = 1.0
    w_rec: float = 10.0
    steps: int = 10_000  # of D
    ema: float = 0.999


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    names = names_of(s)
    F = StarTranslator(image(s.size), {"domain": onehot("domain", names)}, s.width, s.n_res)
    return {"F": F, "D": StarDiscriminator(image(s.size), {"domain": names}, s.d_width, s.d_down)}


def batch(s: Settings, at: Share) -> Batch:
    """Pictures of all domains, their domains (B, 1), and those of other pictures as targets."""
    x, own = joined(s, at)
    labels = own[:, None]
    rng = at.own(s.seed + 1)
    target = labels[torch.randperm(len(labels), generator=rng)]
    alpha = torch.rand(len(labels), 1, 1, 1, generator=rng)
    return {"image": x, "labels": labels, "target": target, "alpha": alpha}


def shown(parts: Parts, x: Tensor, of: str, to: str) -> Tensor:
    """Pictures (B, 3, H, W) in any domain, whatever they are of."""
    number = parts["F"].inputs["domain"].labels.index(to)
    return translated(parts, x, torch.full((len(x), 1), number, device=x.device))


recipe = Recipe(
    name="stargan",
    settings=Settings(),
    smoke={**TINY, "n_critic": 2},
    parts=parts,
    batch=batch,
    phases=stargan_portraits.phases,
    card=partial(card, graphs={"to_domain": ["F"]}),
    sheet=everywhere(shown),
)

paper = Settings(size=128, width=64, d_width=64, d_down=6, lr=1e-4, steps=200_000)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
