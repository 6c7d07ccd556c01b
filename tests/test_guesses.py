"""Codes of real pictures found by guessing: what is kept, noted and learned."""

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


def step(at: int = 0, **changed: Any) -> tuple[Any, dict[str, Any], dict[str, Tensor]]:
    """Parts, the batch of a step with notes, and what encoders say of its objects."""
    s = small(RECIPE, **changed)
    torch.manual_seed(0)
    parts = RECIPE.parts(s)
    batch = {**RECIPE.batch(s, Share(at)), "notes": mixnmatch_birds.notes(s)}
    mixnmatch_birds.read(parts, batch)
    said = {port: batch["said"][k][0].detach() for k, port in mixnmatch_birds.CODES.items()}
    return parts, batch, said


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


def test_what_is_found_paints_best_and_is_noted() -> None:
    parts, batch, said = step()
    x, notes, side = batch["objects"], batch["notes"], batch["objects"].shape[-1]

    def error(codes: guesses.Codes) -> Tensor:
        with torch.no_grad():
            _, canvas = guesses.scenes(parts, x, batch["boxes"], torch.full((2,), 0.5))
            return (painted(parts, codes, canvas=canvas).image - x).abs().mean((1, 2, 3))

    assert (notes["child"] == -1).all()
    first = guesses.found(parts, batch, said)
    index, turned = batch["index"], 1 - 2 * batch["mirrored"].float()[:, None]
    assert torch.equal(notes["parent"][index], first["parent"].argmax(1))
    assert torch.equal(notes["pose"][index], turned * first["z"][:, guesses.PLACE : POSE])
    assert (notes["child"] >= 0).sum() == len(index.unique())
    for share in ("share_parent", "share_child", "share_background"):
        assert notes[share].sum().item() == pytest.approx(1)
    read = {k: guesses.one_hot(v.argmax(1), v.shape[1]) for k, v in said.items() if k != "z"}
    read["z"] = guesses.in_box(parts["G_parent"], said["z"], batch["boxes"], side)
    for _ in range(12):
        last = guesses.found(parts, batch, said)
    assert error(last).mean() < error(read).mean(), "guessing finds better than what is read"


def test_what_was_noted_comes_first() -> None:
    _, batch, said = step()
    notes, places = batch["notes"], batch["index"]
    side = torch.ones(len(places), 1)
    read = {k: guesses.one_hot(v.argmax(1), v.shape[1]) for k, v in said.items() if k != "z"}
    read["z"] = said["z"]
    fresh = guesses.known(notes, places, side, read)
    assert all(torch.equal(fresh[k], read[k]) for k in read)
    notes["parent"][places[0]], notes["child"][places[0]] = 1, 3
    notes["pose"][places[0]] = torch.tensor([0.5, -1.0])
    old = guesses.known(notes, places, side, read)
    assert old["parent"][0].tolist() == [0, 1] and old["child"][0].tolist() == [0, 0, 0, 1]
    assert old["z"][0, guesses.PLACE : POSE].tolist() == [0.5, -1.0]
    assert torch.equal(old["z"][0, : guesses.PLACE], read["z"][0, : guesses.PLACE])
    mirrored = guesses.known(notes, places, -side, read)
    assert mirrored["z"][0, guesses.PLACE : POSE].tolist() == [-0.5, 1.0]


def test_codes_found_too_often_cost() -> None:
    labels = {"background": ("a", "b"), "parent": ("a", "b"), "child": ("a", "b")}
    notes = guesses.notes(labels, 3)
    codes = {"parent": torch.eye(2), "child": torch.eye(2)}
    even = guesses.cost(notes, codes)
    torch.testing.assert_close(even[0], even[1])
    notes["share_parent"].copy_(torch.tensor([0.75, 0.25]))
    assert guesses.cost(notes, codes)[0] - even[0] == pytest.approx(0.5 * 0.02, abs=1e-6)
    notes["share_parent"].fill_(0.5)
    notes["kin"].copy_(torch.tensor([[1.0, 1.0], [9.0, 1.0]]))  # parent 1 is rare with child 1
    assert guesses.cost(notes, codes)[1] > guesses.cost(notes, codes)[0]


def test_backgrounds_are_told_by_what_is_beside_the_box() -> None:
    parts, _, _ = step()
    boxes = torch.tensor([[8, 8, 24, 24]]).expand(3, 4)
    with torch.no_grad():
        eye = torch.eye(2)
        z = torch.zeros(2, 6)
        shown = parts["R_background"](parts["G_background"](z, eye))
    x = shown[[0, 1, 1]].clone()
    x[:, :, 8:24, 8:24] = torch.rand(3, 3, 16, 16)  # an object
    parts["G_background"].forward = lambda _, code: code  # whatever z is
    parts["R_background"].forward = lambda code: torch.einsum("bn,nchw->bchw", code, shown)
    codes, canvas = guesses.scenes(parts, x, boxes, torch.full((2,), 0.5))
    assert codes.argmax(1).tolist() == [0, 1, 1]
    torch.testing.assert_close(canvas, shown[[0, 1, 1]])
