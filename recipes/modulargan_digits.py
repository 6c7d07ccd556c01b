"""ModularGAN that generates: G draws a digit, T's colour it, outline it and change its background.

    modgan train recipes/modulargan_digits.py --data DIR     # MNIST's IDX files, or an .npz
    modgan train recipes/modulargan_digits.py                # typeset digits: no download
    modgan train recipes/modulargan_digits.py --smoke        # seconds

Zhao et al., Modular Generative Adversarial Networks, ECCV 2018, the experiment on ColorMNIST. E
keeps what G makes and what T's make of it in one space, and the same T's edit real digits. Critics
alone leave this G with one colour on one background. So noise chooses what it shows, and the T's,
which learn from real digits, teach it how: `agree`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import digits_data
import digits_judge
import label_critics
import torch
import torch.nn.functional as F
from digits_data import Data, labels_of, pictures
from label_critics import Parts, Terms, check_same, convincing, fool, mask_loss, mean
from PIL import Image
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import (
    LabelDiscriminator,
    PatchEncoder,
    PatchReconstructor,
    ResidualGenerator,
    ResidualTransformer,
)
from modgan.components.generator import choose
from modgan.data.images import mask_image, other_labels, sheet, to_image
from modgan.losses import l1
from modgan.metrics.drawing import errors, even
from modgan.metrics.editors import generating
from modgan.metrics.judged import as_rows
from modgan.spec import image
from modgan.train import Batch, Engine, Phase, Recipe, Score, Share, main, run
from modgan.zoo import load

NUMBER, CHANGED = 0, ("colour", "stroke", "background")


@dataclass(frozen=True)
class Settings(Data):
    """Every knob once."""

    channels: int = 48  # C of the feature (C, size/4, size/4), and width of a T
    n_res: int = 2  # residual blocks of a T
    n_z: int = 64  # numbers of noise; the first choose the labels that G shows
    g_width: int = 96  # of G
    d_channels: int = 32  # width of the first convolution of D
    d_down: int = 5  # halvings in D
    batch: int = 8  # digits a step that G draws, and real ones that are edited
    same: int = 2  # of the real ones, those that stay as they are
    reals: int = 16  # further real pictures a step for D
    noise: float = 0.1  # largest standard deviation of the noise before D, in -1..1
    lr: float = 5e-4  # of E, G, T, R
    lr_d: float = 5e-4
    w_image: float = 20.0  # image cycle
    w_feature: float = 1.0  # feature cycle
    w_keep: float = 5.0  # nothing changes in pictures that stay as they are
    w_mask: float = 0.1  # mean of the masks; both act as far as edits convince D
    w_agree: float = 200.0  # G draws what T's make of it, as E sees that
    w_r1: float = 1.0  # penalty on D's gradient at real pictures
    r1_every: int = 8  # steps between such penalties
    teach: int = 500  # steps in which D alone learns what the labels look like
    steps: int = 5_000
    decay: float = 0.3  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.998
    judge_steps: int = 2_000  # of the classifier that judges the digits
    followed: int = 200  # digits that figures are taken on while training
    tested: int = 500  # and at the end

    def __post_init__(self) -> None:
        check_same(self.same, self.batch)


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    picture, values = image(s.size), labels_of()
    E = PatchEncoder(picture, s.channels, space="digits@training")
    feature = E.outputs["feature"]
    return {
        "E": E,
        "G": ResidualGenerator(feature, "number", values["number"], s.n_z, s.g_width, choices()),
        **{
            f"T_{name}": ResidualTransformer(feature, name, values[name], s.n_res, s.channels)
            for name in CHANGED
        },
        "R": PatchReconstructor(feature, picture),
        "D": LabelDiscriminator(picture, values, s.d_channels, s.d_down),
    }


def choices() -> tuple[int, ...]:
    """How many colours, strokes and backgrounds G has to choose from."""
    return tuple(len(labels_of()[name]) for name in CHANGED)


def batch(s: Settings, at: Share) -> Batch:
    """Real digits, noise and numbers to draw, and which T's act on both.

    What G and T's make are three groups of `batch` pictures: real ones edited, drawn ones, and the
    same drawn ones edited; D looks at the number of all, and at other labels where they were made.
    """
    joint, own = at.joint(s.seed), at.own(s.seed)
    x, labels = at.draw(pictures(s), s.batch + s.reals, s.seed)
    count = (1, 2, 1, 3)[at.step % 4]
    chain = (1 + torch.randperm(len(CHANGED), generator=joint)[:count]).tolist()
    z = torch.randn(s.batch, s.n_z, generator=own)
    drawn = torch.cat([torch.randint(10, (s.batch, 1), generator=own), choose(z, choices())], 1)
    there = torch.cat([labels[: s.batch], drawn, drawn])
    edited = torch.zeros(len(there), dtype=torch.bool)
    edited[s.same : s.batch] = edited[2 * s.batch :] = True
    made = torch.zeros(there.shape, dtype=torch.bool)
    made[:, chain] = edited[:, None]
    target = torch.where(made, other_labels(there, labels_of(), own), there)
    made[s.same :, NUMBER] = True
    return {
        "image": x,
        "labels": labels,
        "z": z,
        "target": target,
        "made": made,
        "edited": edited,
        "edits": chain,
        "chain": [NUMBER, *chain],
        "penalise": at.step % s.r1_every == 0,
        "noise": s.noise,
    }


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """E, G, T and R: fool the critics of all that was made, close the cycles, leave the rest."""
    target, n = batch["target"], len(batch["z"])
    x = batch["image"][:n]
    f = parts["E"](x)
    number = F.one_hot(target[n : 2 * n, NUMBER], 10).to(f)
    drawn = parts["G"](batch["z"], number)
    before, codes = torch.cat([f, drawn]), torch.cat([target[:n], target[2 * n :]])
    changed, agreed, masks = before, drawn.detach(), []
    for at in batch["edits"]:
        changed, mask = edited(parts, at, changed, codes)
        masks.append(mask)
        with torch.no_grad():
            agreed, _ = edited(parts, at, agreed, target[n : 2 * n])
    features = torch.cat([changed[:n], drawn, changed[n:]])
    fake = parts["R"](features)
    with torch.no_grad():
        agreed = parts["E"](parts["R"](agreed).clamp(-1, 1))
    terms, _, logits = fool(parts, batch, fake)
    acted = batch["edited"]
    convinced = [convincing(logits[at], target[:, at], acted) for at in batch["edits"]]
    same = ~batch["made"][:n].any(1)
    return {
        **terms,
        "image": l1(parts["R"](f), x),
        "feature": l1(parts["E"](fake), features),
        "keep": mean(convinced) * l1(changed[:n][same], f[same]),
        "mask": mean(mask_loss(mask, w) for mask, w in zip(masks, convinced, strict=True)),
        "agree": mean(convinced) * F.mse_loss(drawn, agreed),
    }


def edited(parts: Parts, at: int, feature: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The feature after the T of attribute `at`, whose labels are (B, A); and its mask."""
    name = CHANGED[at - 1]
    T = parts[f"T_{name}"]
    return T(feature, F.one_hot(labels[:, at], T.inputs[name].channels).to(feature))


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    cycles = {"image": s.w_image, "feature": s.w_feature}
    weights = {"label": 1.0, "patch": 1.0, **cycles, "keep": s.w_keep, "mask": s.w_mask}
    weights["agree"] = s.w_agree
    trained = ("E", "G", "T_*", "R")
    teach, D = label_critics.phases(s)
    return [teach, Phase("G", trained, g_loss, weights, s.lr, (0.0, 0.99), start=s.teach), D]


def samples(s: Settings, parts: Parts) -> Image.Image:
    """The ten digits: as G draws them, after every set of T's, and the masks of all three."""
    rng, edit = torch.Generator().manual_seed(s.seed), generating(parts, labels_of())
    device = next(parts["G"].parameters()).device
    wanted = even(10, [len(v) for v in labels_of().values()], rng).to(device)
    z = torch.randn(10, s.n_z, generator=rng).to(device)
    chains = [c for size in range(4) for c in combinations(CHANGED, size)]
    outs = [edit(chain, z, wanted) for chain in chains]
    columns = [[to_image(y) for y in out["image"]] for out in outs]
    masks = [[mask_image(m).resize((s.size,) * 2) for m in outs[-1][f"mask_{n}"]] for n in CHANGED]
    titles = ["n", *("n" + "".join(name[0] for name in chain) for chain in chains[1:])]
    rows = [list(row) for row in zip(*columns, *masks, strict=True)]
    return sheet(rows, [*titles, *(f"T_{name}" for name in CHANGED)], scale=2)


def score(s: Settings, folder: Path, device: str) -> Score:
    """Errors of drawn digits as a judge reads them, who is trained on real digits first."""
    kept = ("data", "licence", "size", "workers")
    count = min(digits_judge.Settings.pictures, s.pictures)
    chosen = digits_judge.Settings(
        **{key: getattr(s, key) for key in kept}, pictures=count, steps=s.judge_steps
    )
    engine = Engine(device=device)
    path = run(digits_judge.recipe, chosen, folder / "judge", resume=True, engine=engine)
    Q = load(path)["Q"].to(device)
    rng = torch.Generator().manual_seed(99)
    wanted = even(s.tested, [len(v) for v in labels_of().values()], rng).to(device)
    z = torch.randn(s.tested, s.n_z, generator=rng).to(device)

    def figures(parts: Mapping[str, Component], final: bool) -> list[dict[str, Any]]:
        n = s.tested if final else s.followed
        chains = errors(generating(parts, labels_of()), Q, z[:n], wanted[:n], drawn=1)
        wrong = {"+".join(["number", *chain]): 100 * by["all"] for chain, by in chains}
        every = [(f"{chain}, error %", value) for chain, value in wrong.items()]
        mean_ = ("mean of all chains, error %", sum(wrong.values()) / len(wrong))
        return as_rows([mean_, *every] if final else [mean_, every[0]], "drawn", n)

    return figures


def card(s: Settings) -> Card:
    """What the zoo is."""
    changes = [f"T_{name}" for name in CHANGED]
    graphs = {"draw": ["G", *changes, "R"], "edit": ["E", *changes, "R"]}
    return digits_data.card(s, graphs)


recipe = Recipe(
    name="modulargan_digits",
    settings=Settings(),
    smoke={
        "size": 32,
        "n_res": 1,
        "g_width": 8,
        "d_channels": 8,
        "pictures": 32,
        "batch": 3,
        "same": 1,
        "reals": 6,
        "teach": 2,
        "steps": 6,
        "judge_steps": 4,
        "followed": 10,
        "tested": 10,
        "workers": 0,
    },
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    sheet=samples,
    score=score,
)

if __name__ == "__main__":
    main(recipe)
