"""Figures that runs of translation with styles are followed by.

Axes: B pictures, C channels, h w H W positions, n numbers of a style.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from domains_data import followed
from translation import Parts, Values
from translation_terms import each

from modgan.losses import l1
from modgan.metrics.judged import as_rows
from modgan.metrics.translation import edge_f1, hue_taken
from modgan.train import Score

COUNT = 50  # pictures of either domain that figures are taken on


def guiding(
    decode: Callable[[Parts, Values, Values], Values],
) -> Callable[[Any, Path, str], Score]:
    """The `score` of E, Q and what `decode` makes of parts, contents and styles (B, n).

    How far pictures come back; of drawn ones first how often a guide's hue is missed, and edges.
    A drawn sketch is guided by the next one's picture; its own tells how much of it has colour.
    """

    def score(s: Any, folder: Path, device: str) -> Score:
        found, split = followed(s, COUNT)
        x = {name: pictures.to(device) for name, pictures in found.items()}
        a, b = x
        guides = x[b].roll(-1, 0)
        rng = torch.Generator().manual_seed(s.seed)
        style = torch.randn(len(x[a]), s.n_style, generator=rng).to(device)

        @torch.no_grad()
        def figures(parts: Parts, final: bool) -> list[dict[str, Any]]:
            content = each(parts, "E", x)
            again = decode(parts, content, each(parts, "Q", x))
            off = [(f"{of} again, L1 of 255", 127.5 * l1(again[of], x[of])) for of in (b, a)]
            if not s.data:
                ways = (parts[f"Q_{b}"](guides), style)
                guided, made = (decode(parts, {b: content[a]}, {b: way})[b] for way in ways)
                missed = 1 - hue_taken(guided, guides, x[b]).float().mean()
                lost = 1 - edge_f1(made, x[a]).mean()
                off = [("guided: hue wrong %", 100 * missed), ("edges lost %", 100 * lost), *off]
            return as_rows([(name, value.item()) for name, value in off], split, len(x[a]))

        return figures

    return score
