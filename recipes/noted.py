"""Codes of real pictures on small budgets: noted before the first step, painted and read in each.

In MixNMatch encoders learn from critics and from made pictures what the codes of a real picture
are, which takes hundreds of thousands of steps. Here `clusters.py` finds them before the first
step: which background, parent and child, which way objects face, and how they stand. Boxes say
where they are. The stages learn to paint pictures of these codes, and the encoders to read them.
Axes: B pictures, n labels, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from clusters import clusters
from torch import Tensor

from modgan.component import Component
from modgan.components.generator import POSE, PlacedGenerator
from modgan.data.boxed import Boxed
from modgan.losses import classification, l1
from modgan.metrics.stages import CODES, Painted, painted
from modgan.train import Batch

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]
Codes = dict[str, Tensor]  # z (B, n_z), and one-hot by name (B, n)
PLACE = 3  # entries of z that a box tells: x, y and size; facing and stance follow
FILLS = 0.85  # share of a shape's frame that the longer side of its box takes
LEAST = 0.05  # reach of x, y and size at least
WEIGHTS = {
    "behind": 30.0,
    "again": 30.0,
    "in_box": 30.0,
    "again_parent": 10.0,
    "beside": 30.0,
} | dict.fromkeys(("found_z", "found_b", "found_p", "found_c"), 5.0)  # of `again_loss`


def notes(data: Boxed, middle: Tensor, counts: Mapping[str, int], n_z: int) -> dict[str, Tensor]:
    """What is known of pictures, as they are: codes as they cluster, and all of z but the place."""
    found = clusters(data, middle, *(counts[name] for name in CODES), n_z - POSE)
    pose = torch.cat([1 - 2 * found.mirrored[:, None].float(), found.stance], 1)
    return {**{name: getattr(found, name) for name in CODES}, "pose": pose}


def outside(boxes: Tensor, side: int) -> Tensor:
    """1 outside of boxes (B, 4), 0 within, (B, 1, side, side)."""
    at = torch.arange(side, device=boxes.device)
    y1, x1, y2, x2 = boxes[:, :, None].unbind(1)
    rows, columns = (at >= y1) & (at < y2), (at >= x1) & (at < x2)
    return 1 - (rows[:, None, :, None] & columns[:, None, None, :]).float()


def in_place(boxes: Tensor, side: float) -> Tensor:
    """x and y of the middles of boxes (B, 4) in half sides, and the logarithm of size, (B, 3).

    The size is that of a frame in sides of the picture whose shape fills the box.
    """
    y1, x1, y2, x2 = boxes.float().unbind(1)
    longer = torch.maximum(y2 - y1, x2 - x1).clamp(min=1) / side / FILLS
    return torch.stack([(x1 + x2) / side - 1, (y1 + y2) / side - 1, longer.log()], 1)


def spread(boxes: Tensor, side: float) -> tuple[tuple[float, float, float], float]:
    """The reach of a `placed_generator` whose frames lie as boxes (N, 4) do, and their size."""
    place = in_place(boxes, side)
    x, y, size = place.std(0, correction=0).clamp(min=LEAST).tolist()
    return (x, y, size), place[:, 2].mean().exp().item()


def places(G: PlacedGenerator, boxes: Tensor, side: int) -> Tensor:
    """The first entries of z (B, 3) with which a shape fills boxes (B, 4) of pictures of `side`."""
    place = in_place(boxes, side)
    place[:, 2] -= math.log(G.size)
    return (place / place.new_tensor(G.reach)).clamp(-3, 3)


def known(parts: Parts, batch: Batch) -> Codes:
    """The codes of the objects: as noted, and in their boxes."""
    x, G, notes, index = batch["objects"], parts["G_parent"], batch["notes"], batch["index"]
    assert isinstance(G, PlacedGenerator)
    codes = {k: one_hot(notes[k][index], parts[f"Q_{k[0]}"].outputs[k].channels) for k in CODES}
    facing, stance = notes["pose"][index].tensor_split([POSE - PLACE], 1)
    facing = torch.where(batch["mirrored"][:, None], -facing, facing)
    return {**codes, "z": torch.cat([places(G, batch["boxes"], x.shape[-1]), facing, stance], 1)}


def behind(parts: Parts, codes: Codes) -> Tensor:
    """The background of any noise."""
    feature = parts["G_background"](torch.randn_like(codes["z"]), codes["background"])
    canvas: Tensor = parts["R_background"](feature)
    return canvas


def one_hot(index: Tensor, n: int) -> Tensor:
    """Codes (B, n) as stages take them."""
    return F.one_hot(index, n).float()


def again(parts: Parts, codes: Codes) -> Painted:
    """Pictures painted of known codes; the background does not learn from what is over it."""
    canvas = behind(parts, codes)
    return painted(parts, codes, canvas=canvas.detach())._replace(background=canvas)


def again_loss(batch: Batch, made: Painted, codes: Codes, said: Mapping[str, Tensor]) -> Terms:
    """L1 of pictures painted again, masks beside the boxes, and codes named that are known."""
    x = batch["objects"]
    beside = outside(batch["boxes"], x.shape[-1])
    within, masks = 1 - beside, torch.cat([made.mask_parent, made.mask_child], 1)
    terms = {
        "behind": ((made.background - x).abs() * beside).mean() / beside.mean().clamp(min=1e-3),
        "again": l1(made.image, x),
        "in_box": ((made.image - x).abs() * within).mean() / within.mean().clamp(min=1e-3),
        "again_parent": l1(made.parent, x),
        "beside": (masks * beside).mean(),
        "found_z": l1(said["z"], codes["z"]),
    }
    for name in CODES:
        aim = codes[name].argmax(1)
        terms[f"found_{name[0]}"] = classification(said[name], aim)
    return terms
