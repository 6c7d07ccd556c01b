"""Sheets of samples, to watch while training. Axes: B pictures, A attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from PIL import Image

from modgan.component import Component
from modgan.data.images import AttributeImages, batch, mask_image, sheet, to_image


def edits(parts: Mapping[str, Component], data: AttributeImages, count: int = 8) -> Image.Image:
    """The first pictures of `data`: each edit to the next label, all in a row, and the masks.

    `parts` are E, R and a T for every attribute.
    """
    device = next(parts["E"].parameters()).device
    x, labels = (made.to(device) for made in batch(data, range(min(count, len(data)))))
    names, rows = list(data.attributes), [[to_image(picture)] for picture in x]
    masks = []
    with torch.no_grad():
        feature = together = parts["E"](x)
        for at, name in enumerate(names):
            T = parts[f"T_{name}"]
            n = T.inputs[name].channels
            code = F.one_hot((labels[:, at] + 1) % n, n).float()
            alone, mask = T(feature, code)
            together, _ = T(together, code)
            masks.append(mask)
            _append(rows, [to_image(y) for y in parts["R"](alone)])
        _append(rows, [to_image(y) for y in parts["R"](together)])
    for mask in masks:
        _append(rows, [mask_image(m).resize(rows[0][0].size) for m in mask])
    return sheet(rows, ["input", *names, "all", *(f"T_{name}" for name in names)], scale=2)


def _append(rows: Sequence[list[Image.Image]], column: Sequence[Image.Image]) -> None:
    for row, picture in zip(rows, column, strict=True):
        row.append(picture)
