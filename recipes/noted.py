"""Codes of real pictures on small budgets: noted before the first step, painted and read in each.

In FineGAN and MixNMatch critics alone say what codes are to mean, which takes hundreds of
thousands of steps. Here `clusters.py` finds the codes of real pictures before the first step:
which background, parent and child, which way objects face, and how they stand. Boxes say where
they are. The stages learn to paint pictures of these codes, and MixNMatch's encoders to read them.

Stages know no norm then, and a shape is drawn in a frame that the first four entries of z put in
place (`placed_generator`). Critics come in at the step `critics_from`, and that of whole pictures
says nothing to backgrounds, which it streaks; the critic of patches, which does so as well, is
left out. Axes: B pictures, n labels, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import birds_data
import hierarchy_critics as shared
import torch
from birds_data import labels_of
from clusters import clusters
from hierarchy_critics import Hierarchy, Parts, Terms
from torch import Tensor

from modgan.component import Component
from modgan.components import FilmTransformer, LeanGenerator
from modgan.components.generator import POSE, PlacedGenerator
from modgan.data.boxed import SPARE
from modgan.losses import classification, l1
from modgan.metrics.stages import CODES, Painted, onehot_codes, painted
from modgan.train import Batch, Share, TrainingError

Codes = dict[str, Tensor]  # z (B, n_z), and one-hot by name (B, n)
PLACE = 3  # entries of z that a box tells: x, y and size; facing and stance follow
FILLS = 0.85  # share of a shape's frame that the longer side of its box takes
LEAST = 0.05  # reach of x, y and size at least
AGAIN = {"behind": 30.0, "again": 30.0, "in_box": 30.0, "again_parent": 10.0, "beside": 30.0}
FOUND = dict.fromkeys(("found_z", "found_b", "found_p", "found_c"), 5.0)


@dataclass(frozen=True)
class Noted(Hierarchy):
    """Every knob that both recipes have on small budgets."""

    clustered: bool = True  # lean stages, and codes of real pictures found by clustering
    width: int = 16  # channels that the background's stage ends with
    channels: int = 32  # of the parent's feature
    child_width: int = 48  # inside the child stage
    child_channels: int = 32  # of the child's feature
    n_z: int = 12
    lr_g: float = 1e-3  # of the stages, and of all that learns with them
    beta2: float = 0.99  # of their Adam
    steps: int = 6_000
    decay: float = 0.4  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.999


SMOKE: dict[str, Any] = {  # what a smoke run changes
    "size": 32,
    "pictures": 12,
    "backgrounds": 2,
    "parents": 2,
    "children": 4,
    "n_z": 6,
    "width": 4,
    "channels": 4,
    "child_width": 4,
    "child_channels": 4,
    "critics_from": 2,
    "coarse": 1,
    "d_background": 4,
    "d_parent": 2,
    "d_child": 2,
    "batch": 3,
    "r1_every": 2,
    "steps": 6,
    "workers": 0,
}
PUBLISHED: dict[str, Any] = {  # as the papers have it, on CUB at 128²
    "split": "all",
    "size": 128,
    "side": 126,
    "around": 1.5,
    "spare": SPARE,
    "parents": 20,
    "children": 200,
    "tied_background": True,
    "n_z": 100,
    "field": 34,
    "d_background": 64,
    "d_child": 64,
    "n_res": 2,
    "coarse": 1,
    "lr": 2e-4,
    "w_patch": 10.0,
    "w_background_code": 0.0,
    "w_area": 0.0,
    "w_outlines": 0.0,
    "w_binary": 0.0,
    "w_loose": 0.0,
    "w_free": 0.0,
    "outline": False,
    "jitter": 0.0,
    "w_r1": 0.0,
    "decay": 0.0,
    "clustered": False,
    "critics_from": 0,
    "lr_g": 2e-4,
    "beta2": 0.999,
}


# --- before the first step ----------------------------------------------------------------------


def notes(s: Noted) -> dict[str, Tensor]:
    """What is noted of every picture, as it is: codes as they cluster, and all of z but the place.

    Nothing, where codes are left to critics.
    """
    if not s.clustered:
        return {}
    data, counts = birds_data.pictures(s), {k: len(labels) for k, labels in labels_of(s).items()}
    if max(counts.values()) > len(data):
        raise TrainingError(
            f"{len(data)} pictures cannot be clustered to --backgrounds {s.backgrounds} --children "
            f"{s.children}: expects no more codes than pictures; take fewer, or --no-clustered"
        )
    found = clusters(data, birds_data.middle(s), *(counts[k] for k in CODES), s.n_z - POSE)
    pose = torch.cat([1 - 2 * found.mirrored[:, None].float(), found.stance], 1)
    return {**{name: getattr(found, name) for name in CODES}, "pose": pose}


def stages(s: Noted) -> dict[str, Component]:
    """Stages for small budgets, whose shapes z puts in place."""
    labels, n = labels_of(s), shared.growths(s)
    scene, shape = ((4 * c,) * (n - 1) + (3 * c, c) for c in (s.width, s.channels))
    behind = LeanGenerator("background", labels["background"], scene, s.n_z, "background@training")
    data = birds_data.pictures(s)
    boxes = birds_data.middle(s) if data.boxes is None else data.boxes
    where = spread(boxes, s.side or s.size)
    inner = PlacedGenerator("parent", labels["parent"], shape, s.n_z, "parent@training", *where)
    feature, widths = inner.outputs["feature"], (s.child_width, s.child_channels)
    dress = FilmTransformer(feature, "child", labels["child"], *widths, "child@training")
    return shared.painted_by(s, behind, inner, dress)


# --- a step ---------------------------------------------------------------------------------------


def batch(s: Noted, at: Share, count: int) -> Batch:
    """What critics take, of `count` codes, and whether those of pictures are known."""
    if s.clustered and (s.around or s.tied_background):
        raise TrainingError(
            "--clustered finds codes of whole pictures, backgrounds apart: expects --around 0 and "
            f"--no-tied-background, got {s.around:g} and {s.tied_background}; or --no-clustered"
        )
    return {**shared.batch(s, at, count), "clustered": s.clustered}


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
    facing, stance = notes["pose"][index].tensor_split([POSE - PLACE], 1)
    facing = torch.where(batch["mirrored"][:, None], -facing, facing)
    z = torch.cat([places(G, batch["boxes"], x.shape[-1]), facing, stance], 1)
    return onehot_codes(parts, z, {name: notes[name][index] for name in CODES})


def behind(parts: Parts, codes: Codes) -> Tensor:
    """The background of any noise."""
    feature = parts["G_background"](torch.randn_like(codes["z"]), codes["background"])
    canvas: Tensor = parts["R_background"](feature)
    return canvas


def again(parts: Parts, codes: Codes) -> Painted:
    """Pictures painted of known codes; the background does not learn from what is over it."""
    canvas = behind(parts, codes)
    return painted(parts, codes, canvas=canvas.detach())._replace(background=canvas)


def loss(parts: Parts, batch: Batch, terms: Terms) -> tuple[Terms, Codes]:
    """`terms` of the masks with those of pictures painted again added, and what these have alone.

    Also returns the codes the pictures were painted of.
    """
    codes = known(parts, batch)
    made = again(parts, codes)
    masks = shared.masks_loss(made, batch) | {"outlines": l1(made.mask_child, made.mask_parent)}
    summed = {name: terms[name] + masks[name] for name in masks}
    return {**terms, **summed, **again_loss(batch, made)}, codes


def again_loss(batch: Batch, made: Painted) -> Terms:
    """L1 of pictures painted again, and masks beside the boxes."""
    x = batch["objects"]
    beside = outside(batch["boxes"], x.shape[-1])
    within, masks = 1 - beside, torch.cat([made.mask_parent, made.mask_child], 1)
    return {
        "behind": ((made.background - x).abs() * beside).mean() / beside.mean().clamp(min=1e-3),
        "again": l1(made.image, x),
        "in_box": ((made.image - x).abs() * within).mean() / within.mean().clamp(min=1e-3),
        "again_parent": l1(made.parent, x),
        "beside": (masks * beside).mean(),
    }


def found_loss(codes: Codes, said: Mapping[str, Tensor]) -> Terms:
    """How well z and the logits of the other codes name those that are known."""
    terms = {"found_z": l1(said["z"], codes["z"])}
    for name in CODES:
        terms[f"found_{name[0]}"] = classification(said[name], codes[name].argmax(1))
    return terms
