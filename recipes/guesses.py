"""Codes of real pictures, found by guessing: of several paintings the one most like is kept.

In MixNMatch encoders learn from critics and from made pictures what the codes of a real picture
are, which takes hundreds of thousands of steps. On small budgets a picture is painted of what was
noted of it before, of what is read off it now, and of guesses near it. What paints it best is
noted; the stages learn to paint the picture of it, and the encoders to read it.

Boxes say where the object is, and what is background. Every code is to be found as often, so one
that many pictures have costs a little; so does a parent which few pictures of that child have.
Axes: B pictures, n labels, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from modgan.component import Component
from modgan.components.generator import POSE, PlacedGenerator
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
EVEN = 0.5  # share of the guesses that any label is as likely for
CROWDED = {"background": 0.2, "parent": 0.02, "child": 0.02}  # cost of a code found twice as often
RELATED = 0.003  # cost of a parent e times less usual with its child; both in mean difference of x
KEPT = 0.5  # of a picture's own noise when it is painted again, pose aside: the rest is drawn
WEIGHTS = {"behind": 30.0, "again": 30.0, "again_parent": 10.0, "beside": 30.0} | dict.fromkeys(
    ("found_z", "found_b", "found_p", "found_c"), 5.0
)  # of `again_loss`


def notes(labels: Mapping[str, Sequence[str]], count: int) -> dict[str, Tensor]:
    """What is known of `count` pictures, as they are: nothing yet, -1."""
    n = {name: len(labels[name]) for name in CODES}
    return {
        "parent": torch.full((count,), -1),
        "child": torch.full((count,), -1),
        "pose": torch.zeros(count, POSE - PLACE),  # turn and facing
        "kin": torch.ones(n["child"], n["parent"]),  # how usual each parent is with each child
        **{f"share_{name}": torch.full((n[name],), 1 / n[name]) for name in CODES},
    }


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


def found(parts: Parts, batch: Batch, said: Mapping[str, Tensor]) -> Codes:
    """The best codes known of the objects, which are then noted.

    `said` is what encoders say: z, and logits by name.
    """
    x, noted, G = batch["objects"], batch["notes"], parts["G_parent"]
    which = batch["index"], torch.where(batch["mirrored"], -1.0, 1.0)[:, None]
    assert isinstance(G, PlacedGenerator)
    with torch.no_grad():
        read = {k: one_hot(v.argmax(1), v.shape[1]) for k, v in said.items() if k != "z"}
        read["z"] = in_box(G, said["z"], batch["boxes"], x.shape[-1])
        read["background"], canvas = scenes(parts, x, batch["boxes"], noted["share_background"])
        each = guesses(read, known(noted, *which, read), said, noted["kin"])
        many = {name: torch.cat([guess[name] for guess in each]) for name in read}
        made = painted(parts, many, canvas=canvas.repeat(len(each), 1, 1, 1)).image
        error = (made - x.repeat(len(each), 1, 1, 1)).abs().mean((1, 2, 3)) + cost(noted, many)
        best = error.reshape(len(each), -1).argmin(0)
        at = best * len(x) + torch.arange(len(x), device=x.device)
        codes = {name: code[at] for name, code in many.items()}
        note(noted, *which, codes)
    return codes


def scenes(parts: Parts, x: Tensor, boxes: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """The background's codes (B, n) most like x outside of the boxes, and what they paint."""
    eye, side = torch.eye(len(share), device=x.device), x.shape[-1]
    z = torch.randn(len(eye), parts["G_background"].inputs["z"].channels, device=x.device)
    all_ = parts["R_background"](parts["G_background"](z, eye))
    beside = outside(boxes, side)
    error = ((all_[None] - x[:, None]).abs() * beside[:, None]).mean((2, 3, 4))
    error = error / beside.mean((1, 2, 3)).clamp(min=1 / side)[:, None]
    best = (error + crowded("background", share)).argmin(1)
    return eye[best], all_[best]


def known(noted: Mapping[str, Tensor], index: Tensor, side: Tensor, read: Codes) -> Codes:
    """The codes that were noted of pictures, those that are read where nothing was.

    `side` (B, 1) is -1 for a mirrored picture, which is turned and faces the other way, else 1.
    """
    codes, new = dict(read), (noted["child"][index] < 0)[:, None]
    for name in ("parent", "child"):
        code = one_hot(noted[name][index].clamp(min=0), read[name].shape[1])
        codes[name] = torch.where(new, read[name], code)
    z = torch.cat([read["z"][:, :PLACE], side * noted["pose"][index], read["z"][:, POSE:]], 1)
    return {**codes, "z": torch.where(new, read["z"], z)}


def guesses(read: Codes, old: Codes, said: Mapping[str, Tensor], kin: Tensor) -> list[Codes]:
    """What was known and what is read; other parents, other children; mirrored and moved."""

    def lot(chances: Tensor) -> Tensor:
        return one_hot(torch.multinomial(chances, 1)[:, 0], chances.shape[1])

    def other(name: str) -> Tensor:
        return lot((1 - EVEN) * said[name].softmax(1) + EVEN / said[name].shape[1])

    z, children = old["z"], [other("child") for _ in range(2)]
    mirrored, moved = z.clone(), z.clone()
    mirrored[:, POSE - 1] *= -1
    moved[:, : POSE - 1] += torch.randn_like(z[:, : POSE - 1]) * z.new_tensor(SHAKEN)
    return [
        old,
        read,
        {**old, "parent": lot(old["child"] @ kin)},
        {**old, "parent": other("parent")},
        *({**old, "child": child, "parent": lot(child @ kin)} for child in children),
        {**old, "z": mirrored},
        {**old, "z": moved},
    ]


def cost(noted: Mapping[str, Tensor], codes: Codes) -> Tensor:
    """What codes cost for being found too often, or together too seldom, (B,)."""
    crowds = [codes[k] @ crowded(k, noted[f"share_{k}"]) for k in ("parent", "child")]
    kin = noted["kin"] / noted["kin"].sum(1, keepdim=True)
    related = (codes["child"] @ (kin + 1e-3).log() * codes["parent"]).sum(1)
    return torch.stack(crowds).sum(0) - RELATED * related


def crowded(name: str, share: Tensor) -> Tensor:
    """The cost of every code (n,), 0 for one that has its equal share."""
    return CROWDED[name] * (len(share) * share - 1)


def note(noted: Mapping[str, Tensor], index: Tensor, side: Tensor, codes: Codes) -> None:
    """Write down the codes of pictures, and count them; what was counted before fades."""
    for name in ("parent", "child"):
        noted[name][index] = codes[name].argmax(1)
    noted["pose"][index] = side * codes["z"][:, PLACE:POSE]
    noted["kin"].mul_(0.995).add_(0.08 * codes["child"].T @ codes["parent"])
    for name in CODES:
        noted[f"share_{name}"].lerp_(codes[name].mean(0), 0.02)


def one_hot(index: Tensor, n: int) -> Tensor:
    """Codes (B, n) as stages take them."""
    return F.one_hot(index, n).float()


def again(parts: Parts, codes: Codes) -> Painted:
    """Pictures painted of what was found; the background does not learn from what is over it."""
    z, kept = codes["z"], KEPT * codes["z"][:, POSE:]
    noise = (1 - KEPT**2) ** 0.5 * torch.randn_like(kept)
    behind = parts["G_background"](torch.randn_like(z), codes["background"])
    canvas = parts["R_background"](behind)
    mixed = {**codes, "z": torch.cat([z[:, :POSE], kept + noise], 1)}
    return painted(parts, mixed, canvas=canvas.detach())._replace(background=canvas)


def again_loss(batch: Batch, made: Painted, codes: Codes, said: Mapping[str, Tensor]) -> Terms:
    """L1 of pictures painted again, masks beside the boxes, and codes named that were found."""
    x = batch["objects"]
    beside = outside(batch["boxes"], x.shape[-1])
    masks = torch.cat([made.mask_parent, made.mask_child], 1)
    terms = {
        "behind": ((made.background - x).abs() * beside).mean() / beside.mean().clamp(min=1e-3),
        "again": l1(made.image, x),
        "again_parent": l1(made.parent, x),
        "beside": (masks * beside).mean(),
        "found_z": l1(said["z"][:, :POSE], codes["z"][:, :POSE]),
    }
    for name in CODES:
        aim = codes[name].argmax(1)
        terms[f"found_{name[0]}"] = classification(said[name], aim)
    return terms
