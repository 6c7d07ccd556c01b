"""How well a composed graph edits: against a judge, and against the exact counterfactual.

Axes: B batch, C channels, H W pixels, A attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import reduce
from torch import Tensor

from modgan.component import Component
from modgan.graph import Graph

CHANGED = 8 / 255  # a pixel truly changes when a channel moves more than this, in 0..1
BATCH = 100


@dataclass(frozen=True, slots=True)
class EditScores:
    """One composition over n pictures; pixel errors in grey levels of 0..255."""

    error: float  # share of pictures in which an edited attribute is not read as its target
    kept: float  # share of the attributes not edited that are read as before
    inside: float  # mean |edit − truth| over the truly changed pixels
    inside_copy: float  # the same for doing nothing
    outside: float  # mean |edit − truth| over all other pixels
    masks: dict[str, float]  # per mask, its mean inside its own change over that outside


def read(judge: Component, pictures: Tensor) -> Tensor:
    """The label of every attribute that the judge reads from (B, 3, H, W), as (B, A)."""
    with torch.inference_mode():
        batches = [judge(batch) for batch in torch.split(pictures, BATCH)]
    return torch.stack([torch.cat(head).argmax(1) for head in zip(*batches, strict=True)], dim=1)


def accuracy(judge: Component, pictures: Tensor, labels: Tensor) -> dict[str, float]:
    """The share of pictures whose label the judge reads right, per attribute."""
    right = (read(judge, pictures) == labels).float().mean(0)
    return dict(zip(judge.outputs, right.tolist(), strict=True))


def apply_codes(
    graph: Graph,
    given: Tensor,
    codes: Mapping[str, Tensor],
    source: str = "image",
    style: Tensor | None = None,
) -> dict[str, Tensor]:
    """The outputs of `graph` for label indices (B,) by attribute, in batches, clamped to -1..1.

    `given` is what the graph starts from, its input `source`; `style` (B, n) is there for graphs
    that read one. Attributes that it does not ask for are left out.
    """
    starts = {source: given} if style is None else {source: given, "style": style}
    results: list[dict[str, Tensor]] = []
    with torch.inference_mode():
        for at in range(0, len(given), BATCH):
            part = slice(at, at + BATCH)
            onehot = {
                name: F.one_hot(code[part], graph.inputs[name].channels).float()
                for name, code in codes.items()
                if name in graph.inputs
            }
            results.append(graph(**{name: x[part] for name, x in starts.items()}, **onehot))
    out = {name: torch.cat([result[name] for result in results]) for name in results[0]}
    return {**out, "image": out["image"].clamp(-1, 1)}


def score(
    out: Mapping[str, Tensor],
    source: Tensor,
    truths: Mapping[str, Tensor],
    truth: Tensor,
    judge: Component,
    wanted: Tensor,
) -> EditScores:
    """Score the outputs of one composition.

    `truth` is the exact counterfactual of all its edits, `truths` that of each edit alone;
    pictures are (B, 3, H, W) in -1..1, `wanted` (B, A) the labels that the edit should have.
    """
    names = list(judge.outputs)
    edited = [names.index(name) for name in truths]
    others = [at for at in range(len(names)) if at not in edited]
    right = read(judge, out["image"]) == wanted
    inside, outside = _apart(out["image"], truth, changed(source, truth))
    copy, _ = _apart(source, truth, changed(source, truth))
    masks = {
        name: mask_contrast(out[f"mask_{name}"], changed(source, alone))
        for name, alone in truths.items()
        if f"mask_{name}" in out
    }
    return EditScores(
        error=1 - right[:, edited].all(1).float().mean().item(),
        kept=right[:, others].float().mean().item() if others else 1.0,
        inside=inside,
        inside_copy=copy,
        outside=outside,
        masks=masks,
    )


def changed(a: Tensor, b: Tensor) -> Tensor:
    """Where two batches of pictures differ visibly, (B, 1, H, W) of 0 and 1."""
    return ((a - b).abs().amax(1, keepdim=True) > 2 * CHANGED).float()


def mask_contrast(mask: Tensor, region: Tensor) -> float:
    """Mean mask inside the region over mean mask outside, the region at the mask's own size."""
    region = F.interpolate(region, mask.shape[-2:], mode="area")
    inside = (mask * region).sum() / region.sum()
    outside = (mask * (1 - region)).sum() / (1 - region).sum()
    return (inside / outside).item()


def _apart(a: Tensor, b: Tensor, region: Tensor) -> tuple[float, float]:
    """Mean |a − b| inside and outside the region, in grey levels of 0..255."""
    apart = reduce((a - b).abs(), "b c h w -> b 1 h w", "mean") * 127.5
    inside = (apart * region).sum() / region.sum()
    return inside.item(), ((apart * (1 - region)).sum() / (1 - region).sum()).item()


def means(scores: Sequence[EditScores]) -> EditScores:
    """The mean over several compositions of the same attributes."""

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    fields = ("error", "kept", "inside", "inside_copy", "outside")
    numbers = {field: mean([getattr(row, field) for row in scores]) for field in fields}
    masks = {name: mean([row.masks[name] for row in scores]) for name in scores[0].masks}
    return EditScores(**numbers, masks=masks)
