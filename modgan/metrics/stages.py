"""What the hierarchy of FineGAN and MixNMatch paints, stage by stage.

Axes: B pictures, C channels, H W positions, n labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from modgan.component import Component
from modgan.data.images import mask_image, to_image

Parts = Mapping[str, Component]
STAGES = ["G_background", "R_background", "G_parent", "R_parent", "T_child", "R_child"]
CODES = ("background", "parent", "child")
SOURCES = ("background", "texture", "shape", "pose")  # the pictures that MixNMatch mixes
BATCH = 100
TITLES = ("background", "parent mask", "parent", "child mask", "child")


class Painted(NamedTuple):
    """All that lies between the codes and the picture; pictures are in -1..1, masks in 0..1."""

    background: Tensor  # (B, 3, H, W), the canvas without the object
    feature: Tensor  # (B, C, H, W), the parent's
    mask_parent: Tensor  # (B, 1, H, W)
    cut_parent: Tensor  # (B, 3, H, W), the parent's foreground times its mask
    parent: Tensor  # (B, 3, H, W), the cut on the background
    mask_child: Tensor  # (B, 1, H, W)
    cut_child: Tensor  # (B, 3, H, W)
    image: Tensor  # (B, 3, H, W), the child's cut on the parent

    def mask(self) -> Tensor:
        """Where either stage covers the background: 1 − (1 − m_parent)(1 − m_child)."""
        return 1 - (1 - self.mask_parent) * (1 - self.mask_child)


def painted(
    parts: Parts,
    codes: Mapping[str, Tensor],
    feature: Tensor | None = None,
    canvas: Tensor | None = None,
) -> Painted:
    """What the six parts make of z (B, n_z) and the codes background, parent, child (B, n).

    `z_background` among them is the noise of the background stage, else it is z, too. A `feature`
    takes the place of what z and parent make (MixNMatch's feature mode), a `canvas` (B, 3, H, W)
    that of what z and background make.
    """
    if canvas is None:
        z = codes.get("z_background", codes.get("z"))
        canvas = parts["R_background"](parts["G_background"](z, codes["background"]))
    inner = parts["G_parent"](codes["z"], codes["parent"]) if feature is None else feature
    parent, mask_parent, cut_parent = parts["R_parent"](inner, canvas)
    image, mask_child, cut_child = dressed(parts, inner, codes["child"], parent)
    return Painted(
        canvas, inner, mask_parent, cut_parent, parent, mask_child, cut_child, image
    )  # fmt: skip


def dressed(
    parts: Parts, feature: Tensor, child: Tensor, parent: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The child's stage: picture (B, 3, H, W), mask (B, 1, H, W) and cut (B, 3, H, W).

    It is painted over the parent's picture, of the parent's feature and a child's code (B, n).
    """
    made: tuple[Tensor, Tensor, Tensor] = parts["R_child"](parts["T_child"](feature, child), parent)
    return made


def coded(parts: Parts, picture: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """MixNMatch's codes of pictures (B, 3, H, W) named background, texture, shape and pose."""
    return {
        "z": parts["Q_z"](picture["pose"]),
        "z_background": parts["Q_z"](picture["background"]),
        "background": parts["Q_b"](picture["background"]),
        "parent": parts["Q_p"](picture["shape"]),
        "child": parts["Q_c"](picture["texture"]),
    }


def in_batches(parts: Parts, codes: Mapping[str, Tensor], feature: Tensor | None = None) -> Painted:
    """`painted` of many codes, without gradients."""
    count, made = len(codes["background"]), list[Painted]()
    with torch.inference_mode():
        for at in range(0, count, BATCH):
            some = {name: code[at : at + BATCH] for name, code in codes.items()}
            inner = None if feature is None else feature[at : at + BATCH]
            made.append(painted(parts, some, inner))
    return Painted(*(torch.cat(each) for each in zip(*made, strict=True)))


def onehot_codes(parts: Parts, z: Tensor, indices: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """z with the codes of these indices (B,) by name, one-hot (B, n)."""
    stages = {"background": "G_background", "parent": "G_parent", "child": "T_child"}
    codes = {name: parts[stages[name]].inputs[name].channels for name in CODES}
    eyes = {name: torch.eye(count, device=z.device) for name, count in codes.items()}
    return {"z": z, **{name: eyes[name][indices[name]] for name in CODES}}


def rows(made: Painted, count: int | None = None) -> list[list[Image.Image]]:
    """A row of pictures for each sample, as FineGAN's figures show them; columns are `TITLES`."""
    columns: Sequence[Tensor] = (
        made.background, made.mask_parent, made.parent, made.mask_child, made.image
    )  # fmt: skip
    shown = [
        [(mask_image if each.shape[1] == 1 else to_image)(sample) for sample in each[:count]]
        for each in columns
    ]
    return [list(row) for row in zip(*shown, strict=True)]
