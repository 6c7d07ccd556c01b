"""Distances of pictures on a judge's maps, against their formula."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
import torch.nn.functional as F

from modgan.components import AttributeCoder
from modgan.metrics.perceptual import maps, pooled, spread
from modgan.spec import image


def judge() -> AttributeCoder:
    return AttributeCoder(image(16), {"domain": ["a", "b"]}, 8)


def test_maps_are_what_the_judge_reads_its_features_from() -> None:
    Q, x = judge(), torch.randn(3, 3, 16, 16)
    first, second, third = maps(Q, x)
    assert [each.shape[1:] for each in (first, second)] == [(8, 8, 8), (16, 4, 4)]
    torch.testing.assert_close(Q.body[3:](third), Q.body(x))
    whole = pooled(Q, x)
    torch.testing.assert_close(whole[:, :8], first.mean((2, 3)))
    torch.testing.assert_close(whole[:, 24:], third.mean((2, 3)))


def test_spread_is_the_mean_over_all_pairs() -> None:
    Q, x = judge(), torch.randn(2, 4, 3, 16, 16)
    unit = [[F.normalize(each, dim=1) for each in maps(Q, versions)] for versions in x]
    expected = [
        sum(
            (each[i] - each[j]).square().sum(0).mean() / 12
            for each in seen
            for i, j in permutations(range(4), 2)
        )
        for seen in unit
    ]
    torch.testing.assert_close(spread(Q, x), torch.stack(expected))


def test_alike_pictures_are_not_apart() -> None:
    Q, one = judge(), torch.randn(3, 1, 3, 16, 16)
    assert spread(Q, one.expand(-1, 5, -1, -1, -1)).max() < 1e-5
    with pytest.raises(ValueError) as error:
        spread(Q, one)
    assert str(error.value) == (
        "spread: expected (B, K, 3, H, W) with two versions or more, got (3, 1, 3, 16, 16)"
    )
