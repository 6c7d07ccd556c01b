"""The systems that edit attributes of pictures, each as one function for all measures.

Axes: B pictures, A attributes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from modgan.component import Component
from modgan.graph import Graph
from modgan.metrics.edits import apply_codes

# (the attributes to edit, in order; pictures (B, 3, H, W); all the labels (B, A) they should
# have after it) -> "image", and "mask_{attribute}" where a system has masks
Editor = Callable[[Sequence[str], Tensor, Tensor], dict[str, Tensor]]
Parts = Mapping[str, Component]
Attributes = Mapping[str, Sequence[str]]


def modular(parts: Parts, attributes: Attributes) -> Editor:
    """ModularGAN: E, the T of every attribute to edit, R."""

    def edit(names: Sequence[str], pictures: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        graph = Graph(["E", *(f"T_{name}" for name in names), "R"], parts)
        return apply_codes(graph, pictures, _codes(attributes, wanted))

    return edit


def generating(parts: Parts, attributes: Attributes) -> Editor:
    """ModularGAN from noise: G draws from z, in the place of pictures, then T's and R."""

    def edit(names: Sequence[str], z: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        graph = Graph(["G", *(f"T_{name}" for name in names), "R"], parts)
        return apply_codes(graph, z, _codes(attributes, wanted), "z")

    return edit


def crossing(parts: Parts, attributes: Attributes, of: str, to: str) -> Editor:
    """MUNIT: E of one domain, the T of every attribute to edit, T and R of a domain.

    From one domain to another styles are sampled, the same for picture i in every call; within a
    domain every picture keeps its own.
    """

    def edit(names: Sequence[str], pictures: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        own = [f"Q_{to}: image -> style"] if of == to else []
        edits = [f"T_{name}" for name in names]
        graph = Graph([f"E_{of}", *own, *edits, f"T_{to}", f"R_{to}"], parts)
        style = None
        if not own:
            size = (len(pictures), graph.inputs["style"].channels)
            style = torch.randn(size, generator=torch.Generator().manual_seed(0)).to(pictures)
        return apply_codes(graph, pictures, _codes(attributes, wanted), style=style)

    return edit


def star(parts: Parts, attributes: Attributes) -> Editor:
    """StarGAN: one translator F, told all labels, those that stay as well."""

    def edit(_: Sequence[str], pictures: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        return apply_codes(Graph(["F"], parts), pictures, _codes(attributes, wanted))

    return edit


def cycle(parts: Parts, attributes: Attributes) -> Editor:
    """CycleGAN: for every attribute to edit the translator to its label, in a chain."""

    def edit(names: Sequence[str], pictures: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        done = pictures
        for name in names:
            target = wanted[:, list(attributes).index(name)]
            before, done = done, done.clone()
            for at, label in enumerate(attributes[name]):
                if (target == at).any():
                    graph = Graph([translator(name, label)], parts)
                    done[target == at] = apply_codes(graph, before[target == at], {})["image"]
        return {"image": done}

    return edit


def translator(attribute: str, label: str, role: str = "F") -> str:
    """The name of the part that makes pictures show `label`: letters and digits alone."""
    return "_".join([role, attribute, *re.findall("[A-Za-z0-9]+", label)])


def inverting(parts: Parts, attributes: Attributes) -> Editor:
    """IcGAN: Q_z and Q_y read the picture, the labels to edit are replaced, G and R draw it."""

    def edit(names: Sequence[str], pictures: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        kept = ["_" if name in names else name for name in parts["Q_y"].outputs]
        reading = [f"Q_y: image -> {' '.join(kept)}"] if set(kept) != {"_"} else []
        graph = Graph(["Q_z", *reading, "G", "R"], parts)
        return apply_codes(graph, pictures, _codes(attributes, wanted))

    return edit


def _codes(attributes: Attributes, labels: Tensor) -> dict[str, Tensor]:
    """Label indices (B,) by attribute, from (B, A)."""
    return dict(zip(attributes, torch.unbind(labels, 1), strict=True))
