"""ModularGAN: E, R, a masked T per attribute, D with heads per attribute.

    modgan train recipes/modulargan_portraits.py                    # 45 minutes on two cores
    modgan train recipes/modulargan_portraits.py --smoke            # seconds
    modgan train recipes/modulargan_portraits.py --data DIR         # your own labelled pictures
    modgan train recipes/modulargan_portraits.py --variant paper    # 128², C = 256: a GPU's work

Zhao et al., Modular Generative Adversarial Networks, ECCV 2018, on a small budget: what differs
from the paper, and why, is in docs/training-log.md; `--variant paper` is modulargan_paper.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import modulargan_paper
import portraits_judge
import torch
import torch.nn.functional as F
from PIL import Image
from portraits_judge import checked
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import (
    LabelDiscriminator,
    PatchEncoder,
    PatchReconstructor,
    ResidualTransformer,
)
from modgan.data.images import AttributeImages, cached
from modgan.data.images import batch as pictures_of
from modgan.data.order import draw, seed_of
from modgan.data.portraits import Portraits
from modgan.losses import l1, label_critic_real, logistic_d, logistic_g, of_label, r1
from modgan.metrics.judged import Judged, as_rows, progress, table
from modgan.spec import image
from modgan.train import Batch, Engine, Phase, Recipe, Score, Share, main, run
from modgan.train.samples import edits
from modgan.zoo import load

OPEN_BELOW = 0.1  # of D's belief in an edit: its mask is pulled open
Parts = Mapping[str, Component]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Settings:
    """Every knob once."""

    data: str = ""  # a folder of labelled pictures; empty for drawn portraits
    licence: str = "Apache-2.0"  # of the weights; with your own data it is for you to say
    size: int = 64  # side of the pictures, pixels
    channels: int = 48  # C of the feature (C, size/4, size/4), and width of a T
    n_res: int = 3  # residual blocks of a T
    d_channels: int = 32  # width of the first convolution of D
    d_down: int = 5  # halvings in D
    pictures: int = 24_000  # drawn portraits
    data_seed: int = 1  # of the portraits; judges learn from 7, tests run on 99
    batch: int = 16  # pictures a step that pass through T's
    same: int = 4  # those of them whose target is the label that is there
    reals: int = 16  # further real pictures a step for D
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
    judge_steps: int = 800  # of the classifier that judges the edits
    followed: int = 100  # pictures that figures are taken on while training
    tested: int = 300  # and at the end
    workers: int = 2  # processes that draw or decode
    seed: int = 0


@cache
def pictures(s: Settings) -> AttributeImages:
    """The pictures to learn from; their attributes decide which T's there are."""
    if s.data:
        return checked(s.data, s.size, s.workers).train
    return cached(Portraits(s.pictures, s.size, s.data_seed), s.workers, progress=True)


def others(s: Settings, split: str, count: int) -> AttributeImages:
    """Pictures that are not trained on, of the split "val" or "test"."""
    if s.data:
        return getattr(checked(s.data, s.size, s.workers), split)
    return Portraits(count, s.size, {"val": 50, "test": 99}[split])


def plan(s: Settings) -> str:
    """What was found in the folder, and what will be trained on it."""
    drawn = f"# {s.pictures:,} drawn portraits, seed {s.data_seed}\n"
    found = str(checked(s.data, s.size, s.workers)) if s.data else drawn
    return f"""{found}
{s.steps:,} steps of {s.batch} pictures that are edited and {s.reals} more for D, {s.size}×{s.size};
the first {s.teach} teach D the labels, edits begin after them.
"""


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    picture, values = image(s.size), {name: list(v) for name, v in pictures(s).attributes.items()}
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
    data, joint, own = pictures(s), at.joint(s.seed), at.own(s.seed)
    chosen = draw(
        data, at.position(s.batch + s.reals), s.batch + s.reals, seed_of(s.seed, at.order)
    )
    x, labels = pictures_of(data, chosen)
    counts = torch.tensor([len(values) for values in data.attributes.values()])
    # one T acts alone, as in the paper; in every fourth step two act in a row
    chain = torch.randperm(len(counts), generator=joint)[: 2 if at.step % 4 == 3 else 1].tolist()
    there = labels[: s.batch]
    other = (there + 1 + (torch.rand(there.shape, generator=own) * (counts - 1)).long()) % counts
    acts = torch.zeros(there.shape, dtype=torch.bool)
    acts[s.same :, chain] = True
    return {
        "image": x.contiguous(memory_format=torch.channels_last),
        "labels": labels,
        "target": torch.where(acts, other, there),
        "names": list(data.attributes),
        "chain": chain,
        "penalise": at.step % s.r1_every == 0,
        "settings": s,
    }


def heads(parts: Parts, pictures: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """What D says: patch scores (B, 1, h, w) and label logits (B, n), by attribute."""
    out = parts["D"](pictures)
    return list(out[: len(out) // 2]), list(out[len(out) // 2 :])


def noisy(pictures: Tensor, most: float) -> Tensor:
    """Pictures with noise, of another strength for each: D is not to look at single pixels."""
    strength = most * torch.rand(len(pictures), 1, 1, 1, device=pictures.device)
    return pictures + strength * torch.randn(pictures.shape, device=pictures.device)


def teach(parts: Parts, batch: Batch) -> Terms:
    """D learns the labels from real pictures before there is an edit.

    A D that does not know them yet can only tell edits by their flaws; then every T soon shuts
    its mask, which is the shortest way to make no flaws, and stays shut.
    """
    _, logits = heads(parts, noisy(batch["image"], batch["settings"].noise))
    return {"label": real_labels(logits, batch["labels"])}


def real_labels(logits: list[Tensor], labels: Tensor) -> Tensor:
    """The label critic of every attribute on real pictures: right labels, and wrong ones."""
    return mean(label_critic_real(each, labels[:, at]) for at, each in enumerate(logits))


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """E, T and R: fool both critics of every edited attribute, close the cycles, leave the rest."""
    s, target, chain = batch["settings"], batch["target"], batch["chain"]
    x = batch["image"][: s.batch]
    f = parts["E"](x)
    changed, masks = f, []
    for at in chain:
        name = batch["names"][at]
        T = parts[f"T_{name}"]
        code = F.one_hot(target[:, at], T.inputs[name].channels).to(f)
        changed, mask = T(changed, code)
        masks.append(mask)
    fake = parts["R"](changed)
    patches, logits = heads(parts, noisy(fake, s.noise))
    batch["fake"] = fake.detach()  # D learns from the same pictures: they are not made twice
    edited = slice(s.same, None)
    sure = [convincing(logits[at], target[:, at], s.same) for at in chain]
    return {
        "label": mean(logistic_g(of_label(logits[at], target[:, at])[edited]) for at in chain),
        "patch": mean(
            w * logistic_g(patches[at][edited]) for w, at in zip(sure, chain, strict=True)
        ),
        "image": l1(parts["R"](f), x),
        "feature": l1(parts["E"](fake), changed),
        "keep": mean(sure) * l1(changed[: s.same], f[: s.same]),
        "mask": mean(mask_loss(mask, w) for w, mask in zip(sure, masks, strict=True)),
    }


def convincing(logits: Tensor, target: Tensor, same: int) -> Tensor:
    """How far D believes the edits: 0 as little as a wrong label, 1 as fully as it ever can.

    The first `same` pictures are not edited, so D's view of their other labels is that of a wrong
    label. What doing nothing would please best (patch, keep, mask) waits for this.
    """
    wrong = logits[:same][~F.one_hot(target[:same], logits.shape[1]).bool()]
    believed = of_label(logits, target)[same:].sigmoid().mean() - wrong.sigmoid().mean()
    return (2 * believed).clamp(0, 1).detach()


def mask_loss(mask: Tensor, sure: Tensor) -> Tensor:
    """The mean of the mask, where D believes the edit; where it does not, of −log mask instead.

    A shut mask passes no gradient on, so one whose edit does not work is pulled open until it does.
    """
    shut = (1 - sure / OPEN_BELOW).clamp(min=0)
    return sure * mask.mean() - shut * (mask + 1e-3).log().mean()


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """D: the labels of real pictures, and real against edited, under the attributes edited."""
    s, x, labels, chain = batch["settings"], batch["image"], batch["labels"], batch["chain"]
    patches, logits = heads(parts, noisy(torch.cat([x, batch["fake"]]), s.noise))
    fake, n = slice(len(x) + s.same, None), len(x)
    target = batch["target"][s.same :]
    terms = {
        "label": real_labels([each[:n] for each in logits], labels),
        "fake": mean(logistic_g(-of_label(logits[at][fake], target[:, at])) for at in chain),
        "patch": mean(logistic_d(patches[at][:n], patches[at][fake]) for at in chain),
        "r1": x.new_zeros(()),
    }
    if batch["penalise"]:
        own = labels[: s.batch]
        terms["r1"] = r1(lambda real: realness(parts, real, own, chain), x[: s.batch])
    return terms


def realness(parts: Parts, pictures: Tensor, labels: Tensor, chain: list[int]) -> Tensor:
    """Both critics' scores of pictures under their own labels, (B,)."""
    patches, logits = heads(parts, pictures)
    return mean(patches[at].mean((1, 2, 3)) + of_label(logits[at], labels[:, at]) for at in chain)


def mean(terms: Iterable[Tensor]) -> Tensor:
    """The mean of terms of one shape."""
    return torch.stack(list(terms)).mean(0)


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    cycles = {"image": s.w_image, "feature": s.w_feature}
    g = {"label": 1.0, "patch": 1.0, **cycles, "keep": s.w_keep, "mask": s.w_mask}
    d = {"label": 1.0, "fake": 0.7, "patch": 1.0, "r1": s.w_r1}
    betas = (0.0, 0.99)
    return [
        Phase("teach", ("D",), teach, {"label": 1.0}, s.lr_d, betas, stop=s.teach),
        Phase("G", ("E", "T_*", "R"), g_loss, g, s.lr, betas, start=s.teach),
        Phase("D", ("D",), d_loss, d, s.lr_d, betas, start=s.teach),
    ]


def samples(s: Settings, parts: Parts) -> Image.Image:
    """Edits of eight pictures that are not trained on."""
    return edits(parts, others(s, "val", 8))


def score(s: Settings, folder: Path, device: str) -> Score:
    """Errors of edits as a judge reads them, who is trained on real pictures first."""
    Q = judge(s, folder, device).to(device)
    val = Judged(others(s, "val", s.followed), s.followed, Q)

    def figures(parts: Parts, final: bool) -> list[dict[str, Any]]:
        if not final:
            return as_rows(progress(parts, val), "val", len(val.pictures))
        test = Judged(others(s, "test", s.tested), s.tested, Q)
        return as_rows(table(parts, test), "test", len(test.pictures))

    return figures


def judge(s: Settings, folder: Path, device: str) -> Component:
    """A classifier of the same kind of pictures, trained in `folder`/judge."""
    chosen = portraits_judge.Settings(
        s.data,
        s.licence,
        s.size,
        pictures=min(8_000, s.pictures),
        steps=s.judge_steps,
        workers=s.workers,
    )
    engine = Engine(device=device)
    path = run(portraits_judge.recipe, chosen, folder / "judge", resume=True, engine=engine)
    return load(path)["Q"]


def card(s: Settings) -> Card:
    """What the zoo is."""
    drawn = f"{s.pictures} drawn portraits, seed {s.data_seed} (Apache-2.0)"
    edit = ["E", *(f"T_{name}" for name in pictures(s).attributes), "R"]
    graphs = {"edit": edit, "reconstruct": ["E", "R"]}
    return Card(s.licence, {"data": s.data or drawn}, graphs=graphs)


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
    sheet=samples,
    score=score,
    variants={"paper": modulargan_paper.recipe},
)

if __name__ == "__main__":
    main(recipe)
