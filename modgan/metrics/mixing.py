"""Whether every code of a hierarchy stands for one factor, as judges see the pictures.

Q reads background, shape, texture and facing; S says where the object is. Where an object is and
how it faces is its pose. Axes: B pictures, H W pixels, n codes, m labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from modgan.component import Component
from modgan.metrics.edits import BATCH, read
from modgan.metrics.stages import CODES, in_batches, onehot_codes

FACTORS = {"background": "background", "parent": "shape", "child": "texture", "z": "pose"}
NEAR = 0.1  # sides of the picture: as near as that, the place is the same
Parts = Mapping[str, Component]


class Seen(NamedTuple):
    """What judges see in pictures."""

    labels: dict[str, Tensor]  # attribute -> int64 (B,)
    masks: Tensor  # bool (B, 1, H, W)


def see(Q: Component, S: Component, pictures: Tensor) -> Seen:
    """What classifier and segmenter see in pictures (B, 3, H, W)."""
    with torch.inference_mode():
        masks = torch.cat([S(some) > 0 for some in torch.split(pictures, BATCH)])
    return Seen(dict(zip(Q.outputs, read(Q, pictures).unbind(1), strict=True)), masks)


def largest(masks: Tensor) -> Tensor:
    """The largest connected part of bool masks (B, 1, H, W), corners included."""
    numbers = torch.arange(1, masks[0].numel() + 1, device=masks.device).reshape(masks[0].shape)
    found = numbers.float() * masks
    while True:  # the highest number of each part spreads over all of it
        wider = F.max_pool2d(found, 3, 1, 1) * masks
        if torch.equal(wider, found):
            break
        found = wider
    flat = found.flatten(1).long()
    sizes = flat.new_zeros(len(flat), masks[0].numel() + 1)
    sizes.scatter_add_(1, flat, torch.ones_like(flat))
    sizes[:, 0] = 0
    return masks & (found == sizes.argmax(1)[:, None, None, None])


def centres(masks: Tensor) -> Tensor:
    """The middle of the box of the largest part of masks (B, 1, H, W), as y, x in 0..1, (B, 2).

    It is 0.5 where a mask is empty. Specks and how full the box is do not move it.
    """
    part, middle = largest(masks)[:, 0], []
    for other in (2, 1):
        along = part.any(other).int()
        first, after = along.argmax(1), along.shape[1] - along.flip(1).argmax(1)
        middle.append((first + after) / (2 * along.shape[1]))
    return torch.where(part.flatten(1).any(1)[:, None], torch.stack(middle, 1), 0.5)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of bool masks (B, 1, H, W), (B,).

    It is 0 where both are empty, for every picture has an object.
    """
    either = (a | b).flatten(1).sum(1)
    return (a & b).flatten(1).sum(1) / either.clamp(min=1)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """How far the `centres` of masks are apart, (B,), in sides of the picture."""
    return (centres(a) - centres(b)).norm(dim=1)


def same_pose(a: Seen, b: Seen) -> Tensor:
    """Whether the middle moved by less than a tenth of the side and facing stays, bool (B,)."""
    near = same_place(a, b)
    return near & (a.labels["facing"] == b.labels["facing"]) if "facing" in a.labels else near


def same_place(a: Seen, b: Seen) -> Tensor:
    """Whether the middle moved by less than a tenth of the side, bool (B,)."""
    return distance(a.masks, b.masks) < NEAR


def meaning(codes: Tensor, labels: Tensor, n: int, m: int) -> tuple[Tensor, Tensor]:
    """The label (n,) that most pictures (B,) of a code show, and the share of them that do (n,).

    A code without a picture stands for label 0, with a share of 0.
    """
    counts = F.one_hot(codes * m + labels, n * m).sum(0).reshape(n, m).float()
    most, label = counts.max(1)
    return label, most / counts.sum(1).clamp(min=1)


class Disentangled(NamedTuple):
    """What codes stand for, and what happens when one of them is changed; shares in 0..1."""

    meanings: dict[str, list[int]]  # code -> the label of each of its values
    purity: dict[str, float]  # code -> the mean over its values of the share that show it
    least: dict[str, float]  # code -> the least such share
    distinct: dict[str, int]  # code -> how many different labels its values stand for
    changed: dict[str, dict[str, float]]  # code changed -> "follows", and each factor that stays


def disentangled(
    parts: Parts, judges: tuple[Component, Component], count: int, rng: torch.Generator
) -> Disentangled:
    """Draw `count` sets of free codes, then each again with one code changed.

    "follows" is the share whose factor then is what the new code stands for, and was not before
    (so that pictures which are all alike follow nothing); of z, whose pose is another. The other
    columns are the shares whose factor stays; of a pose, the place by itself, too. Factors that the
    judge does not read are left out.
    """
    Q, S = judges
    codes = free_codes(parts, count, rng)
    before = see(Q, S, in_batches(parts, onehot_codes(parts, codes["z"], codes)).image)
    known = {code: FACTORS[code] for code in CODES if FACTORS[code] in Q.outputs}
    found = {
        code: meaning(codes[code], before.labels[f], sizes(parts)[code], Q.outputs[f].channels)
        for code, f in known.items()
    }
    changed = {}
    for code in (*known, "z"):
        other = {**codes, code: _another(codes[code], sizes(parts).get(code), rng)}
        after = see(Q, S, in_batches(parts, onehot_codes(parts, other["z"], other)).image)
        stays = {f: after.labels[f] == before.labels[f] for f in known.values()}
        stays["pose"] = same_pose(before, after)
        own = stays.pop(FACTORS[code])
        follows = ~own
        if code in known:
            stays["place"] = same_place(before, after)
            follows &= after.labels[known[code]] == found[code][0][other[code]]
        shares = {"follows": follows, **stays}
        changed[code] = {name: share.float().mean().item() for name, share in shares.items()}
    return Disentangled(
        {code: label.tolist() for code, (label, _) in found.items()},
        {code: share.mean().item() for code, (_, share) in found.items()},
        {code: share.min().item() for code, (_, share) in found.items()},
        {code: len(set(label.tolist())) for code, (label, _) in found.items()},
        changed,
    )


def sizes(parts: Parts) -> dict[str, int]:
    """How many values each code has."""
    stages = zip(CODES, ("G_background", "G_parent", "T_child"), strict=True)
    return {code: parts[stage].inputs[code].channels for code, stage in stages}


def free_codes(parts: Parts, count: int, rng: torch.Generator) -> dict[str, Tensor]:
    """Noise z (B, n_z) and indices (B,) of the codes, each drawn for itself."""
    z = torch.randn(count, parts["G_parent"].inputs["z"].channels, generator=rng)
    drawn = {k: torch.randint(most, (count,), generator=rng) for k, most in sizes(parts).items()}
    return {"z": z, **drawn}


def _another(code: Tensor, most: int | None, rng: torch.Generator) -> Tensor:
    """Other noise, or another index than each has."""
    if most is None:
        return torch.randn(code.shape, generator=rng)
    return (code + torch.randint(1, most, code.shape, generator=rng)) % most
