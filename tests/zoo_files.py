"""Wirings, reading and forging zoo files, for the tests of `modgan.zoo`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from modgan.component import Component, UnknownName
from modgan.spec import InterfaceError
from modgan.zoo import ZooError, compose

Parts = dict[str, Component]
Make = Callable[[int], Parts]
READABLE = (ZooError, UnknownName, InterfaceError)


def edit(parts: Mapping[str, Component], *steps: str) -> dict[str, Tensor]:
    """The outputs of a wiring for pictures and codes that are always the same."""
    graph = compose(list(steps or ("E", "T_hair", "R")), parts)
    noise = torch.Generator().manual_seed(1)
    given = {
        name: torch.eye(spec.channels)[[1, 0]]
        if spec.labels
        else torch.randn(2, *spec.shape, generator=noise).tanh()
        for name, spec in graph.inputs.items()
    }
    out: dict[str, Tensor] = graph(**given)
    return out


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def header_of(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert set(metadata) == {"modgan"}  # several keys would be written in varying order
    data: dict[str, Any] = json.loads(metadata["modgan"])
    return data


def forge(path: Path, header: Any, tensors: dict[str, Tensor] | None = None) -> Path:
    """The file of `path` again, beside it, with another header or other tensors."""
    text = header if isinstance(header, str) else json.dumps(header)
    forged = path.with_name("forged.safetensors")
    save_file(load_file(path) if tensors is None else tensors, forged, {"modgan": text})
    return forged
