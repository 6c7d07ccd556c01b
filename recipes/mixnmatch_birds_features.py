"""MixNMatch, the second stage: S reads shape and pose off a picture position by position.

    modgan train recipes/mixnmatch_birds_features.py --zoo ZOO              # drawn birds
    modgan train recipes/mixnmatch_birds_features.py --zoo ZOO --data DIR   # your own

Li et al., MixNMatch, CVPR 2020. ZOO is what `mixnmatch_birds.py` wrote; its parts are frozen. S
learns to give what G_parent makes: of pictures made of codes the very feature (L1), of real ones a
feature that D_feature takes for one of G_parent's. Not published, and off in the variant `paper`:
real and made pictures go through S in one batch, made ones have the parents and children that are
read off real ones, and real ones are painted again of their own codes and S's feature, near to what
they were (L1, which S alone learns from), with masks in their boxes, S's feature near G_parent's of
their codes. The run writes one file with S alone, which the zoo
takes: compose(FEATURE_MODE, parts=[ZOO, FILE]).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import birds_data
import torch
from birds_data import Data
from hierarchy_critics import STRIDES
from noted import outside
from PIL import Image
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import FeatureDiscriminator, UnetEncoder
from modgan.convert.mixnmatch import GRAPHS
from modgan.data.boxed import SPARE
from modgan.losses import l1, logistic_d, logistic_g, parent_of
from modgan.metrics.stages import (
    SOURCES,
    STAGES,
    Painted,
    coded,
    onehot_codes,
    painted,
)
from modgan.train import Batch, Phase, Recipe, Share, TrainingError, main
from modgan.zoo import Zoo, load

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]
CODED = {"background": "G_background", "parent": "G_parent", "child": "T_child"}
SOFT = 0.2  # share of the steps whose parents' codes are soft


@dataclass(frozen=True)
class Settings(Data):
    """Every knob once; sizes are the zoo's."""

    zoo: str = "runs/mixnmatch_birds/mixnmatch_birds.safetensors"  # of the first stage
    width: int = 8  # of the first convolutions of S
    n_res: int = 2  # residual blocks that end S
    d_width: int = 16  # of the first convolution of D_feature
    field: int = 16  # positions a side of the patches that D_feature sees: 16, 22 or 34
    batch: int = 16
    lr: float = 2.5e-3  # of S; twice that is faster, and may fall apart
    lr_d: float = 4e-4  # of D_feature
    w_again: float = 5.0  # real pictures painted again of their own codes; 0 leaves that out
    w_beside: float = 30.0  # their masks beside the boxes
    w_own: float = 1.0  # S's feature of them, against G_parent's of their own codes
    together: bool = True  # S norms real and made pictures as one batch, made of codes read
    steps: int = 2_000
    decay: float = 0.5  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.99


@cache
def zoo(source: str) -> Zoo:
    """The zoo of the first stage."""
    held = load(source)
    missing = [name for name in (*STAGES, "Q_z", "Q_b", "Q_p", "Q_c") if name not in held]
    if missing:
        raise TrainingError(
            f"{source}: lacks {', '.join(missing)}: give a zoo of mixnmatch_birds.py"
        )
    return held


def frozen(s: Settings) -> list[str]:
    """All parts of the first stage."""
    return list(zoo(s.zoo))


def parts(s: Settings) -> dict[str, Component]:
    """The zoo as it is, S, and D_feature."""
    held = zoo(s.zoo)
    picture, feature = held["Q_z"].inputs["image"], held["G_parent"].outputs["feature"]
    if s.size != picture.height:
        raise TrainingError(f"{s.zoo} takes pictures of {picture.height} pixels: pass --size")
    if s.field not in STRIDES:
        raise TrainingError(f"--field {s.field}: expects one of {', '.join(map(str, STRIDES))}")
    strides = STRIDES[s.field]
    widths = tuple(s.d_width * 2**i for i in range(len(strides)))
    return {
        **held,
        "S": UnetEncoder(picture, feature, s.width, s.n_res),
        "D_feature": FeatureDiscriminator(feature, widths, strides),
    }


def batch(s: Settings, at: Share) -> Batch:
    """Objects, and codes to make pictures of; in a fifth of the steps the parents' are soft."""
    crops = birds_data.drawn(s, at, s.batch)
    rng, held = at.own(s.seed + 1), zoo(s.zoo)
    soft = bool(torch.rand((), generator=at.joint(s.seed)) < SOFT)
    counts = {n: held[p].inputs[n].channels for n, p in CODED.items()}
    drawn = {n: torch.randint(most, (s.batch,), generator=rng) for n, most in counts.items()}
    drawn["parent"] = parent_of(drawn["child"], counts["child"], counts["parent"])
    return {
        "objects": crops.objects.contiguous(),
        "boxes": crops.boxes,
        "z": torch.randn(s.batch, held["Q_z"].outputs["z"].channels, generator=rng),
        **drawn,
        "soft": torch.randn(s.batch, counts["parent"], generator=rng).softmax(1) if soft else None,
        "together": s.together,
        "again": s.w_again > 0,
    }


def drawn(parts: Parts, batch: Batch) -> Painted:
    """Pictures of the codes and the parent's feature they were made of, without a graph."""
    if "made" not in batch:
        with torch.no_grad():
            codes = onehot_codes(parts, batch["z"], batch)
            if batch["together"]:
                codes["parent"] = parts["Q_p"](batch["objects"])
                codes["child"] = parts["Q_c"](batch["objects"])
            if batch["soft"] is not None:
                codes["parent"] = batch["soft"].to(batch["z"])
            batch["made"] = painted(parts, codes)
    kept: Painted = batch["made"]
    return kept


def read(parts: Parts, batch: Batch) -> Tensor:
    """What S gives of the objects: once, with the graph that its own phase walks back.

    Together, made pictures go through S in the same batch; what it gives of them is kept, too.
    """
    if "read" not in batch:
        S, x = parts["S"].requires_grad_(True), batch["objects"]
        if batch["together"]:
            batch["read"], batch["given"] = S(torch.cat([x, drawn(parts, batch).image])).chunk(2)
        else:
            batch["read"] = S(x)
    kept: Tensor = batch["read"]
    return kept


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """D_feature: what G_parent made against what S read."""
    D = parts["D_feature"]
    fake = read(parts, batch).detach()
    return {"real": logistic_d(D(drawn(parts, batch).feature), D(fake))}


def s_loss(parts: Parts, batch: Batch) -> Terms:
    """S: the feature of made pictures; of real ones, one as if made that paints them again."""
    made, feature, x = drawn(parts, batch), read(parts, batch), batch["objects"]
    given = batch["given"] if batch["together"] else parts["S"](made.image)
    terms = {"feature": l1(given, made.feature), "real": logistic_g(parts["D_feature"](feature))}
    if batch["again"]:
        codes = coded(parts, dict.fromkeys(SOURCES, x))
        again = painted(parts, codes, feature)
        with torch.no_grad():
            own = parts["G_parent"](codes["z"], codes["parent"])
        terms["own"] = l1(feature, own)
        terms["again"] = l1(again.image, x)
        masks = torch.cat([again.mask_parent, again.mask_child], 1)
        terms["beside"] = (masks * outside(batch["boxes"], x.shape[-1])).mean()
    return terms


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    again = {"again": s.w_again, "beside": s.w_beside, "own": s.w_own} if s.w_again else {}
    weights = {"feature": 1.0, "real": 1.0, **again}
    return [
        Phase("D_feature", ("D_feature",), d_loss, {"real": 1.0}, s.lr_d),
        Phase("S", ("S",), s_loss, weights, s.lr),
    ]


def samples(s: Settings, parts: Parts) -> Image.Image:
    """Pictures that are not trained on, made again by way of S, stage by stage."""
    return birds_data.remade(s, {**zoo(s.zoo), **parts})


def card(s: Settings) -> Card:
    """What the file is; it holds S alone."""
    made = birds_data.card(s, {"feature_mode": GRAPHS["feature_mode"]})
    return replace(made, provenance={**made.provenance, "joins": s.zoo})


recipe = Recipe(
    name="mixnmatch_birds_features",
    settings=Settings(),
    smoke={"size": 32, "pictures": 12, "workers": 0, "batch": 3, "steps": 4}
    | {"width": 2, "n_res": 1, "d_width": 2},
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    plan=birds_data.found,
    sheet=samples,
    frozen=frozen,
    layout=torch.contiguous_format,
)

pictures = {"split": "all", "size": 128, "around": 1.5, "spare": SPARE}
sizes = {"width": 32, "d_width": 32, "field": 34}
plain = {"lr_d": 2e-5, "w_again": 0.0, "together": False, "lr": 2e-4, "decay": 0.0}
paper = Settings(**pictures, **sizes, **plain, batch=12, steps=400 * 982)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
