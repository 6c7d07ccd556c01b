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

import domains_data
import torch
import torch.nn.functional as F
from domains_data import drawn, names_of
from PIL import Image
from torch import Tensor
from translation import TINY, Networks, Parts, Terms, page, tests

from modgan.card import Card
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
    picture, names = image(s.size), names_of(s)
    E = ContentEncoder(picture, s.width, s.n_down, s.n_res, "hidden@training")
    feature, code = E.outputs["feature"], {"domain": onehot("domain", names)}
    answers = {"domain": names}
    return {
        "E": E,
        "R": ConditionalReconstructor(feature, picture, code, s.width),
        "D": DomainDiscriminator(feature, answers, s.d_width, s.d_down, s.hidden),
    }


def batch(s: Settings, at: Share) -> Batch:
    """Pictures of all domains in one batch, their domains, and other ones."""
    x = drawn(s, at, s.batch)
    own = torch.arange(len(x)).repeat_interleave(s.batch)
    other = other_labels(own[:, None], {"domain": list(x)}, at.own(s.seed + 1))[:, 0]
    image = torch.cat(list(x.values()))
    return {"image": image, "own": own, "other": other, "ramp": min(1.0, at.step / s.ramp)}


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


def card(s: Settings) -> Card:
    """What the zoo is."""
    return domains_data.card(s, {"to_domain": ["E", "R"]})


@torch.no_grad()
def sheet(s: Settings, parts: Parts) -> Image.Image:
    """Test pictures, and in every domain, their own among them."""
    x = tests(s, parts)
    feature = {name: parts["E"](pictures) for name, pictures in x.items()}
    columns = {"input": x}
    for number, name in enumerate(x):
        domain = {n: torch.full((len(f),), number, device=f.device) for n, f in feature.items()}
        columns[name] = {n: parts["R"](f, coded(parts, domain[n])) for n, f in feature.items()}
    return page(columns)


recipe = Recipe(
    name="fader",
    settings=Settings(),
    smoke={**TINY, "n_down": 2, "hidden": 8, "ramp": 2},
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    sheet=sheet,
)

paper = Settings(
    size=256,
    batch=16,  # of every domain: 32 of two
    width=32,
    n_res=0,
    n_down=4,
    d_width=512,
    d_down=1,
    hidden=512,
    w_hidden=1e-4,
    ramp=500_000,
    steps=1_500_000,
)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
