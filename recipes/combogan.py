"""ComboGAN: an encoder and a reconstructor for every domain, of which any two translate.

    modgan train recipes/combogan.py                   # drawn sketches and pictures
    modgan train recipes/combogan.py --data DIR        # trainA, trainB, trainC … in DIR
    modgan train recipes/combogan.py --variant paper   # the published widths and weights

Anoosheh et al., ComboGAN, 2018: n parts of each role for n domains, where CycleGAN has n(n - 1)
translators. A step trains one pair of domains. Networks are those of `unit.py`; there is no history
of fakes, as a batch is a function of its step, so that runs resume exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from domains_data import drawn, names_of
from torch import Tensor
from translation import PAPER, TINY, Gentle, Parts, Terms, coders, critics, crossed
from translation_sheets import everywhere
from translation_terms import d_weights, each, fooled, judged, summed, swapped

from modgan.component import Component
from modgan.train import Batch, Phase, Recipe, Share, main


@dataclass(frozen=True)
class Settings(Gentle):
    """Every knob once."""

    w_cycle: float = 10.0  # pictures come back from the other domain
    steps: int = 10_000  # of all pairs together


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    return coders(s, names_of(s), "common@training") | critics(s, names_of(s))


def batch(s: Settings, at: Share) -> Batch:
    """Unpaired pictures of two domains, the same two in all shares of a step."""
    names = names_of(s)
    chosen = torch.randperm(len(names), generator=at.joint(s.seed))[:2].sort().values
    x = drawn(s, at, s.batch)
    return {names[number]: x[names[number]] for number in chosen.tolist()}


def d_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """D of both domains: pictures against translated ones."""
    with torch.no_grad():
        fake = each(parts, "R", swapped(each(parts, "E", batch)))
    return judged(s, parts, batch, fake)


def g_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """E and R of both domains: translations look real and come back."""
    fake = each(parts, "R", swapped(each(parts, "E", batch)))
    back = each(parts, "R", swapped(each(parts, "E", fake)))
    return {"adv": fooled(s, parts, fake), "cycle": summed(F.smooth_l1_loss, back, batch)}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    return [
        Phase("D", ("D_*",), partial(d_loss, s), d_weights(s, 0.5), s.lr),
        Phase("G", ("E_*", "R_*"), partial(g_loss, s), {"adv": 1.0, "cycle": s.w_cycle}, s.lr),
    ]


def translated(parts: Parts, x: Tensor, of: str, to: str) -> Tensor:
    """Pictures (B, 3, H, W) of one domain in any other, or in their own."""
    return parts[f"R_{to}"](parts[f"E_{of}"](x))


recipe = Recipe(
    name="combogan",
    settings=Settings(),
    smoke=TINY,
    parts=parts,
    batch=batch,
    phases=phases,
    card=crossed(),
    sheet=everywhere(translated),
)

paper = replace(Settings(**PAPER), lr=2e-4, load=286)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
