"""Parts for small budgets of FineGAN's hierarchy: shapes put in place, codes read anywhere."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from modgan.components import (
    BackgroundPainter,
    BoundedNoiseCoder,
    FilmTransformer,
    LeanGenerator,
    PlacedGenerator,
    SoftCoder,
    StagePainter,
    UnetEncoder,
)
from modgan.components.generator import POSE, posed
from modgan.spec import FeatureSpec, InterfaceError, image

LABELS = ("a", "b", "c")


def test_a_frame_lies_where_z_says() -> None:
    frame = torch.zeros(1, 1, 16, 16)
    frame[..., 6:10, 9:13] = 1.0  # right of the middle

    def at(**entries: float) -> Tensor:
        z = {"x": 0.0, "y": 0.0, "size": 0.0, "facing": 10.0, **entries}
        reach = (0.25, 0.25, math.log(2))
        return posed(frame, torch.tensor([list(z.values())]), reach, 1.0)

    torch.testing.assert_close(at(), frame)
    torch.testing.assert_close(at(x=1.0), frame.roll(2, 3))
    torch.testing.assert_close(at(y=-2.0), frame.roll(-4, 2))
    torch.testing.assert_close(at(facing=-10.0), frame.flip(3))
    torch.testing.assert_close(at(facing=0.0), (frame + frame.flip(3)) / 2)
    assert at(size=-1.0).sum().item() == pytest.approx(frame.sum().item() / 4)


def test_pose_and_code_are_apart_in_a_placed_shape() -> None:
    G = PlacedGenerator("shape", LABELS, (8, 4, 4), n_z=8, reach=(0.5, 0.5, 0.1), size=0.5)
    z, code = torch.zeros(3, 8), torch.eye(3)
    z[:, POSE - 1] = 10.0
    here = G(z, code)
    there = G(z + torch.tensor([1.0] + 7 * [0.0]), code)  # half a half side: 4 of 16 positions
    torch.testing.assert_close(there[..., 6:14], here[..., 2:10])
    assert not torch.allclose(here[0], here[1]), "the code says which shape"
    z[:, POSE:] = 1.0
    assert not torch.allclose(G(z, code), here), "the rest of z says how"


def test_what_lean_parts_make_hangs_on_no_batch() -> None:
    G, T = LeanGenerator("b", LABELS, (8, 4), 5), FilmTransformer(FeatureSpec(4, 8, 8), "c", LABELS)
    Q, x = BoundedNoiseCoder(image(16), 5, (4, 8, 4), norm=False), torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(Q(x)[:1], Q(x[:1]))
    z, code = torch.randn(3, 5), torch.eye(3)
    feature = G(z, code)
    torch.testing.assert_close(feature[:1], G(z[:1], code[:1]))
    dressed = T(feature, code)
    torch.testing.assert_close(dressed[1:2], T(feature[1:2], code[1:2]))
    assert not torch.allclose(T(feature, code.roll(1, 0)), dressed)


def test_what_a_pooled_soft_coder_reads_may_lie_anywhere() -> None:
    Q = SoftCoder(image(64), "hair", LABELS, (4, 4, 8, 8), pooled=True).eval()
    here = torch.zeros(1, 3, 64, 64)
    here[..., 16:24, 16:24] = torch.rand(3, 8, 8)
    torch.testing.assert_close(Q(here), Q(here.roll((16, 16), (2, 3))))


def test_stages_may_be_coarser_than_their_picture() -> None:
    half, picture = FeatureSpec(6, 8, 8, "faces@test"), torch.rand(2, 3, 16, 16)
    feature = UnetEncoder(image(16), half, width=4)(picture)
    assert feature.shape == (2, 6, 8, 8)
    painted, mask, _ = StagePainter(half, image(16), "hair", 2)(feature, picture)
    assert painted.shape == picture.shape and mask.shape == (2, 1, 16, 16)
    assert BackgroundPainter(half, image(16), 2)(feature).shape == picture.shape
    # a position paints 2×2 pixels, and those of its neighbours
    moved = feature.clone()
    moved[:, :, 3, 4] += 1
    paint = BackgroundPainter(half, image(16), 2)
    seen = (paint(moved) != paint(feature)).any(1)
    assert seen[:, 4:10, 6:12].all() and seen.sum() == 2 * 36
    with pytest.raises(InterfaceError, match=r"enlarges .* 1 times gives"):
        StagePainter(half, image(16), "hair")
