"""The critics and losses that FineGAN and MixNMatch share.

D_background sees patches, D_parent and D_child tell codes from what each stage cut out; D_child
also tells real objects from made ones. What G makes of the codes of a step is painted once, in
the first phase, and kept with its graph for the last: D's learn before G, from the same pictures.

Readers of codes norm what they see, so that a mask of 0.01 tells a code as well as one of 1, and
they read place and facing, too. With `outline` the parent is read off its mask alone, and with
`jitter` off noisy pictures, of which none is where it was painted.
Axes: B batch, n labels, h w patches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import birds_data
import torch
import torch.nn.functional as F
from birds_data import Codes, codes, labels_of
from torch import Tensor

from modgan.component import Component
from modgan.components import (
    BackgroundDiscriminator,
    BackgroundPainter,
    ChildTransformer,
    CodeDiscriminator,
    SoftCoder,
    StagePainter,
)
from modgan.layers import resized
from modgan.losses import bce, classification, logistic_d, logistic_g, patch_weights, r1
from modgan.metrics.mixing import largest
from modgan.metrics.stages import CODES, STAGES, Painted, dressed, onehot_codes, painted
from modgan.spec import FeatureSpec, image
from modgan.train import Batch, Phase, Share, TrainingError

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]
STRIDES = {16: (2, 1), 22: (2, 2), 34: (2, 2, 1)}  # pixels that a patch has -> of which critic
SHIFT = 12 / 64  # sides of the picture that readers of codes see it shifted by at most
PAINTED = ("real", "parent", "child", "outlines")  # terms of critics that every run has
RAMP = 1_000  # steps in which the term "binary" rises to its weight


@dataclass(frozen=True)
class Hierarchy(Codes):
    """Every knob that both recipes have once."""

    field: int = 16  # pixels a side of the patches that D_background sees: 16, 22 or 34
    d_background: int = 32  # width of the first convolution of D_background
    d_parent: int = 16  # of D_parent, and of the critic of the background's code
    d_child: int = 24  # of D_child
    batch: int = 16
    lr: float = 4e-4
    w_real: float = 1.0  # real or made, of whole pictures
    w_patch: float = 0.0  # real or made, of patches of the background; 0 leaves D_background out
    w_background_code: float = 0.0  # the background's code is read off it; 0 leaves that out
    w_area: float = 100.0  # how far the means of both masks leave their bounds
    least_area: float = 0.08  # share of the picture that a mask covers at least
    most_area: float = 0.38  # and at most
    w_outlines: float = 10.0  # mean difference of the child's mask and the parent's
    w_loose: float = 30.0  # pieces of masks apart from the largest, with critics; 0 leaves it out
    w_binary: float = 10.0  # masks between 0 and 1, mean m(1 − m), after 1,000 steps
    w_free: float = 1.0  # codes of children that are not the parent's; 0 leaves that out
    outline: bool = True  # the parent's code is read off its mask in the place of its cut
    jitter: float = 0.1  # noise on what codes are read off, then also mirrored and shifted
    w_r1: float = 5.0  # penalty on the critics' slope at real pictures
    r1_every: int = 8  # steps between such penalties
    critics_from: int = 5_000  # steps before critics tell real from made, and read codes
    n_res: int = 1  # residual blocks of a stage
    coarse: int = 2  # pixels a side that a position of a stage's feature paints: 1, 2, 4


# --- parts ------------------------------------------------------------------------------------


def doublings(size: int) -> int:
    """How often 4×4 doubles to pictures of `size`."""
    if size < 16 or size & (size - 1):
        raise TrainingError(f"--size {size}: a hierarchy paints 16, 32, 64, … pixels a side")
    return size.bit_length() - 3


def growths(s: Hierarchy) -> int:
    """How often 4×4 doubles to the features of stages."""
    side = s.size // max(1, s.coarse)
    if s.coarse not in (1, 2, 4) or side < 8:
        raise TrainingError(
            f"--coarse {s.coarse}: expects 1, 2 or 4 pixels, and features of 8 positions at least"
        )
    return doublings(s.size) - s.coarse.bit_length() + 1


def read_widths(size: int, width: int, most: int) -> tuple[int, ...]:
    """Channels of a reader of pictures: doubled at each halving, up to `most` widths, then 8."""
    return (*(width * min(2**i, most) for i in range(doublings(size))), 8 * width)


def painted_by(
    s: Hierarchy, behind: Component, inner: Component, dress: Component
) -> dict[str, Component]:
    """The six parts, given the three that make features of codes."""
    picture = image(s.size)
    made = (
        behind,
        BackgroundPainter(behind.outputs["feature"], picture, s.coarse),
        inner,
        StagePainter(inner.outputs["feature"], picture, "parent", s.coarse),
        dress,
        StagePainter(dress.outputs["feature"], picture, "child", s.coarse),
    )
    return dict(zip(STAGES, made, strict=True))


def child_stage(s: Hierarchy, feature: FeatureSpec, width: int, channels: int) -> Component:
    """T_child as published, `width` channels inside."""
    labels = labels_of(s)["child"]
    return ChildTransformer(feature, "child", labels, width, channels, s.n_res, "child@training")


def critics(s: Hierarchy, most: int) -> dict[str, Component]:
    """D's, whose channels double up to `most` times the first."""
    if s.field not in STRIDES:
        raise TrainingError(f"--field {s.field}: expects one of {', '.join(map(str, STRIDES))}")
    if s.data and birds_data.pictures(s).boxes is None:
        _check_middle(s)
    picture, labels, strides = image(s.size), labels_of(s), STRIDES[s.field]
    widths = tuple(s.d_background * 2**i for i in range(len(strides)))
    readers = {
        n: read_widths(s.size, w, most) for n, w in (("parent", s.d_parent), ("child", s.d_child))
    }
    made: dict[str, Component] = {
        f"D_{n}": CodeDiscriminator(picture, n, labels[n], readers[n]) for n in readers
    }
    if s.w_patch:
        patches = BackgroundDiscriminator(image(s.side or s.size), widths, strides)
        made = {"D_background": patches, **made}
    if s.w_background_code:
        coder = SoftCoder(picture, "background", labels["background"], readers["parent"])
        made["D_background_code"] = coder
    return made


def _check_middle(s: Hierarchy) -> None:
    """Patches of background have to fit around the middle of pictures without boxes."""
    room = int(birds_data.middle(s)[0, 0])
    if room <= s.field:
        raise TrainingError(
            f"--middle {s.middle}: leaves {room} pixels around the object, no more than a patch of "
            f"--field {s.field}, so that none is background: take a smaller one, or larger pictures"
        )


# --- a batch ----------------------------------------------------------------------------------


def batch(s: Hierarchy, at: Share, count: int) -> Batch:
    """Objects, full pictures and the patches of those that show background; tied codes."""
    crops = birds_data.drawn(s, at, s.batch)
    strides = STRIDES[s.field]
    stride = 2 ** strides.count(2)
    patches = (crops.fulls.shape[-1] - s.field) // stride + 1
    assert crops.boxes is not None  # drawn() sees to it
    rng = at.own(s.seed + 1)
    tied, other = codes(s, count, rng), torch.randint(s.children, (s.batch,), generator=rng)
    return {
        "objects": crops.objects.contiguous(),
        "fulls": crops.fulls.contiguous(),
        "boxes": crops.boxes,
        "index": crops.which,
        "mirrored": crops.mirrored,
        "weights": patch_weights(crops.boxes, patches, s.field, stride),
        **tied,
        **({"other_child": other} if s.w_free else {}),
        "count": s.batch,
        "area": (s.least_area, s.most_area),
        "late": float(at.step > s.critics_from),
        "sharp": min(1.0, at.step / RAMP),
        "outline": s.outline,
        "jitter": s.jitter,
        "loose": s.w_loose > 0,
        "penalise": s.w_r1 > 0 and at.step % s.r1_every == 0,
    }


def made(parts: Parts, batch: Batch) -> Painted:
    """What G makes of the codes of the step: once, with the graph that its own phase walks back."""
    if "made" not in batch:
        if len(batch["z"]) > batch["count"]:
            hardest(parts, batch)
        for name in STAGES:
            parts[name].requires_grad_(True)
        given = onehot_codes(parts, batch["z"], batch)
        batch["made"] = painted(parts, given, canvas=known_canvas(parts, batch, given))
    kept: Painted = batch["made"]
    return kept


def known_canvas(parts: Parts, batch: Batch, given: Mapping[str, Tensor]) -> Tensor | None:
    """The background, where only what is known of it may teach it, not D_child; else nothing."""
    if not batch.get("clustered") or {"D_background", "D_background_code"} & set(parts):
        return None
    with torch.no_grad():
        feature = parts["G_background"](given["z"], given["background"])
        canvas: Tensor = parts["R_background"](feature)
    return canvas


def hardest(parts: Parts, batch: Batch) -> None:
    """Keep of the codes those whose child D_child believes least, as many as a batch has."""
    keys, sure, n = ("z", *CODES), list[Tensor](), batch["count"]
    with torch.no_grad():
        for at in range(0, len(batch["z"]), n):
            some = {key: batch[key][at : at + n] for key in keys}
            cut = painted(parts, onehot_codes(parts, some["z"], some)).cut_child
            _, logits = parts["D_child"](cut)
            sure.append(logits.float().softmax(1).gather(1, some["child"][:, None])[:, 0])
    kept = torch.cat(sure).argsort()[:n]
    batch.update({key: batch[key][kept] for key in keys})


def behind(batch: Batch, canvas: Tensor) -> Tensor:
    """The background as D_background sees it, of the size of the full pictures."""
    side = batch["fulls"].shape[-1]
    return canvas if canvas.shape[-1] == side else resized(canvas, side)


# --- losses -----------------------------------------------------------------------------------


def background_loss(parts: Parts, batch: Batch) -> Terms:
    """D_background: real patches without an object against made ones; which are without."""
    D, weights = parts["D_background"], batch["weights"]
    real, background = D(batch["fulls"])
    fake, _ = D(behind(batch, made(parts, batch).background.detach()))
    terms = {"real": bce(real, 1.0, weights), "fake": bce(fake, 0.0)}
    terms |= {"background": bce(background, weights), "r1": real.new_zeros(())}
    if batch["penalise"]:
        # of patches that share no pixel, the sum over √count has the squared slope of one of them
        scale = math.sqrt(real[0].numel())
        terms["r1"] = r1(lambda x: D(x)[0].sum((1, 2, 3)) / scale, batch["fulls"])
    return terms


def child_loss(parts: Parts, batch: Batch) -> Terms:
    """D_child without its code head: real objects against made ones."""
    D, x = parts["D_child"], batch["objects"]
    real, _ = D(x)
    fake, _ = D(made(parts, batch).image.detach())
    penalty = r1(lambda x: D(x)[0], x) if batch["penalise"] else real.new_zeros(())
    return {"real": logistic_d(real, fake), "r1": penalty}


def glimpsed(pictures: Tensor, noise: float, shift: float = 0.0) -> Tensor:
    """Pictures (B, C, H, H), half of them mirrored, shifted by up to `shift` sides, with noise.

    What comes in is 0; without noise they stay as they are.
    """
    if not noise:
        return pictures
    side, most = pictures.shape[-1], round(shift * pictures.shape[-1])
    mirrored = torch.rand(len(pictures), 1, 1, 1, device=pictures.device) < 0.5
    wide = F.pad(torch.where(mirrored, pictures.flip(3), pictures), (most,) * 4)
    corners = torch.randint(2 * most + 1, (len(pictures), 2)).tolist()
    cut = [one[:, y : y + side, x : x + side] for one, (y, x) in zip(wide, corners, strict=True)]
    seen = torch.stack(cut)
    return seen + noise * torch.randn_like(seen)


def painting_loss(parts: Parts, batch: Batch) -> Terms:
    """G: fool both critics, and let the critics of codes read every code; masks as they should be.

    There is no adversarial loss on the parent's picture. Before critics come in, masks are all that
    counts.
    """
    out = made(parts, batch)
    if not batch["late"]:
        asked = {"free": "other_child" in batch, "background_code": "D_background_code" in parts}
        asked |= dict.fromkeys(("patch", "background"), "D_background" in parts)
        asked["loose"] = batch["loose"]
        names = (*PAINTED, *(name for name in asked if asked[name]))
        return {**dict.fromkeys(names, out.image.new_zeros(())), **masks_loss(out, batch)}
    terms = {"real": logistic_g(parts["D_child"](out.image)[0])}
    if "D_background" in parts:
        patches, background = parts["D_background"](behind(batch, out.background))
        terms |= {"patch": logistic_g(patches), "background": bce(background, 1.0)}
    return {**terms, **masks_loss(out, batch), **reading_loss(parts, batch, out)}


def masks_loss(out: Painted, batch: Batch) -> Terms:
    """How far the areas of both masks leave their bounds, and their pixels both 0 and 1."""
    masks = torch.stack([out.mask_parent, out.mask_child])
    binary = batch["sharp"] * (masks - masks**2).mean()
    return {"area": beyond(masks, batch["area"]), "binary": binary}


def beyond(masks: Tensor, bounds: tuple[float, float]) -> Tensor:
    """How far the means of masks (…, 1, H, W) lie outside the bounds."""
    area, (least, most) = masks.mean((-3, -2, -1)), bounds
    return (F.relu(least - area) + F.relu(area - most)).mean()


def loose(masks: Tensor, near: int = 1) -> Tensor:
    """Mean −log(1 − m) of the pieces of masks (B, 1, H, W) that are apart from the largest.

    Pieces are one where there are at most 2 `near` pixels between them.
    """
    solid = F.max_pool2d((masks.detach() > 0.1).float(), 2 * near + 1, 1, near) > 0
    gone = torch.log1p(-masks.float().clamp(max=1 - 1e-6))
    return -(gone * ~largest(solid)).mean()


def reading_loss(parts: Parts, batch: Batch, out: Painted) -> Terms:
    """The codes as critics read them, and how far outlines of children are from the parent's.

    Another child on the same parent is read as well, so that no outline tells the child.
    """
    masks, cuts, children = [out.mask_child], [out.cut_child], [batch["child"]]
    if "other_child" in batch:
        other = batch["other_child"]
        code = F.one_hot(other, parts["T_child"].inputs["child"].channels).to(out.feature)
        _, mask, cut = dressed(parts, out.feature, code, out.parent)
        masks, cuts, children = [*masks, mask], [*cuts, cut], [*children, other]
    shape = out.mask_parent.expand(-1, 3, -1, -1) if batch["outline"] else out.cut_parent
    noise = batch["jitter"]
    _, parent = parts["D_parent"](glimpsed(shape, noise, SHIFT))
    _, child = parts["D_child"](glimpsed(torch.cat(cuts), noise, SHIFT))
    told = map(classification, child.split(len(out.image)), children)
    terms = {
        "parent": classification(parent, batch["parent"]),
        **dict(zip(("child", "free"), told, strict=False)),
        "outlines": torch.stack([(m - out.mask_parent).abs().mean() for m in masks]).sum(),
    }
    if batch["loose"]:
        terms["loose"] = loose(torch.cat([out.mask_parent, *masks]))
    if "D_background_code" in parts:
        seen = glimpsed(out.background, noise)
        logits = parts["D_background_code"].scores(seen)  # type: ignore[operator]
        terms["background_code"] = classification(logits, batch["background"])
    return terms


def painting_weights(s: Hierarchy) -> dict[str, float]:
    """The weights of `painting_loss`."""
    masks = {"area": s.w_area, "outlines": s.w_outlines, "binary": s.w_binary}
    asked = {"background_code": s.w_background_code, "free": s.w_free, "loose": s.w_loose}
    patches = {"patch": s.w_patch, "background": 1.0} if s.w_patch else {}
    plain = {"real": s.w_real, "parent": 1.0, "child": 1.0}
    return {**patches, **plain, **masks, **{k: w for k, w in asked.items() if w}}


def learned_with_g(s: Hierarchy) -> tuple[str, ...]:
    """What learns from made pictures beside G: whatever reads a code, of D_child that alone."""
    coder = ("D_background_code",) if s.w_background_code else ()
    return (*STAGES, "D_parent", "D_child.joint", "D_child.labels", *coder)


def critic_phases(s: Hierarchy) -> list[Phase]:
    """The phases of D_background, where there is one, and D_child, which come before G's."""
    patches = {"real": s.w_patch, "fake": s.w_patch, "background": 1.0, "r1": s.w_r1}
    judging = ("D_child.trunk", "D_child.real")
    second, late = {"real": 1.0, "r1": s.w_r1}, s.critics_from
    first = Phase("D_background", ("D_background",), background_loss, patches, s.lr, start=late)
    last = Phase("D_child", judging, child_loss, second, s.lr, start=late)
    return [first, last] if s.w_patch else [last]
