"""Tiny parts of a modular GAN that most tests share, on one thread and from one seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from modgan.component import Component
from modgan.components import PatchEncoder, PatchReconstructor, ResidualTransformer
from modgan.spec import image
from modgan.zoo import Card, Zoo

torch.set_num_threads(1)
SIZE = 16


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def make_parts(seed: int = 0, space: str = "faces@training") -> dict[str, Component]:
    """E, three T and R over pictures of 16×16."""
    torch.manual_seed(seed)
    encoder = PatchEncoder(image(SIZE), channels=48, n_res=1, space=space)
    feature = encoder.outputs["feature"]
    attributes = {
        "hair": ("black", "blond", "red"),
        "smile": ("no", "yes"),
        "beard": ("no", "yes"),
    }
    transformers = {
        f"T_{name}": ResidualTransformer(feature, name, labels, n_res=1, width=8)
        for name, labels in attributes.items()
    }
    reconstructor = PatchReconstructor(feature, image(SIZE), n_res=1)
    parts: dict[str, Component] = {"E": encoder, **transformers, "R": reconstructor}
    return {name: part.eval() for name, part in parts.items()}


@pytest.fixture
def parts() -> dict[str, Component]:
    """Fresh parts: a test may change them."""
    return make_parts()


@pytest.fixture
def zoo(parts: dict[str, Component]) -> Zoo:
    """The parts with a card that uses every field."""
    return Zoo(
        parts,
        Card(
            licence="CC0-1.0",
            provenance={"recipe": "none", "seed": 0, "unit": "µ"},
            metrics=[
                {"name": "accuracy", "value": 0.5, "split": "test", "n": 8, "command": "modgan"}
            ],
            graphs={"edit": ["E", "T_hair", "T_smile", "R"], "copy": ["E", "R"]},
        ),
    )


@pytest.fixture
def zoo_path(zoo: Zoo, tmp_path: Path) -> Path:
    """The zoo in a file."""
    path = tmp_path / "tiny.safetensors"
    zoo.save(path)
    return path


@pytest.fixture
def make() -> Callable[[int], dict[str, Component]]:
    """Parts of another training: other weights, the same ports."""

    def trained(seed: int) -> dict[str, Component]:
        torch.manual_seed(seed)
        encoder = PatchEncoder(image(16), 48, space="faces@training")
        feature = encoder.outputs["feature"]
        parts: dict[str, Component] = {
            "E": encoder,
            "T_hair": ResidualTransformer(feature, "hair", ("black", "red"), 1, 8),
            "R": PatchReconstructor(feature, image(16)),
        }
        return {name: part.eval() for name, part in parts.items()}

    return trained
