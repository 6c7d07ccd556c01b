"""Losses against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from modgan import losses

REAL, FAKE = torch.tensor([[2.0], [0.5]]), torch.tensor([[-1.0], [3.0]])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.wgan_d, 1.0 - 1.25),
        (losses.lsgan_d, (1 + 0.25) / 2 + (1 + 9) / 2),
        (
            losses.logistic_d,
            (softplus(-2) + softplus(-0.5)) / 2 + (softplus(-1) + softplus(3)) / 2,
        ),
        (losses.hinge_d, (0 + 0.5) / 2 + (0 + 4) / 2),
    ],
)
def test_critic_side(loss: Callable[[Tensor, Tensor], Tensor], expected: float) -> None:
    assert loss(REAL, FAKE).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.wgan_g, -1.0),
        (losses.lsgan_g, (4 + 4) / 2),
        (losses.logistic_g, (softplus(1) + softplus(-3)) / 2),
        (losses.hinge_g, -1.0),
    ],
)
def test_generator_side(loss: Callable[[Tensor], Tensor], expected: float) -> None:
    assert loss(FAKE).item() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["wgan", "lsgan", "logistic", "hinge"])
def test_both_sides_pull_the_fake_score_in_opposite_directions(name: str) -> None:
    fake = torch.tensor([[0.25]], requires_grad=True)
    (up,) = torch.autograd.grad(getattr(losses, f"{name}_g")(fake), fake)
    (down,) = torch.autograd.grad(getattr(losses, f"{name}_d")(REAL, fake), fake)
    assert up.item() < 0 < down.item()


def test_l1_is_the_mean_over_all_elements() -> None:
    a, b = torch.tensor([[1.0, -2.0], [0.0, 4.0]]), torch.tensor([[0.0, 2.0], [0.0, 1.0]])
    assert losses.l1(a, b).item() == (1 + 4 + 0 + 3) / 4


def test_classification_is_cross_entropy() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)], [math.log(2.0), 0.0]])
    expected = (-math.log(3 / 4) - math.log(1 / 3)) / 2
    assert losses.classification(logits, torch.tensor([1, 1])).item() == pytest.approx(expected)


def test_flag_classification_sums_over_labels_and_averages_over_the_batch() -> None:
    logits, flags = torch.tensor([[2.0, -1.0], [0.5, 0.0]]), torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    expected = (softplus(-2) + softplus(1) + softplus(0.5) + softplus(0)) / 2
    assert losses.flag_classification(logits, flags).item() == pytest.approx(expected)
    assert losses.flag_classification(logits, flags.to(torch.int64)).item() == pytest.approx(
        expected
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_losses_never_compute_in_16_bits(given: torch.dtype, expected: torch.dtype) -> None:
    one, other = torch.ones(2, 2, dtype=given), torch.zeros(2, 2, dtype=given)
    label, weight = torch.tensor([0, 1]), torch.ones((), dtype=expected)
    found = [
        *(
            getattr(losses, f"{name}_d")(one, other)
            for name in ("wgan", "lsgan", "logistic", "hinge")
        ),
        *(getattr(losses, f"{name}_g")(one) for name in ("wgan", "lsgan", "logistic", "hinge")),
        losses.l1(one, other),
        losses.classification(one, label),
        losses.label_critic_real(one, label),
        losses.flag_classification(one, other),
        losses.r1(lambda x: weight * x.square(), one),
        losses.gradient_penalty(lambda x: weight * x, one, other, one[:, :1]),
    ]
    assert {loss.dtype for loss in found} == {expected}


PATCHES, SHAPE = 5, (1, 2, 3)
SLOPE = torch.tensor([[0.5, -1.0, 0.25], [2.0, 0.0, -0.5]])


def linear(x: Tensor) -> Tensor:
    """A critic with the same linear score ⟨a, x⟩ in each of K patches: (B, 1, 1, K)."""
    score = (x * SLOPE).sum((1, 2, 3))
    return score[:, None, None, None].expand(-1, 1, 1, PATCHES)


def test_gradient_penalty_of_a_linear_critic() -> None:
    real, fake = torch.randn(3, *SHAPE), torch.randn(3, *SHAPE)
    penalty = losses.gradient_penalty(linear, real, fake, torch.rand(3, 1, 1, 1))
    assert penalty.item() == pytest.approx((PATCHES * SLOPE.norm().item() - 1) ** 2, rel=1e-5)


def test_gradient_penalty_is_taken_between_real_and_fake_per_sample() -> None:
    """Of D(x) = |x|² / 2 the gradient is x itself, so the penalty tells where it was taken."""
    real, fake = torch.full((2, 1, 1, 1), 4.0), torch.full((2, 1, 1, 1), 2.0)
    alpha = torch.tensor([1.0, 0.25]).view(2, 1, 1, 1)
    penalty = losses.gradient_penalty(lambda x: x.square() / 2, real, fake, alpha)
    assert penalty.item() == pytest.approx(((4 - 1) ** 2 + (2.5 - 1) ** 2) / 2)


def test_gradient_penalty_trains_the_critic_and_not_the_pictures() -> None:
    a = torch.tensor(3.0, requires_grad=True)
    real, fake = torch.ones(2, 1, 1, 1, requires_grad=True), torch.zeros(2, 1, 1, 1)
    losses.gradient_penalty(lambda x: a * x, real, fake, torch.rand(2, 1, 1, 1)).backward()
    assert a.grad is not None and a.grad.item() == pytest.approx(2 * (3 - 1))
    assert real.grad is None


def test_r1_of_a_linear_critic() -> None:
    expected = PATCHES**2 * SLOPE.norm().item() ** 2 / 2
    assert losses.r1(linear, torch.randn(3, *SHAPE)).item() == pytest.approx(expected, rel=1e-5)


def test_r1_trains_the_critic_and_not_the_pictures() -> None:
    a = torch.tensor(3.0, requires_grad=True)
    real = torch.ones(2, 1, 1, 1, requires_grad=True)
    losses.r1(lambda x: a * x, real).backward()  # a² / 2
    assert a.grad is not None and a.grad.item() == pytest.approx(3.0)
    assert real.grad is None
