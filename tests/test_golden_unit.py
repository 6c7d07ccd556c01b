"""UNIT's networks against the official program's numbers. Axes: B batch, C channels, H W."""

from __future__ import annotations

import pytest
import torch
from golden_files import Golden, fullsize
from munit_parts import Parts, unit_parts
from torch import Tensor

import modgan
from modgan.components import ContentEncoder, UpsampleReconstructor
from modgan.convert import unit
from modgan.layers import noised
from modgan.spec import image


@pytest.fixture
def golden() -> Golden:
    return Golden("unit_vaegen")


@pytest.fixture
def parts(golden: Golden) -> Parts:
    return unit_parts(golden, 32)


def test_at_test_time_the_mean_is_decoded(golden: Golden, parts: Parts) -> None:
    x = golden.given("x")
    hidden = parts["E_a"](x)
    golden.check("hidden", hidden)
    golden.check("recon_mean", parts["R_a"](hidden))
    made = modgan.compose(unit.GRAPHS["a_to_b"], parts)(image=x)["image"]
    golden.check("recon_mean", made)  # both domains hold the same weights here


def test_in_training_noise_is_added(
    golden: Golden, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = golden.given("noise")

    def recorded(x: Tensor) -> Tensor:
        assert x.shape == noise.shape
        return noise

    monkeypatch.setattr(torch, "randn_like", recorded)
    golden.check("recon_noise", parts["R_a"](noised(parts["E_a"](golden.given("x")))))


def test_full_size() -> None:
    full = fullsize("unit_vaegen")
    with torch.device("meta"):
        encoder = ContentEncoder(image(256))
        last = UpsampleReconstructor(encoder.outputs["feature"], image(256), n_res=4)
        both = {f"{role}_{side}": p for role, p in (("E", encoder), ("R", last)) for side in "ab"}
        state = unit.to_official(both)["gen"]["b"]
    shapes = {key: list(tensor.shape) for key, tensor in state.items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    count = sum(p.numel() for part in (encoder, last) for p in part.parameters())
    assert count == full["n_params"] == 11_140_483
