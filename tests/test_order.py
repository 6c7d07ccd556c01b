"""The order of samples: every epoch each one once, from anywhere."""

from __future__ import annotations

import pytest
import torch

from modgan.data.order import draw, seed_of
from modgan.data.portraits import Portraits

DATA = Portraits(7, 16, seed=0)


def test_every_epoch_has_each_sample_once() -> None:
    epochs = draw(DATA, 0, 21, seed=3).view(3, 7)
    assert all(sorted(epoch.tolist()) == list(range(7)) for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])


@pytest.mark.parametrize(("position", "count"), [(0, 3), (5, 4), (6, 16), (20, 1)])
def test_any_window_is_the_same_seen_from_anywhere(position: int, count: int) -> None:
    whole = draw(DATA, 0, 40, seed=3)
    assert torch.equal(draw(DATA, position, count, seed=3), whole[position : position + count])


def test_far_positions_cost_nothing() -> None:
    assert draw(DATA, 10**12, 5, seed=3).shape == (5,)


def test_seeds_differ_in_every_number() -> None:
    seeds = {seed_of(*numbers) for numbers in [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0)]}
    assert len(seeds) == 6 and all(0 <= seed < 2**63 for seed in seeds)
