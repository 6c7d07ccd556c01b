"""A translator from one domain to the other, which only its critic or its features hold.

    modgan train recipes/direct.py                        # drawn sketches to pictures
    modgan train recipes/direct.py --data DIR             # trainA, trainB, testA, testB in DIR
    modgan train recipes/direct.py --w-perceptual 0       # unconstrained: anything that looks real
    modgan train recipes/direct.py --features ZOO         # the E of a zoo says what has to stay
    modgan train recipes/direct.py --variant paper        # CycleGAN's widths

What has to stay is a picture's feature, each channel of mean 0 and variance 1, so that colours may
change (MUNIT's perceptual loss; Huang et al., ECCV 2018). Without a zoo, E is first trained to
bring back pictures of both domains, together with a reconstructor R, for `prepare` steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import domains_data
import torch
from domains_data import drawn, two
from PIL import Image
from translation import PLAIN, TINY, Gentle, Parts, Terms, d_weights, fooled, judged, page, tests

import modgan
from modgan.card import Card
from modgan.component import Component
from modgan.components import (
    ContentEncoder,
    CycleTranslator,
    MultiScaleDiscriminator,
    UpsampleReconstructor,
)
from modgan.losses import l1, perceptual
from modgan.spec import InterfaceError, image
from modgan.train import Batch, Phase, Recipe, Share, main


@dataclass(frozen=True)
class Settings(Gentle):
    """Every knob once."""

    features: str = ""  # a zoo file whose E reads these pictures; empty: one is trained first
    prepare: int = 500  # steps of E and R before the translator's
    w_perceptual: float = 0.3  # features stay; 0: no E; the paper: 1


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name, and the E that says what has to stay."""
    picture = image(s.size)
    made: dict[str, Component] = {
        "F": CycleTranslator(picture, s.width, s.n_res),
        "D": MultiScaleDiscriminator(picture, s.d_width, s.d_layers, s.n_scales),
    }
    if s.w_perceptual and s.features:
        made["E"] = fitting(s)
    elif s.w_perceptual:
        E = ContentEncoder(picture, s.width, n_res=s.n_res, space="content@training")
        made |= {"E": E, "R": UpsampleReconstructor(E.outputs["feature"], picture, s.n_res)}
    return made


def fitting(s: Settings) -> Component:
    """The E of the given zoo, which has to read pictures of this size and write a map."""
    E = modgan.load(s.features, only=["E"])["E"]
    spec, feature = image(s.size), next(iter(E.outputs.values()))
    if list(E.inputs.values()) != [spec] or feature.is_vector:
        raise InterfaceError(
            f"{s.features}: E reads {', '.join(map(str, E.inputs.values()))} and writes {feature}; "
            f"expected {spec} and a map: give its size with --size, or another zoo"
        )
    return E


def learns(s: Settings) -> bool:
    """Whether E is trained here."""
    return bool(s.w_perceptual) and not s.features


def batch(s: Settings, at: Share) -> Batch:
    """Unpaired pictures: those to translate, and those of the domain they go to."""
    a, b = two(s)
    x = drawn(s, at, s.batch)
    return {"a": x[a], "b": x[b]}


def e_loss(parts: Parts, batch: Batch) -> Terms:
    """E and R: pictures of both domains come back."""
    x = torch.cat([batch["a"], batch["b"]])
    return {"image": l1(parts["R"](parts["E"](x)), x)}


def d_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """D: pictures against translated ones."""
    with torch.no_grad():
        fake = parts["F"](batch["a"])
    return judged(s, {"D_b": parts["D"]}, {"b": batch["b"]}, {"b": fake})


def f_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """F: translations look real and, where there is an E, keep their features."""
    fake = parts["F"](batch["a"])
    terms = {"adv": fooled(s, {"D_b": parts["D"]}, {"b": fake})}
    if "E" in parts:
        terms["perceptual"] = perceptual(parts["E"], fake, batch["a"])
    return terms


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate: E stays as it is once the translator begins."""
    weights = {"adv": 1.0} | ({"perceptual": s.w_perceptual} if s.w_perceptual else {})
    start = s.prepare if learns(s) else 0
    made = [
        Phase("D", ("D",), partial(d_loss, s), d_weights(s), s.lr, start=start),
        Phase("F", ("F",), partial(f_loss, s), weights, s.lr, start=start),
    ]
    first = Phase("E", ("E", "R"), e_loss, {"image": 1.0}, s.lr, stop=s.prepare)
    return [first, *made] if learns(s) else made


def frozen(s: Settings) -> list[str]:
    """E, if it is given."""
    return ["E"] if s.w_perceptual and s.features else []


def card(s: Settings) -> Card:
    """What the zoo is."""
    a, b = two(s)
    return domains_data.card(s, {f"{a}_to_{b}": ["F"]})


@torch.no_grad()
def sheet(s: Settings, parts: Parts) -> Image.Image:
    """Test pictures and their translations."""
    x = tests(s, parts)[two(s)[0]]
    return page({"input": {"a": x}, "other": {"a": parts["F"](x)}})


recipe = Recipe(
    name="direct",
    settings=Settings(),
    smoke={**TINY, "prepare": 2},
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    sheet=sheet,
    frozen=frozen,
)

paper = Settings(
    size=256,
    load=286,
    batch=1,
    width=64,
    n_res=9,
    d_width=64,
    d_layers=4,
    steps=200_000,
    w_perceptual=1.0,
    **PLAIN,
)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
