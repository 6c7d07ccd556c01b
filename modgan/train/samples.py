"""Sheets of samples, to watch while training. Axes: B pictures, A attributes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from modgan.data.images import AttributeImages, batch, mask_image, sheet, to_image
from modgan.metrics.editors import Editor


def edits(edit: Editor, data: AttributeImages, device: torch.device, count: int = 8) -> Image.Image:
    """The first pictures of `data`: each edit to the next label, all in a row, and the masks."""
    x, labels = (made.to(device) for made in batch(data, range(min(count, len(data)))))
    names = list(data.attributes)
    sizes = torch.tensor([len(values) for values in data.attributes.values()], device=device)
    rows = [[to_image(picture)] for picture in x]
    masks: dict[str, Tensor] = {}
    for chosen in (*([name] for name in names), names):
        edited = torch.tensor([name in chosen for name in names], device=device)
        out = edit(chosen, x, torch.where(edited, (labels + 1) % sizes, labels))
        _append(rows, [to_image(y) for y in out["image"]])
        masks |= {key: out[key] for key in out if key not in masks and key != "image"}
    for mask in masks.values():
        _append(rows, [mask_image(m).resize(rows[0][0].size) for m in mask])
    titles = [key.replace("mask_", "T_") for key in masks]
    return sheet(rows, ["input", *names, "all", *titles], scale=2)


def _append(rows: Sequence[list[Image.Image]], column: Sequence[Image.Image]) -> None:
    for row, picture in zip(rows, column, strict=True):
        row.append(picture)
