"""ModularGAN: E, R, a masked T per attribute, D with heads per attribute.

    modgan train recipes/modulargan_portraits.py                    # 45 minutes on two cores
    modgan train recipes/modulargan_portraits.py --smoke            # seconds
    modgan train recipes/modulargan_portraits.py --data DIR         # your own labelled pictures
    modgan train recipes/modulargan_portraits.py --variant paper    # 128², C = 256: a GPU's work

Zhao et al., Modular Generative Adversarial Networks, ECCV 2018, on a small budget: what differs
from the paper, and why, is in docs/training-log.md; `--variant paper` is modulargan_paper.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import label_critics
import modulargan_paper
import portraits_data
import torch
import torch.nn.functional as F
from label_critics import Parts, Terms, check_same, fool, mask_loss, mean
from portraits_data import Data, found, labels_of, pictures
from portraits_judge import Judging, sampling, scoring
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import (
    LabelDiscriminator,
    PatchEncoder,
    PatchReconstructor,
    ResidualTransformer,
)
from modgan.data.images import other_labels
from modgan.losses import l1
from modgan.metrics.editors import modular
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, Share, main


@dataclass(frozen=True)
class Settings(Judging, Data):
    """Every knob once."""

    channels: int = 48  # C of the feature (C, size/4, size/4), and width of a T
    n_res: int = 3  # residual blocks of a T
    d_channels: int = 32  # width of the first convolution of D
    d_down: int = 5  # halvings in D
    batch: int = 16  # pictures a step that pass through T's
    same: int = 4  # those of them whose target is the label that is there
    reals: int = 16  # further real pictures a step for D
    chained: int = 4  # of so many steps one has two T's in a row; 0: none has, as in the paper
    noise: float = 0.1  # largest standard deviation of the noise before D, in -1..1
    lr: float = 7e-4  # of E, T, R
    lr_d: float = 5e-4
    w_image: float = 20.0  # image cycle
    w_feature: float = 1.0  # feature cycle
    w_keep: float = 5.0  # nothing changes where the target is the label that is there
    w_mask: float = 0.3  # mean of the masks; both act as far as edits convince D
    w_r1: float = 0.4  # penalty on D's gradient at real pictures
    r1_every: int = 8  # steps between such penalties
    teach: int = 500  # steps in which D alone learns what the labels look like
    steps: int = 8_000
    decay: float = 0.3  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.998

    def __post_init__(self) -> None:
        check_same(self.same, self.batch)


def plan(s: Settings) -> str:
    """What was found in the folder, and what will be trained on it."""
    return f"""{found(s)}
{s.steps:,} steps of {s.batch} pictures that are edited and {s.reals} more for D, {s.size}×{s.size};
the first {s.teach} teach D the labels, edits begin after them.
"""


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    picture, values = image(s.size), labels_of(s)
    E = PatchEncoder(picture, s.channels, space="portraits@training")
    feature = E.outputs["feature"]
    transformers = {
        f"T_{name}": ResidualTransformer(feature, name, labels, s.n_res, s.channels)
        for name, labels in values.items()
    }
    D = LabelDiscriminator(picture, values, s.d_channels, s.d_down)
    return {"E": E, **transformers, "R": PatchReconstructor(feature, picture), "D": D}


def batch(s: Settings, at: Share) -> Batch:
    """Pictures, their labels, which T's act in which order, and the labels they should give."""
    joint, own = at.joint(s.seed), at.own(s.seed)
    x, labels = at.draw(pictures(s), s.batch + s.reals, s.seed)
    there, names = labels[: s.batch], list(labels_of(s))
    # one T acts alone, as in the paper, but for some steps
    count = 2 if s.chained and at.step % s.chained == s.chained - 1 else 1
    chain = torch.randperm(len(names), generator=joint)[:count].tolist()
    made = torch.zeros(there.shape, dtype=torch.bool)
    made[s.same :, chain] = True
    return {
        "image": x,
        "labels": labels,
        "target": torch.where(made, other_labels(there, labels_of(s), own), there),
        "made": made,
        "names": names,
        "chain": chain,
        "penalise": at.step % s.r1_every == 0,
        "noise": s.noise,
    }


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """E, T and R: fool both critics of every edited attribute, close the cycles, leave the rest."""
    target, same = batch["target"], ~batch["made"].any(1)
    x = batch["image"][: len(target)]
    f = parts["E"](x)
    changed, masks = edited(parts, batch, f)
    fake = parts["R"](changed)
    terms, sure, _ = fool(parts, batch, fake)
    return {
        **terms,
        "image": l1(parts["R"](f), x),
        "feature": l1(parts["E"](fake), changed),
        "keep": mean(sure.values()) * l1(changed[same], f[same]),
        "mask": mean(mask_loss(mask, sure[at]) for at, mask in masks.items()),
    }


def edited(parts: Parts, batch: Batch, f: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
    """The feature after every T of the chain, and the masks: 1 everywhere for one without."""
    masks = {}
    for at in batch["chain"]:
        name = batch["names"][at]
        T = parts[f"T_{name}"]
        code = F.one_hot(batch["target"][:, at], T.inputs[name].channels).to(f)
        out = T(f, code)
        f, masks[at] = out if isinstance(out, tuple) else (out, f.new_ones(()))
    return f, masks


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    cycles = {"image": s.w_image, "feature": s.w_feature}
    weights = {"label": 1.0, "patch": 1.0, **cycles, "keep": s.w_keep, "mask": s.w_mask}
    G = Phase("G", ("E", "T_*", "R"), g_loss, weights, s.lr, (0.0, 0.99), start=s.teach)
    teach, D = label_critics.phases(s)
    return [teach, G, D]


def card(s: Settings) -> Card:
    """What the zoo is."""
    edit = ["E", *(f"T_{name}" for name in labels_of(s)), "R"]
    return portraits_data.card(s, {"edit": edit, "reconstruct": ["E", "R"]})


recipe = Recipe(
    name="modulargan_portraits",
    settings=Settings(),
    smoke={
        "size": 32,
        "channels": 48,
        "n_res": 1,
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
    variants={"paper": modulargan_paper.recipe},
)

if __name__ == "__main__":
    main(recipe)
