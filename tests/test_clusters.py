"""Codes of pictures found by clustering, without labels or masks."""

from __future__ import annotations

from copy import copy

import clusters
import pytest
import torch
from torch import Tensor

from modgan.data.birds import ATTRIBUTES, Birds, bird_of
from modgan.data.boxed import Boxed

COUNT = 400
MIDDLE = torch.tensor([[18, 18, 46, 46]])


@pytest.fixture(scope="module")
def drawn() -> Boxed:
    return Boxed(Birds(COUNT, 64, 1), 64, around=None, spare=1.0)


@pytest.fixture(scope="module")
def found(drawn: Boxed) -> clusters.Clusters:
    return clusters.clusters(drawn, MIDDLE, *(len(labels) for labels in ATTRIBUTES.values()), 6)


def purity(codes: Tensor, labels: Tensor) -> float:
    """The share of pictures that have the label which most of their code have."""
    counts = torch.zeros(int(codes.max()) + 1, int(labels.max()) + 1)
    counts.index_put_((codes, labels), torch.ones(len(codes)), accumulate=True)
    return counts.max(1).values.sum().item() / len(codes)


def test_clusters_are_the_factors(drawn: Boxed, found: clusters.Clusters) -> None:
    background, shape, texture = drawn.labels.unbind(1)
    assert purity(found.background, background) > 0.95
    assert purity(found.parent, shape) > 0.9
    assert purity(found.child, texture) > 0.9
    assert torch.equal(found.parent, found.child // 2), "as FineGAN ties them"


def test_which_way_they_face_is_told(drawn: Boxed, found: clusters.Clusters) -> None:
    right = torch.tensor([bird_of(1, i).pose.facing == "right" for i in range(COUNT)])
    owls = drawn.labels[:, 1] == ATTRIBUTES["shape"].index("owl")  # as good as symmetric
    assert (right != found.mirrored)[~owls].float().mean() > 0.9


def test_stances_tell_raised_wings(drawn: Boxed, found: clusters.Clusters) -> None:
    raised = torch.tensor([float(bird_of(1, i).pose.wing == "raised") for i in range(COUNT)])
    assert found.stance.shape == (COUNT, 6)
    told = []
    for parent in range(8):
        here = found.parent == parent
        given = torch.cat([found.stance[here], torch.ones(int(here.sum()), 1)], 1)
        by = given @ torch.linalg.lstsq(given, raised[here, None]).solution
        told.append(((by[:, 0] > 0.5) == (raised[here] > 0.5)).float().mean())
    assert torch.stack(told).mean() > 0.9


def test_the_same_again(drawn: Boxed, found: clusters.Clusters) -> None:
    again = clusters.clusters(drawn, MIDDLE, 8, 8, 16, 6)
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))


def test_without_boxes_the_middle_is_taken(drawn: Boxed, found: clusters.Clusters) -> None:
    without = copy(drawn)
    without.boxes = None
    again = clusters.clusters(without, MIDDLE, 8, 8, 16, 6)
    assert purity(again.background, drawn.labels[:, 0]) > 0.8
    assert not torch.equal(again.child, found.child)


def test_clusters_are_even() -> None:
    rng = torch.Generator().manual_seed(0)
    points = torch.randn(400, 2, generator=rng)  # dense in the middle
    labels, mirrored = clusters.even_means(points, 8)
    counts = torch.bincount(labels, minlength=8)
    assert counts.min() > 25 and counts.max() < 75, counts
    assert not mirrored.any()
    share = clusters.evenly(torch.rand(12, 3, generator=rng), torch.tensor(0.1))
    torch.testing.assert_close(share.sum(1), torch.ones(12))
    torch.testing.assert_close(share.sum(0), torch.full((3,), 4.0), atol=0.05, rtol=0)


def test_mirror_images_are_one_cluster() -> None:
    rng = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 6, generator=rng)
    turn = torch.rand(40, generator=rng) < 0.5
    plain = torch.where((torch.arange(40) < 20)[:, None], first, second)
    points = torch.where(turn[:, None], plain.flip(1), plain)
    labels, mirrored = clusters.even_means(points, 2, points.flip(1))
    for half in (slice(0, 20), slice(20, 40)):
        assert len(labels[half].unique()) == 1
        assert len((mirrored[half] ^ turn[half]).unique()) == 1
    assert labels[0] != labels[20]


def test_upper_parts_lean() -> None:
    outlines = torch.zeros(2, 1, 9, 9)
    outlines[:, :, 3:, 2:7] = 1.0
    outlines[0, :, :3, 6:] = 1.0
    outlines[1, :, :3, :3] = 1.0
    assert clusters.leans_left(outlines).tolist() == [False, True]


def test_stances_are_normal_within_a_parent() -> None:
    rng = torch.Generator().manual_seed(0)
    child = torch.arange(400) % 4
    by = torch.randn(400, 2, generator=rng)
    by[:, 0] = by[:, 0].sign() + 0.1 * by[:, 1]  # raised or not
    axes = torch.randn(2, 2, 16, generator=rng) * torch.tensor([[3.0], [0.5]])
    moved = torch.einsum("nk,nkd->nd", by, axes[child // 2])
    outlines = (5 * torch.randn(4, 16, generator=rng)[child] + moved).reshape(-1, 1, 4, 4)
    stance = clusters.stances_of(outlines, child, child // 2, 2)
    for parent in (0, 1):
        own = stance[child // 2 == parent]
        torch.testing.assert_close(own.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
        torch.testing.assert_close(own.std(0), torch.ones(2), atol=0.05, rtol=0)
        raised = by[child // 2 == parent, 0] > 0
        agree = ((own[:, 0] > 0) == raised).float().mean()
        assert max(agree, 1 - agree) > 0.9, "what differs most comes first"


@pytest.mark.parametrize(("children", "parents"), [(4, 2), (5, 2), (7, 3), (3, 3)])
def test_alike_children_are_of_one_parent(children: int, parents: int) -> None:
    rule = clusters.parent_of(torch.arange(children), children, parents)
    rng = torch.Generator().manual_seed(0)
    kinds, order = torch.randn(parents, 1, 4, 4, generator=rng), torch.randperm(children)
    outlines = kinds[rule] + 0.01 * torch.randn(children, 1, 4, 4, generator=rng)
    outlines[1] = outlines[1].flip(2)
    numbers, flipped = clusters.related(outlines[order], parents).unbind(1)
    assert sorted(numbers.tolist()) == list(range(children))
    family = clusters.parent_of(numbers, children, parents)
    same = family[:, None] == family
    assert torch.equal(same, rule[order][:, None] == rule[order])
    beside = flipped.bool() ^ (order == 1)
    for parent in range(parents):
        assert len(beside[family == parent].unique()) == 1, "all the same way round"


def test_objects_that_tilt_alike_may_face_two_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(0)
    count, side = 200, clusters.SIDE
    left, tilt = torch.rand(count, generator=rng) < 0.5, 34 * torch.rand(count, generator=rng) - 17
    at = (torch.arange(side) + 0.5) / side * 2 - 1
    y, x = torch.meshgrid(at, at, indexing="ij")
    body = ((x / 0.3) ** 2 + (y / 0.8) ** 2 < 1).float()
    beak = ((x - 0.35) ** 2 + (y + 0.5) ** 2 < 0.03).float() * (1 - body)
    right = torch.stack([body + beak, body, body + beak]) - 1
    upright = torch.where(left[:, None, None, None], right.flip(2), right)
    shown = [
        clusters.tilted(one[None] + 1, float(by)) for one, by in zip(upright, tilt, strict=True)
    ]
    pictures = torch.cat(shown) - 1
    mask = (pictures[:, 0] > -0.5).float().flatten(1)
    boxes = torch.tensor([[0.0, 0.0, side, side]]).expand(count, 4)

    def told() -> float:
        """The share right, starting from those that tilt alike."""
        given = (pictures, mask, boxes, torch.zeros(count, dtype=torch.int64), tilt > 0)
        share = (clusters.facing(*given) == left).float().mean().item()
        return max(share, 1 - share)

    assert told() > 0.98
    monkeypatch.setattr(clusters, "TILTS", (0.0,))
    assert told() < 0.8
