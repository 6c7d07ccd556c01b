"""D's side of the recipes for small budgets: a critic of patches and a critic of labels.

D is a `label_discriminator`: its logit of a label says "a real picture, and blond". A batch holds
real pictures `image` (N, 3, H, W) with `labels` (N, A), the pictures made of them `fake`
(B, 3, H, W) with the labels `target` (B, A) they should show (-1 where nobody knows), and where a
label is one that was made, `made` (B, A). Axes: A attributes, n labels of one, h w patches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modgan.component import Component
from modgan.losses import label_critic_real, logistic_d, logistic_g, of_label, r1
from modgan.train import Batch, Phase, TrainingError

OPEN_BELOW = 0.1  # of D's belief in an edit: its mask is pulled open
Parts = Mapping[str, Component]
Terms = dict[str, Tensor]


def heads(parts: Parts, pictures: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """What D says: patch scores (B, 1, h, w) and label logits (B, n), by attribute."""
    out = parts["D"](pictures)
    return list(out[: len(out) // 2]), list(out[len(out) // 2 :])


def check_same(same: int, batch: int) -> None:
    """Some pictures of a batch keep their label, which the term `keep` is taken on, not all."""
    if not 1 <= same < batch:
        raise TrainingError(
            f"--same {same}: expects 1 or more of the --batch {batch} pictures to keep their "
            "label, and others to change theirs"
        )


def noisy(pictures: Tensor, most: float) -> Tensor:
    """Pictures with noise, of another strength for each: D is not to look at single pixels."""
    strength = most * torch.rand(len(pictures), 1, 1, 1, device=pictures.device)
    return pictures + strength * torch.randn(pictures.shape, device=pictures.device)


def teach(parts: Parts, batch: Batch) -> Terms:
    """D learns the labels from real pictures before there is an edit.

    A D that does not know them yet can only tell edits by their flaws; then every T soon shuts
    its mask, which is the shortest way to make no flaws, and stays shut.
    """
    _, logits = heads(parts, noisy(batch["image"], batch["noise"]))
    return {"label": real_labels(logits, batch["labels"])}


def real_labels(logits: list[Tensor], labels: Tensor) -> Tensor:
    """The label critic of every attribute on real pictures: right labels, and wrong ones."""
    return mean(label_critic_real(each, labels[:, at]) for at, each in enumerate(logits))


def fool(parts: Parts, batch: Batch, fake: Tensor) -> tuple[Terms, dict[int, Tensor], list[Tensor]]:
    """Both critics of every label that was made; how convincing each attribute's are; D's logits.

    D learns from the same pictures: they are put into the batch.
    """
    target, made = batch["target"], batch["made"]
    patches, logits = heads(parts, noisy(fake, batch["noise"]))
    batch["fake"] = fake.detach()
    sure = {at: convincing(logits[at], target[:, at], made[:, at]) for at in batch["chain"]}
    label = (logistic_g(of_label(logits[at], target[:, at])[made[:, at]]) for at in batch["chain"])
    patch = (w * logistic_g(patches[at][made[:, at]]) for at, w in sure.items())
    return {"label": mean(label), "patch": mean(patch)}, sure, logits


def convincing(logits: Tensor, target: Tensor, made: Tensor) -> Tensor:
    """How far D believes what was made: 0 as little as a wrong label, 1 as fully as it ever can.

    Where nothing was made, D's view of the other labels is that of a wrong label. What doing
    nothing would please best (patch, keep, mask) waits for this.
    """
    there = ~made & (target >= 0)
    wrong = logits[there][~F.one_hot(target[there], logits.shape[1]).bool()]
    doubt = wrong.sigmoid().mean() if len(wrong) else wrong.sum()
    believed = of_label(logits, target)[made].sigmoid().mean() - doubt
    return (2 * believed).clamp(0, 1).detach()


def mask_loss(mask: Tensor, sure: Tensor) -> Tensor:
    """The mean of the mask, where D believes the edit; where it does not, of −log mask instead.

    A shut mask passes no gradient on, so one whose edit does not work is pulled open until it does.
    """
    shut = (1 - sure / OPEN_BELOW).clamp(min=0)
    return sure * mask.mean() - shut * (mask + 1e-3).log().mean()


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """D: the labels of real pictures, and real against made, under the attributes made."""
    x, labels, target, made = (batch[key] for key in ("image", "labels", "target", "made"))
    both = noisy(torch.cat([x, batch["fake"]]), batch["noise"])
    patches, logits = heads(parts, both)
    n, chain = len(x), batch["chain"]
    fakes = {at: made[:, at] for at in chain}
    own = (of_label(logits[at][n:], target[:, at])[fakes[at]] for at in chain)
    terms = {
        "label": real_labels([each[:n] for each in logits], labels),
        "fake": mean(logistic_g(-each) for each in own),
        "patch": mean(logistic_d(patches[at][:n], patches[at][n:][fakes[at]]) for at in chain),
        "r1": x.new_zeros(()),
    }
    if batch["penalise"]:
        some = len(target)
        terms["r1"] = r1(lambda real: realness(parts, real, labels[:some], chain), x[:some])
    return terms


def realness(parts: Parts, pictures: Tensor, labels: Tensor, chain: list[int]) -> Tensor:
    """Both critics' scores of pictures under their own labels, (B,)."""
    patches, logits = heads(parts, pictures)
    return mean(patches[at].mean((1, 2, 3)) + of_label(logits[at], labels[:, at]) for at in chain)


def phases(s: Any) -> tuple[Phase, Phase]:
    """D alone, before the first edit; and D from then on."""
    weights = {"label": 1.0, "fake": 0.7, "patch": 1.0, "r1": s.w_r1}
    betas = (0.0, 0.99)
    return (
        Phase("teach", ("D",), teach, {"label": 1.0}, s.lr_d, betas, stop=s.teach),
        Phase("D", ("D",), d_loss, weights, s.lr_d, betas, start=s.teach),
    )


def mean(terms: Iterable[Tensor]) -> Tensor:
    """The mean of terms of one shape."""
    return torch.stack(list(terms)).mean(0)
