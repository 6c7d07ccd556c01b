"""Codes of real pictures as they are noted, painted and read."""

from __future__ import annotations

from typing import Any

import mixnmatch_birds
import noted
import pytest
import torch
from test_birds_recipes import small

from modgan.components import PlacedGenerator
from modgan.components.generator import POSE, posed
from modgan.train import Share

RECIPE = mixnmatch_birds.recipe
BOXES = torch.tensor([[4, 8, 20, 24], [0, 0, 32, 32]])


def step(at: int = 0, **changed: Any) -> tuple[Any, dict[str, Any]]:
    """Parts, and the batch of a step with notes."""
    s = small(RECIPE, **changed)
    torch.manual_seed(0)
    parts = RECIPE.parts(s)
    return parts, {**RECIPE.batch(s, Share(at)), "notes": noted.notes(s)}


def test_outside_of_boxes() -> None:
    beside = noted.outside(BOXES, 32)
    assert beside.shape == (2, 1, 32, 32)
    assert beside[1].sum() == 0 and beside[0].sum() == 32 * 32 - 16 * 16
    assert beside[0, 0, 4:20, 8:24].sum() == 0


def test_a_shape_is_put_into_its_box() -> None:
    G = PlacedGenerator("shape", ("a", "b"), (4, 4, 4), n_z=6)
    place = noted.places(G, BOXES[[0]], 32)
    z = torch.cat([place, torch.ones(1, 1)], 1)
    frame = torch.ones(1, 1, 32, 32)
    shown = posed(frame, z, G.reach, G.size)[0, 0] > 0.5
    rows, columns = shown.any(1).nonzero()[:, 0], shown.any(0).nonzero()[:, 0]
    side = 16 / noted.FILLS
    for at, middle in ((rows, 12), (columns, 16)):
        assert (at[0] + at[-1] + 1) / 2 == pytest.approx(middle, abs=0.6)
        assert len(at) == pytest.approx(side, abs=1.1)


def test_frames_lie_as_boxes_do() -> None:
    boxes = torch.tensor([[0, 0, 16, 16], [16, 16, 32, 32], [0, 16, 16, 32], [16, 0, 32, 16]])
    reach, size = noted.spread(boxes, 32)
    assert reach == pytest.approx((0.5, 0.5, noted.LEAST))
    assert size == pytest.approx(0.5 / noted.FILLS)


def test_codes_are_as_noted() -> None:
    parts, batch = step()
    codes, notes, index = noted.known(parts, batch), batch["notes"], batch["index"]
    for name in ("background", "parent", "child"):
        assert torch.equal(codes[name].argmax(1), notes[name][index])
    place = noted.places(parts["G_parent"], batch["boxes"], 32)
    torch.testing.assert_close(codes["z"][:, : noted.PLACE], place)
    assert torch.equal(codes["z"][:, POSE:], notes["pose"][index][:, 1:])


def test_what_is_noted_of_a_picture_holds_for_its_mirror_image() -> None:
    parts, batch = step()
    batch["notes"]["pose"][batch["index"][0], 0] = -1.0
    batch["mirrored"] = torch.zeros_like(batch["mirrored"])
    plain = noted.known(parts, batch)["z"]
    assert plain[0, POSE - 1] == -1
    batch["mirrored"] = ~batch["mirrored"]
    mirrored = noted.known(parts, batch)["z"]
    assert torch.equal(mirrored[:, POSE - 1], -plain[:, POSE - 1])
    for same in (slice(0, POSE - 1), slice(POSE, None)):
        assert torch.equal(mirrored[:, same], plain[:, same])


def test_a_step_paints_what_was_noted() -> None:
    """The stages learn nothing of a picture but by its codes."""
    parts, batch = step()
    codes = noted.known(parts, batch)
    torch.manual_seed(1)
    made = noted.again(parts, codes)
    batch["notes"]["pose"][batch["index"], 1:] += 1
    torch.manual_seed(1)
    other = noted.again(parts, noted.known(parts, batch))
    assert torch.equal(made.background, other.background)
    assert not torch.allclose(made.mask_parent, other.mask_parent)
