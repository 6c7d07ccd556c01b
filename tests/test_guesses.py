"""Codes of real pictures as noted, and poses found by painting."""

from __future__ import annotations

from typing import Any

import guesses
import mixnmatch_birds
import pytest
import torch
from test_birds_recipes import small
from torch import Tensor

from modgan.components import PlacedGenerator
from modgan.components.generator import POSE, posed
from modgan.metrics.stages import painted
from modgan.train import Share

RECIPE = mixnmatch_birds.recipe
BOXES = torch.tensor([[4, 8, 20, 24], [0, 0, 32, 32]])


def step(at: int = 0, **changed: Any) -> tuple[Any, dict[str, Any], Tensor]:
    """Parts, the batch of a step with notes, and z as encoders say of its objects."""
    s = small(RECIPE, **changed)
    torch.manual_seed(0)
    parts = RECIPE.parts(s)
    batch = {**RECIPE.batch(s, Share(at)), "notes": mixnmatch_birds.notes(s)}
    mixnmatch_birds.read(parts, batch)
    return parts, batch, batch["said"]["z"][0].detach()


def test_outside_of_boxes() -> None:
    beside = guesses.outside(BOXES, 32)
    assert beside.shape == (2, 1, 32, 32)
    assert beside[1].sum() == 0 and beside[0].sum() == 32 * 32 - 16 * 16
    assert beside[0, 0, 4:20, 8:24].sum() == 0


def test_a_shape_is_put_into_its_box() -> None:
    G = PlacedGenerator("shape", ("a", "b"), (4, 4, 4), n_z=6)
    z = guesses.in_box(G, torch.randn(2, 6), BOXES[[0, 0]], 32)
    assert z[:, POSE - 1].abs().tolist() == [1, 1], "one way or the other"
    z = torch.cat([z[:1, : POSE - 2], torch.tensor([[0.0, 10.0]])], 1)  # not turned
    frame = torch.ones(1, 1, 32, 32)
    shown = posed(frame, z, G.reach, G.size)[0, 0] > 0.5
    rows, columns = shown.any(1).nonzero()[:, 0], shown.any(0).nonzero()[:, 0]
    side = 16 / guesses.FILLS
    for at, middle in ((rows, 12), (columns, 16)):
        assert (at[0] + at[-1] + 1) / 2 == pytest.approx(middle, abs=0.6)
        assert len(at) == pytest.approx(side, abs=1.1)


def test_frames_lie_as_boxes_do() -> None:
    boxes = torch.tensor([[0, 0, 16, 16], [16, 16, 32, 32], [0, 16, 16, 32], [16, 0, 32, 16]])
    reach, size = guesses.spread(boxes, 32)
    assert reach == pytest.approx((0.5, 0.5, guesses.LEAST, guesses.TURN))
    assert size == pytest.approx(0.5 / guesses.FILLS)


def test_poses_that_paint_best_are_noted() -> None:
    parts, batch, z = step()
    x, notes, index = batch["objects"], batch["notes"], batch["index"]

    def error(codes: guesses.Codes) -> Tensor:
        with torch.no_grad():
            torch.manual_seed(1)
            canvas = guesses.behind(parts, codes)
            return (painted(parts, codes, canvas=canvas).image - x).abs().mean((1, 2, 3))

    before = {name: notes[name].clone() for name in notes}
    first = guesses.known(parts, batch, guesses.in_box(parts["G_parent"], z, batch["boxes"], 32))
    for _ in range(12):
        last = guesses.found(parts, batch, z)
    assert error(last).mean() < error(first).mean(), "poses are found"
    turned = 1 - 2 * batch["mirrored"].float()[:, None]
    assert torch.equal(notes["pose"][index], turned * last["z"][:, guesses.PLACE : POSE])
    for name in ("background", "parent", "child"):
        assert torch.equal(notes[name], before[name]), "codes stay as they cluster"
        assert torch.equal(last[name].argmax(1), notes[name][index])


def test_what_is_noted_of_a_picture_holds_for_its_mirror_image() -> None:
    parts, batch, z = step()
    batch["notes"]["pose"][batch["index"][0]] = torch.tensor([0.5, -1.0])
    batch["mirrored"] = torch.zeros_like(batch["mirrored"])
    plain = guesses.known(parts, batch, z)
    assert plain["z"][0, guesses.PLACE : POSE].tolist() == [0.5, -1.0]
    assert torch.equal(plain["z"][:, : guesses.PLACE], z[:, : guesses.PLACE])
    assert torch.equal(plain["z"][:, POSE:], z[:, POSE:])
    batch["mirrored"] = ~batch["mirrored"]
    mirrored = guesses.known(parts, batch, z)
    assert mirrored["z"][0, guesses.PLACE : POSE].tolist() == [-0.5, 1.0]


def test_guesses_are_of_place_and_turn() -> None:
    z = torch.randn(3, 8)
    as_it_is, moved = guesses.guesses(z)
    assert torch.equal(as_it_is, z)
    assert torch.equal(moved[:, POSE - 1 :], z[:, POSE - 1 :])
    assert (moved[:, : POSE - 1] != z[:, : POSE - 1]).all()
