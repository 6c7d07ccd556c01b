"""How different pictures look to a judge, an `attribute_coder`, in its three halvings.

Pictures are float (B, 3, H, W) in -1..1. Axes: B pictures, K versions of one, C channels, H W
positions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor

from modgan.component import Component

HALVINGS = 3
BATCH = 100


def maps(judge: Component, pictures: Tensor) -> list[Tensor]:
    """What every halving makes of pictures, from edges and colours on, each (B, C, h, w)."""
    body, found = judge.get_submodule("body"), []
    for at in range(HALVINGS):
        pictures = body.get_submodule(str(at))(pictures)
        found.append(pictures)
    return found


def pooled(judge: Component, pictures: Tensor) -> Tensor:
    """The mean over positions of all maps, side by side, (B, C): features for `frechet`."""
    with torch.inference_mode():
        rows = [
            torch.cat([reduce(each, "b c h w -> b c", "mean") for each in maps(judge, some)], 1)
            for some in torch.split(pictures, BATCH)
        ]
    return torch.cat(rows)


def spread(judge: Component, versions: Tensor) -> Tensor:
    """How far K versions of one picture, (B, K, 3, H, W), are apart, float (B,).

    The mean over all pairs of Σ over the halvings of mean over positions ‖â − b̂‖², the squared
    distance of the maps with the channels of every position scaled to length 1: LPIPS (Zhang et
    al., CVPR 2018) without learned weights, on the judge's layers. 0 to 6 where maps are positive.
    """
    if versions.ndim != 5 or versions.shape[1] < 2:
        raise ValueError(
            f"spread: expected (B, K, 3, H, W) with two versions or more, got "
            f"{tuple(versions.shape)}"
        )
    k, rows = versions.shape[1], []
    with torch.inference_mode():
        for some in torch.split(versions, max(1, BATCH // k)):
            seen = maps(judge, rearrange(some, "b k c h w -> (b k) c h w"))
            rows.append(torch.stack([_apart(each, k) for each in seen]).sum(0))
    return torch.cat(rows)


def _apart(seen: Tensor, k: int) -> Tensor:
    """The mean of ‖â − b̂‖² over positions and pairs of different versions, (B,)."""
    unit = rearrange(F.normalize(seen, dim=1), "(b k) c h w -> b k c h w", k=k)
    lengths = reduce(unit.square(), "b k c h w -> b h w", "sum")
    together = reduce(unit.sum(1).square(), "b c h w -> b h w", "sum")
    # over all ordered pairs, Σ ‖a − b‖² = 2 K Σ ‖a‖² − 2 ‖Σ a‖²
    pairs = (2 * k * lengths - 2 * together) / (k * (k - 1))
    return reduce(pairs, "b h w -> b", "mean").clamp(min=0)
