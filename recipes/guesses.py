"""Codes of real pictures on small budgets: found by clustering, and their poses by painting.

In MixNMatch encoders learn from critics and from made pictures what the codes of a real picture
are, which takes hundreds of thousands of steps. Here `clusters.py` finds codes before the first
step, and which way objects face. Boxes say where they are; how far they are turned is found by
painting them as it was noted, and moved a little: what is more like the picture is noted. The
stages learn to paint pictures of these codes, and the encoders to read them.
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
PLACE = 3  # entries of z that a box tells, x, y and size; turn and facing follow
FILLS = 0.85  # share of a shape's frame that the longer side of its box takes
TURN, LEAST = 0.15, 0.05  # reach of the turn, radians; of x, y and size at least
SHAKEN = (0.2, 0.2, 0.3, 1.0)  # deviation of a guessed x, y, size and turn, in entries of z
KEPT = 0.5  # of a picture's own noise when it is painted again, pose aside: the rest is drawn
WEIGHTS = {
    "behind": 30.0,
    "again": 30.0,
    "in_box": 30.0,
    "again_parent": 10.0,
    "beside": 30.0,
} | dict.fromkeys(("found_z", "found_b", "found_p", "found_c"), 5.0)  # of `again_loss`


def notes(data: Boxed, middle: Tensor, counts: Mapping[str, int]) -> dict[str, Tensor]:
    """What is known of pictures, as they are: codes as they cluster, no turn, facing ±1."""
    found = clusters(data, middle, *(counts[name] for name in CODES))
    facing = 1 - 2 * found.mirrored.float()
    pose = F.pad(facing[:, None], (POSE - PLACE - 1, 0))  # turn and facing
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


def spread(boxes: Tensor, side: float) -> tuple[tuple[float, float, float, float], float]:
    """The reach of a `placed_generator` whose frames lie as boxes (N, 4) do, and their size."""
    place = in_place(boxes, side)
    x, y, size = place.std(0, correction=0).clamp(min=LEAST).tolist()
    return (x, y, size, TURN), place[:, 2].mean().exp().item()


def in_box(G: PlacedGenerator, z: Tensor, boxes: Tensor, side: int) -> Tensor:
    """z (B, n_z), its first entries such that the shape fills boxes (B, 4) of pictures of `side`.

    It faces one way or the other, nothing between.
    """
    place = in_place(boxes, side)
    place[:, 2] -= math.log(G.size)
    place = (place / place.new_tensor(G.reach[:PLACE])).clamp(-3, 3)
    facing = torch.where(z[:, POSE - 1 : POSE] < 0, -1.0, 1.0)
    return torch.cat([place, z[:, PLACE : POSE - 1], facing, z[:, POSE:]], 1)


def found(parts: Parts, batch: Batch, z: Tensor) -> Codes:
    """The codes that were noted of the objects, their poses as they paint best, which are noted.

    The rest of z (B, n_z) is as encoders say.
    """
    x, G = batch["objects"], parts["G_parent"]
    assert isinstance(G, PlacedGenerator)
    with torch.no_grad():
        codes = known(parts, batch, in_box(G, z, batch["boxes"], x.shape[-1]))
        canvas = behind(parts, codes)
        tries = guesses(codes["z"])
        many = {k: tries.flatten(0, 1) if k == "z" else codes[k].repeat(2, 1) for k in codes}
        made = painted(parts, many, canvas=canvas.repeat(2, 1, 1, 1)).image
        error = (made - x.repeat(2, 1, 1, 1)).abs().mean((1, 2, 3)).reshape(2, -1)
        codes["z"] = tries[error.argmin(0), torch.arange(len(x), device=x.device)]
        batch["notes"]["pose"][batch["index"]] = sides(batch) * codes["z"][:, PLACE:POSE]
    return codes


def sides(batch: Batch) -> Tensor:
    """-1 for a mirrored picture, which is turned and faces the other way, else 1, (B, 1)."""
    return 1 - 2 * batch["mirrored"].float()[:, None]


def known(parts: Parts, batch: Batch, z: Tensor) -> Codes:
    """The codes that were noted of pictures; the rest of z is as given."""
    notes, index = batch["notes"], batch["index"]
    codes = {k: one_hot(notes[k][index], parts[f"Q_{k[0]}"].outputs[k].channels) for k in CODES}
    pose = sides(batch) * notes["pose"][index]
    return {**codes, "z": torch.cat([z[:, :PLACE], pose, z[:, POSE:]], 1)}


def guesses(z: Tensor) -> Tensor:
    """z as it is, and with the place moved and turned a little, (2, B, n_z)."""
    moved = z.clone()
    moved[:, : POSE - 1] += torch.randn_like(z[:, : POSE - 1]) * z.new_tensor(SHAKEN)
    return torch.stack([z, moved])


def behind(parts: Parts, codes: Codes) -> Tensor:
    """The background of any noise."""
    feature = parts["G_background"](torch.randn_like(codes["z"]), codes["background"])
    canvas: Tensor = parts["R_background"](feature)
    return canvas


def one_hot(index: Tensor, n: int) -> Tensor:
    """Codes (B, n) as stages take them."""
    return F.one_hot(index, n).float()


def again(parts: Parts, codes: Codes) -> Painted:
    """Pictures painted of what was found; the background does not learn from what is over it."""
    z, kept = codes["z"], KEPT * codes["z"][:, POSE:]
    noise = (1 - KEPT**2) ** 0.5 * torch.randn_like(kept)
    canvas = behind(parts, codes)
    mixed = {**codes, "z": torch.cat([z[:, :POSE], kept + noise], 1)}
    return painted(parts, mixed, canvas=canvas.detach())._replace(background=canvas)


def again_loss(batch: Batch, made: Painted, codes: Codes, said: Mapping[str, Tensor]) -> Terms:
    """L1 of pictures painted again, masks beside the boxes, and codes named that were found."""
    x = batch["objects"]
    beside = outside(batch["boxes"], x.shape[-1])
    within, masks = 1 - beside, torch.cat([made.mask_parent, made.mask_child], 1)
    terms = {
        "behind": ((made.background - x).abs() * beside).mean() / beside.mean().clamp(min=1e-3),
        "again": l1(made.image, x),
        "in_box": ((made.image - x).abs() * within).mean() / within.mean().clamp(min=1e-3),
        "again_parent": l1(made.parent, x),
        "beside": (masks * beside).mean(),
        "found_z": l1(said["z"][:, :POSE], codes["z"][:, :POSE]),
    }
    for name in CODES:
        aim = codes[name].argmax(1)
        terms[f"found_{name[0]}"] = classification(said[name], aim)
    return terms
