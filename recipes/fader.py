"""Fader networks: one encoder whose feature hides the domain, one decoder that is told it.

    modgan train recipes/fader.py                   # drawn sketches and pictures
    modgan train recipes/fader.py --data DIR        # trainA, trainB, testA, testB … in DIR
    modgan train recipes/fader.py --variant paper   # the published rates, weights and batch

Lample et al., Fader Networks, NIPS 2017, with the domain as the attribute. In turn the critic reads
the domain off the feature, and E makes it read another one. E is MUNIT's, halved as often as
`n_down` says. The paper's critic is a convolution of 512 and a layer of 512, here on a larger
map; the official program also clips gradients and drops out values in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from domains_data import card, names_of
from torch import Tensor
from translation import TINY, Networks, Parts, Terms, joined
from translation_sheets import everywhere

from modgan.component import Component
from modgan.components import ConditionalReconstructor, ContentEncoder, DomainDiscriminator
from modgan.data.images import other_labels
from modgan.losses import classification
from modgan.spec import image, onehot
from modgan.train import Batch, Phase, Recipe, Share, main


@dataclass(frozen=True)
class Settings(Networks):
    """Every knob once; of the critics' sizes only `d_width` counts."""

    n_down: int = 3  # halvings of E
    d_down: int = 2  # halvings of the critic after those of E
    hidden: int = 64  # width of the layer before its answer
    w_hidden: float = 1e-2  # E against the critic, at the end of the ramp; the paper: 1e-4
    ramp: int = 2_000  # steps in which that weight grows from 0


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    names, picture = names_of(s), image(s.size)
    E = ContentEncoder(picture, s.width, s.n_down, s.n_res, "hidden@training")
    feature, code = E.outputs["feature"], {"domain": onehot("domain", names)}
    R = ConditionalReconstructor(feature, picture, code, s.width)
    D = DomainDiscriminator(feature, {"domain": names}, s.d_width, s.d_down, s.hidden)
    return {"E": E, "R": R, "D": D}


def batch(s: Settings, at: Share) -> Batch:
    """Pictures of all domains in one batch, their domains, and other ones."""
    x, own = joined(s, at)
    other = other_labels(own[:, None], {"domain": names_of(s)}, at.own(s.seed + 1))[:, 0]
    return {"image": x, "own": own, "other": other, "ramp": min(1.0, at.step / s.ramp)}


def coded(parts: Parts, domain: Tensor) -> Tensor:
    """One-hot codes (B, n) of domains (B,)."""
    return F.one_hot(domain, parts["R"].inputs["domain"].channels).float()


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """D: the domain, read off features that stay as they are."""
    with torch.no_grad():
        feature = parts["E"](batch["image"])
    (scores,) = parts["D"](feature)
    return {"domain": classification(scores, batch["own"])}


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """E and R: pictures come back from feature and domain; the critic reads another domain."""
    feature = parts["E"](batch["image"])
    (scores,) = parts["D"](feature)
    again = parts["R"](feature, coded(parts, batch["own"]))
    return {
        "image": F.mse_loss(again.float(), batch["image"]),
        "hidden": batch["ramp"] * classification(scores, batch["other"]),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    return [
        Phase("D", ("D",), d_loss, {"domain": 1.0}, s.lr),
        Phase("G", ("E", "R"), g_loss, {"image": 1.0, "hidden": s.w_hidden}, s.lr),
    ]


def translated(parts: Parts, x: Tensor, of: str, to: str) -> Tensor:
    """Pictures (B, 3, H, W) in any domain, whatever they are of."""
    number = parts["R"].inputs["domain"].labels.index(to)
    domain = torch.full((len(x),), number, device=x.device)
    return parts["R"](parts["E"](x), coded(parts, domain))


recipe = Recipe(
    name="fader",
    settings=Settings(),
    smoke={**TINY, "n_down": 2, "hidden": 8, "ramp": 2},
    parts=parts,
    batch=batch,
    phases=phases,
    card=partial(card, graphs={"to_domain": ["E", "R"]}),
    sheet=everywhere(translated),
)

paper = Settings(size=256, batch=16, width=32, n_res=0, n_down=4)  # 16 of every domain: 32 of two
paper = replace(paper, d_width=512, d_down=1, hidden=512)
paper = replace(paper, lr=2e-4, w_hidden=1e-4, ramp=500_000, steps=1_500_000)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
