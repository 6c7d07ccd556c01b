"""A new transformer for a zoo that stays as it is, or a better one in the place of an old one.

    modgan train recipes/join_portraits.py --zoo ZOO --attributes beard            # drawn portraits
    modgan train recipes/join_portraits.py --zoo ZOO --attributes hat --data DIR   # your own

The run writes one file with T_{attribute} alone: compose(steps, parts=[ZOO, FILE]). E, R and the
other T's are frozen: the new T learns their space, alone and behind a T that is there already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import label_critics
import modulargan_portraits
import portraits_data
import torch
import torch.nn.functional as F
from label_critics import Parts, Terms, fool, mask_loss
from portraits_data import found, labels_of
from portraits_judge import sampling, scoring
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import LabelDiscriminator, ResidualTransformer
from modgan.losses import l1
from modgan.metrics.editors import modular
from modgan.train import Batch, Phase, Recipe, Share, TrainingError, main
from modgan.zoo import Zoo, load


@dataclass(frozen=True)
class Settings(modulargan_portraits.Settings):
    """Those of the ModularGAN recipe; sizes are the zoo's."""

    zoo: str = "portraits"  # a zoo file, or the name of a released one
    attributes: str = "beard"  # the one to learn
    steps: int = 4_000


@cache
def zoo(source: str) -> Zoo:
    """The zoo to join."""
    return load(source)


def attribute(s: Settings) -> tuple[str, list[str]]:
    """The one attribute to learn, and its labels."""
    names = labels_of(s)
    if len(names) != 1:
        raise TrainingError(f"--attributes: one attribute joins at a time, got {', '.join(names)}")
    return next(iter(names.items()))


def frozen(s: Settings) -> list[str]:
    """E, R and the other T's."""
    return [name for name in zoo(s.zoo) if name != f"T_{attribute(s)[0]}"]


def parts(s: Settings) -> dict[str, Component]:
    """The zoo as it is, the new T, and a D for its attribute."""
    name, labels = attribute(s)
    held = zoo(s.zoo)
    size = held["E"].inputs["image"].shape[-1]
    if s.size != size:
        raise TrainingError(f"{s.zoo} takes pictures of {size} pixels: pass --size {size}")
    T = ResidualTransformer(held["E"].outputs["feature"], name, labels, s.n_res, s.channels)
    D = LabelDiscriminator(held["E"].inputs["image"], {name: labels}, s.d_channels, s.d_down)
    return {**{each: held[each] for each in frozen(s)}, f"T_{name}": T, "D": D}


def plan(s: Settings) -> str:
    """What was found in the folder, and what will be trained on it."""
    name, labels = attribute(s)
    return f"""{found(s)}
{s.steps:,} steps for T_{name} ({", ".join(labels)}); {", ".join(frozen(s))} stay as they are.
"""


def batch(s: Settings, at: Share) -> Batch:
    """As for a whole zoo; in every fourth step another T acts before the new one."""
    made = modulargan_portraits.batch(s, at)
    rng, names = at.joint(s.seed), [each for each in frozen(s) if each.startswith("T_")]
    before = ""
    if names and at.step % 4 == 3:
        before = names[int(torch.randint(len(names), (), generator=rng))]
    other = torch.rand(s.batch, generator=at.own(s.seed))
    return {**made, "before": before, "other": other}


def edited_before(parts: Parts, batch: Batch, feature: Tensor) -> Tensor:
    """The feature after another T with a label drawn for each picture."""
    T = parts[batch["before"]]
    count = list(T.inputs.values())[1].channels
    with torch.no_grad():
        return T(feature, F.one_hot((batch["other"] * count).long(), count).to(feature))[0]


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """The new T: fool both critics, stay in the space of E, leave the rest."""
    target, same = batch["target"][:, 0], ~batch["made"].any(1)
    with torch.no_grad():
        f = parts["E"](batch["image"][: len(target)])
    if batch["before"]:
        f = edited_before(parts, batch, f)
    T = parts[f"T_{batch['names'][0]}"]
    changed, mask = T(f, F.one_hot(target, len(T.inputs[batch["names"][0]].labels)).to(f))
    fake = parts["R"](changed)
    terms, sure, _ = fool(parts, batch, fake)
    (convinced,) = sure.values()
    return {
        **terms,
        "feature": l1(parts["E"](fake), changed),
        "keep": convinced * l1(changed[same], f[same]),
        "mask": mask_loss(mask, convinced),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    weights = {"label": 1.0, "patch": 1.0, "feature": s.w_feature}
    weights |= {"keep": s.w_keep, "mask": s.w_mask}
    teach, D = label_critics.phases(s)
    T = (f"T_{attribute(s)[0]}",)
    return [teach, Phase("T", T, g_loss, weights, s.lr, (0.0, 0.99), start=s.teach), D]


def card(s: Settings) -> Card:
    """What the file is; it holds the new T alone."""
    made = portraits_data.card(s, {"edit": ["E", f"T_{attribute(s)[0]}", "R"]})
    return replace(made, provenance={**made.provenance, "joins": s.zoo})


recipe = Recipe(
    name="join_portraits",
    settings=Settings(),
    smoke={
        "d_channels": 8,
        "pictures": 32,
        "batch": 4,
        "same": 1,
        "reals": 4,
        "teach": 2,
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
    plan=plan,
    sheet=sampling(modular),
    score=scoring(modular),
    frozen=frozen,
)

if __name__ == "__main__":
    main(recipe)
