"""MixNMatch, the first stage: background, texture, shape and pose are read off four pictures.

    modgan train recipes/mixnmatch_birds.py                             # drawn birds: no download
    modgan train recipes/mixnmatch_birds.py --data DIR                  # a folder in CUB's layout
    modgan train recipes/mixnmatch_birds.py --data CUB --variant paper  # the published sizes, 128²

Li et al., MixNMatch, CVPR 2020. FineGAN's hierarchy, and four encoders that read its codes: a
critic of pairs for each tells real pictures with the codes that were read from made pictures with
the codes they were made of. Encoders also name the codes of pictures made of any codes. The second
stage is `mixnmatch_birds_features.py`.

The official program sets the G that learns back to its average after every epoch (it saves the
average and takes it up again); here G goes on as it is, and the encoders are averaged, too.

On small budgets codes are not left to critics to find: `clusters.py` finds those of real pictures
before the first step, z among them, and `noted.py` has them painted and read. Encoders take real
and made pictures in one batch there, and from the step `critics_from` on what they read off
pictures of any codes teaches G, too. For the other losses that are not published see
`finegan_birds.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import birds_data
import hierarchy_critics as shared
import noted
import torch
from birds_data import codes, labels_of
from hierarchy_critics import Parts, Terms, made, read_widths
from noted import PUBLISHED, SMOKE, Noted
from PIL import Image
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import (
    BoundedNoiseCoder,
    PairDiscriminator,
    ShapeGenerator,
    SoftCoder,
    StageGenerator,
)
from modgan.convert.mixnmatch import CODES, GRAPHS
from modgan.losses import classification, l1, pair_gradient_penalty, wgan_d
from modgan.metrics.stages import STAGES, onehot_codes, painted
from modgan.spec import FeatureSpec, image, onehot
from modgan.train import Batch, Phase, Recipe, Share, main

MOST = 8  # widths that the channels of a critic grow to; 16 for those of an encoder
PREDICTED = {"z": 5.0, "b": 5.0, "p": 10.0, "c": 10.0}  # weights of naming the codes


@dataclass(frozen=True)
class Settings(Noted):
    """Every knob once."""

    q_width: int = 16  # of the first convolution of an encoder
    pair_width: int = 8  # of a critic of pairs
    pair_hidden: int = 96  # numbers in which such a critic holds a picture, and a code
    w_pairs: float = 0.2
    w_penalty: float = 10.0  # on the slope of the critics of pairs


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    labels, picture = labels_of(s), image(s.size)
    ports = {"z": FeatureSpec(s.n_z, space="normal")}
    ports |= {name: onehot(name, values) for name, values in labels.items()}
    looks = tuple(s.pair_width * 2**i for i in range(shared.doublings(s.size)))
    return {
        **(noted.stages(s) if s.clustered else stages(s)),
        **encoders(s),
        **shared.critics(s, MOST),
        **{
            f"D_pair_{k}": PairDiscriminator(picture, port, ports[port], looks, s.pair_hidden)
            for k, port in CODES.items()
        },
    }


def stages(s: Settings) -> dict[str, Component]:
    """The stages as published."""
    labels, n = labels_of(s), shared.growths(s)
    grown = tuple(s.width * 2**i for i in range(n - 1, 0, -1))
    scene, shape = (*grown, 2 * s.width, s.width), (*grown, s.channels, s.channels)
    behind = StageGenerator("background", labels["background"], scene, s.n_z, "background@training")
    inner = ShapeGenerator("parent", labels["parent"], shape, s.n_res + 1, s.n_z, "parent@training")
    dress = shared.child_stage(s, inner.outputs["feature"], s.child_width, s.child_channels)
    return shared.painted_by(s, behind, inner, dress)


def encoders(s: Settings) -> dict[str, Component]:
    """Q's; lean ones that read no places take the largest values of all positions."""
    labels, picture = labels_of(s), image(s.size)
    widths = read_widths(s.size, s.q_width, 16)
    pooled = widths[:-1] if s.clustered else widths
    return {
        "Q_z": BoundedNoiseCoder(picture, s.n_z, widths, norm=not s.clustered),
        **{
            f"Q_{k}": SoftCoder(picture, CODES[k], labels[CODES[k]], pooled, s.clustered)
            for k in CODES
            if k != "z"
        },
    }


def batch(s: Settings, at: Share) -> Batch:
    """Pictures with tied codes to make others of, and free codes for the encoders to name."""
    free = codes(s, s.batch, at.own(s.seed + 2), tied=False)
    named = {f"free_{name}": value for name, value in free.items()}
    return {**noted.batch(s, at, s.batch), **named}


def read(parts: Parts, batch: Batch) -> dict[str, Tensor]:
    """The codes of the objects of the step: once, with the graph that the last phase walks back.

    Where they are known, pictures of free codes go through Q's in the same batch, and `said` is
    what Q's say of both.
    """
    if "read" not in batch:
        for name in (*STAGES, *(f"Q_{k}" for k in CODES)):
            parts[name].requires_grad_(True)
        x, free = batch["objects"], [free_picture(parts, batch)] if batch["clustered"] else []
        both = scores(parts, torch.cat([x, *free]))
        batch["said"] = {k: each.split(len(x)) for k, each in both.items()}
        real = {k: each[0] for k, each in batch["said"].items()}
        batch["read"] = {k: each if k == "z" else each.softmax(1) for k, each in real.items()}
    kept: dict[str, Tensor] = batch["read"]
    return kept


def scores(parts: Parts, picture: Tensor) -> dict[str, Tensor]:
    """z and the logits of the other codes, by letter."""
    readers: dict[str, Any] = {k: parts[f"Q_{k}"] for k in CODES}
    return {k: Q(picture) if k == "z" else Q.scores(picture) for k, Q in readers.items()}


def free_picture(parts: Parts, batch: Batch) -> Tensor:
    """Pictures made of the free codes.

    G learns from them where known codes of real pictures hold Q's to what codes mean, once critics
    hold G to real pictures; without either the two agree on signs that nobody else sees.
    """
    free = {name: batch[f"free_{name}"] for name in ("z", *shared.CODES)}
    held = batch["clustered"] and batch["late"] > 0
    with torch.set_grad_enabled(held and torch.is_grad_enabled()):
        given = onehot_codes(parts, free["z"], free)
        return painted(parts, given, canvas=shared.known_canvas(parts, batch, given)).image


def told(parts: Parts, batch: Batch) -> dict[str, Tensor]:
    """The codes that pictures are made of, by letter."""
    given = onehot_codes(parts, batch["z"], batch)
    return {k: given[port] for k, port in CODES.items()}


def judged(parts: Parts, picture: Tensor, codes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the critics of pairs say, by letter."""
    return {k: parts[f"D_pair_{k}"](picture, codes[k]) for k in CODES}


def apart(real: Mapping[str, Tensor], fake: Mapping[str, Tensor]) -> Tensor:
    """Σ over letters of mean D(fake) − mean D(real)."""
    return torch.stack([wgan_d(real[k], fake[k]) for k in CODES]).sum()


def pairs_loss(parts: Parts, batch: Batch) -> Terms:
    """D_pair_*: objects with the codes read off them against pictures with the codes they have."""
    x, child = batch["objects"], made(parts, batch).image.detach()
    encoded = {k: code.detach() for k, code in read(parts, batch).items()}
    given = told(parts, batch)
    alphas = [torch.rand(len(x), device=x.device) for _ in range(1 + len(CODES))]
    judges = [parts[f"D_pair_{k}"] for k in CODES]
    penalty = pair_gradient_penalty(
        judges, [x, *encoded.values()], [child, *given.values()], alphas
    )
    terms = judged(parts, x, encoded), judged(parts, child, given)
    return {"pairs": apart(*terms), "penalty": penalty}


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """G and Q's: FineGAN's terms, pairs that cannot be told apart, codes named."""
    terms = shared.painting_loss(parts, batch)
    terms["pairs"] = batch["objects"].new_zeros(())
    if batch["late"]:
        encoded = judged(parts, batch["objects"], read(parts, batch))
        terms["pairs"] = apart(judged(parts, made(parts, batch).image, told(parts, batch)), encoded)
    if batch["clustered"]:
        read(parts, batch)
        terms, known = noted.loss(parts, batch, terms)
        said = {port: batch["said"][k][0] for k, port in CODES.items()}
        terms |= noted.found_loss(known, said)
    return {**terms, **named(parts, batch)}


def named(parts: Parts, batch: Batch) -> Terms:
    """Q's name the free codes of pictures that were made of them; `read` comes before."""
    read(parts, batch)
    apart = None if batch["clustered"] else scores(parts, free_picture(parts, batch))
    said = apart or {k: each[1] for k, each in batch["said"].items()}
    aims = {k: batch[f"free_{port}"] for k, port in CODES.items()}
    return {k: (l1 if k == "z" else classification)(said[k], aims[k]) for k in CODES}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    trained = (*shared.learned_with_g(s), "Q_*")
    weights = {**shared.painting_weights(s), "pairs": s.w_pairs, **PREDICTED}
    weights |= noted.AGAIN | noted.FOUND if s.clustered else {}
    critic = {"pairs": 1.0, "penalty": s.w_penalty}
    return [
        *shared.critic_phases(s),
        Phase("D_pair", ("D_pair_*",), pairs_loss, critic, s.lr, start=s.critics_from),
        Phase("G", trained, g_loss, weights, s.lr_g, betas=(0.5, s.beta2)),
    ]


def samples(s: Settings, parts: Parts) -> Image.Image:
    """Pictures that are not trained on, made again of the codes read off them, stage by stage."""
    return birds_data.remade(s, parts)


def card(s: Settings) -> Card:
    """What the zoo is; its feature mode comes with S, of the second stage."""
    graphs = {name: GRAPHS[name] for name in ("hierarchy", "code_mode")}
    return birds_data.card(s, graphs)


recipe = Recipe(
    name="mixnmatch_birds",
    settings=Settings(),
    smoke={**SMOKE, "q_width": 2, "pair_width": 2, "pair_hidden": 8},
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    notes=noted.notes,
    plan=birds_data.found,
    sheet=samples,
    layout=torch.contiguous_format,
)

sizes = {"width": 32, "channels": 16, "child_width": 32, "child_channels": 16}
readers = {"q_width": 64, "d_parent": 32}
pairs = {"pair_width": 16, "pair_hidden": 512, "w_pairs": 1.0}
paper = Settings(**PUBLISHED, **sizes, **readers, **pairs, batch=12, steps=600 * 982)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
