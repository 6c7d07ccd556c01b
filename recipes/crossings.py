"""Portraits and sketches of portraits that are edited: to learn from, to judge by and to look at.

Settings `s` are those of `smiling_sketches.py`. A sheet and figures show what becomes of either
domain's pictures where T stands between their E and the T and R of the domain `s.domain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from join_portraits import attribute
from PIL import Image
from portraits_data import chosen, others
from portraits_judge import trained

from modgan.component import Component
from modgan.data import images
from modgan.data.images import AttributeImages, cached, mask_image, to_image
from modgan.data.portrait_sketches import PortraitSketches
from modgan.metrics.editors import crossing
from modgan.metrics.judged import Judged, as_rows, progress
from modgan.train import Score

SEEDS = {"train": 2, "val": 50, "test": 99}  # of the sketches


def sketches(s: Any, split: str, count: int) -> AttributeImages:
    """Drawn sketches of portraits."""
    return chosen(PortraitSketches(count, s.size, SEEDS[split]), s)


@cache
def held(s: Any) -> AttributeImages:
    """Those to learn from, in memory."""
    return cached(sketches(s, "train", s.pictures), s.workers, progress=True)


def seen(s: Any, split: str, count: int) -> dict[str, AttributeImages]:
    """What is edited and not trained on, by its domain: sketches first, where they are drawn."""
    drawn = {} if s.data else {"sketch": sketches(s, split, count)}
    return {**drawn, s.domain: others(s, split, count)}


def score(s: Any, folder: Path, device: str) -> Score:
    """How the edits of sketches and of pictures are read by a judge of real pictures."""
    Q = trained(s, folder, device).to(device)

    def judged(split: str, count: int) -> dict[str, Judged]:
        return {of: Judged(data, count, Q) for of, data in seen(s, split, count).items()}

    val = judged("val", s.followed)

    def figures(parts: Mapping[str, Component], final: bool) -> list[dict[str, Any]]:
        split, tests = ("test", judged("test", s.tested)) if final else ("val", val)
        rows = []
        for of, test in tests.items():
            two = progress(crossing(parts, test.attributes, of, s.domain), test)[:2]
            named = [(f"{of} to {s.domain}, {what}", value) for what, value in two]
            rows += as_rows(named, split, len(test.pictures))
        return rows

    return figures


def sheet(s: Any, parts: Mapping[str, Component]) -> Image.Image:
    """Sketches and pictures that are not trained on: as they are drawn, edited, and the mask."""
    (name, values), rows = attribute(s), []
    device = next(parts[f"T_{name}"].parameters()).device
    for of, data in seen(s, "val", 5).items():
        x, labels = (made.to(device) for made in images.batch(data, range(5)))
        edit = crossing(parts, data.attributes, of, s.domain)
        plain, out = edit((), x, labels)["image"], edit([name], x, (labels + 1) % len(values))
        masks = [mask_image(mask).resize((s.size, s.size)) for mask in out[f"mask_{name}"]]
        columns = [map(to_image, each) for each in (x, plain, out["image"])]
        rows += zip(*columns, masks, strict=True)
    return images.sheet(rows, ["input", "as it is", "edited", f"T_{name}"], scale=2)
