"""How well parts edit pictures whose truth nobody knows, as a judge reads them.

Axes: B pictures, A attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modgan.component import Component
from modgan.data.images import AttributeImages, batch, other_labels
from modgan.metrics.editors import Editor
from modgan.metrics.edits import BATCH, read

MOST = 10  # sets of pairs, and of triples, that are tried


class Judged:
    """Pictures, the label each is to get for every attribute, and the judge who reads them.

    Every target differs from the picture's own label. `judge` gives logits per attribute.
    """

    def __init__(self, data: AttributeImages, count: int, judge: Component, seed: int = 0) -> None:
        self.names, self.judge = list(data.attributes), judge
        self.attributes = data.attributes
        device = next(judge.parameters()).device
        pictures, labels = batch(data, range(min(count, len(data))))
        rng = torch.Generator().manual_seed(seed)
        self.pictures, self.labels = pictures.to(device), labels.to(device)
        self.targets = other_labels(labels, data.attributes, rng).to(device)

    def edited(self, edit: Editor, names: Sequence[str]) -> tuple[dict[str, Tensor], Tensor]:
        """What `edit` makes of the pictures, and the labels (B, A) to be read."""
        at = [self.names.index(name) for name in names]
        wanted = self.labels.clone()
        wanted[:, at] = self.targets[:, at]
        return edit(names, self.pictures, wanted), wanted


def progress(edit: Editor, judged: Judged) -> list[tuple[str, float]]:
    """Figures to follow a training by, lower is better: the first falls on when the others rest.

    Means over all single edits: the judge's cross-entropy for the labels that the pictures
    should have, the share of edits not read as their target, the share of other labels lost.
    """
    losses, errors, lost = [], [], []
    for at, name in enumerate(judged.names):
        out, wanted = judged.edited(edit, [name])
        losses.append(_cross_entropy(judged.judge, out["image"], wanted))
        wrong = (read(judged.judge, out["image"]) != wanted).float().mean(0)
        errors.append(wrong[at])
        lost.append((wrong.sum() - wrong[at]) / max(1, len(judged.names) - 1))
    means = [100 * torch.stack(each).mean().item() for each in (losses, errors, lost)]
    titles = ("judge's loss x 100", "error %", "others lost %")
    return list(zip(titles, means, strict=True))


def table(edit: Editor, judged: Judged) -> list[tuple[str, float]]:
    """Figures of the unedited pictures, single edits, pairs and triples: ("hair+smile, error %", 1)

    Pairs and triples act in both directions, at most ten sets of each.
    """
    rows = [(f"{name} as it is, error %", value) for name, value in _real(judged)]
    for names in _sets(judged.names):
        wrong, other, masks = [], [], []
        for order in {names, names[::-1]}:
            out, wanted = judged.edited(edit, order)
            right = read(judged.judge, out["image"]) == wanted
            inside = torch.tensor([name in names for name in judged.names], device=right.device)
            wrong.append(1 - right[:, inside].all(1).float().mean())
            other.append(1 - right[:, ~inside].float().mean() if not inside.all() else wrong[0] * 0)
            masks += [out[f"mask_{name}"].mean() for name in order if f"mask_{name}" in out]
        title = "+".join(names)
        figures = {"error %": wrong, "others lost %": other, "mask %": masks}
        rows += [
            (f"{title}, {what}", 100 * torch.stack(values).mean().item())
            for what, values in figures.items()
            if values
        ]
    return rows


def as_rows(figures: Sequence[tuple[str, float]], split: str, n: int) -> list[dict[str, Any]]:
    """Figures as rows of a card."""
    return [{"name": k, "value": round(v, 3), "split": split, "n": n} for k, v in figures]


def _real(judged: Judged) -> Iterator[tuple[str, float]]:
    """How often the judge misreads the pictures as they are, in %."""
    wrong = (read(judged.judge, judged.pictures) != judged.labels).float().mean(0)
    return zip(judged.names, (100 * wrong).tolist(), strict=True)


def _sets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All single names, then pairs and triples, not more than MOST of each, spread evenly."""
    for size in (1, 2, 3):
        every = list(combinations(names, size))
        few = size > 1 and len(every) > MOST
        yield from every[:: -(-len(every) // MOST)] if few else every


def _cross_entropy(judge: Component, pictures: Tensor, wanted: Tensor) -> Tensor:
    """Of every attribute of every picture, the mean."""
    with torch.inference_mode():
        batches = [judge(part) for part in torch.split(pictures, BATCH)]
    logits = [torch.cat(head) for head in zip(*batches, strict=True)]
    return torch.stack(
        [F.cross_entropy(each, wanted[:, at]) for at, each in enumerate(logits)]
    ).mean()
