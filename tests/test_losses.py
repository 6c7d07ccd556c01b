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


def test_scales_are_summed_each_with_its_own_mean() -> None:
    real = (torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0]]))
    fake = (torch.tensor([[0.0, 2.0]]), torch.tensor([[-1.0]]))
    assert losses.over_scales(losses.lsgan_d, real, fake).item() == (2 + 2) + (1 + 1)
    assert losses.over_scales(losses.lsgan_g, fake).item() == (1 + 1) / 2 + 4
    with pytest.raises(ValueError, match="shorter"):
        losses.over_scales(losses.lsgan_d, real, fake[:1])


def test_kl_to_normal_is_the_mean_square() -> None:
    assert losses.kl_to_normal(torch.tensor([[1.0, -2.0], [0.0, 3.0]])).item() == (1 + 4 + 9) / 4


def test_energy_to_normal_is_smallest_for_normal_vectors() -> None:
    torch.manual_seed(0)
    x = torch.randn(2_000, 8)
    normal, small, large, shifted = (
        losses.energy_to_normal(some, 2_000).item() for some in (x, 0.2 * x, 3 * x, x + 1)
    )
    assert abs(normal) < 0.02
    assert min(small, large, shifted) > 0.3


def test_energy_to_normal_is_unbiased_in_batches_of_two() -> None:
    torch.manual_seed(0)
    pairs = [losses.energy_to_normal(torch.randn(2, 8)) for _ in range(4_000)]
    assert abs(torch.stack(pairs).mean().item()) < 0.05


def test_energy_to_normal_parts_vectors_that_agree() -> None:
    torch.manual_seed(0)
    x = (0.01 * torch.randn(4, 8)).requires_grad_(True)
    losses.energy_to_normal(x).backward()
    assert x.grad is not None
    assert (x.grad * x.detach()).sum() < 0


def test_energy_to_normal_needs_two() -> None:
    with pytest.raises(ValueError, match="two of it or more, got 1"):
        losses.energy_to_normal(torch.zeros(1, 8))


def test_perceptual_compares_what_is_left_of_features_without_mean_and_scale() -> None:
    a, b = torch.tensor([1.0, -1.0, 1.0, -1.0]), torch.tensor([1.0, 1.0, -1.0, -1.0])
    a, b = a.reshape(1, 1, 2, 2), b.reshape(1, 1, 2, 2)
    assert losses.perceptual(lambda x: x, a, b).item() == pytest.approx(2.0, rel=1e-4)
    assert losses.perceptual(lambda x: x, a, 3 * a + 5).item() < 1e-8
    squared = losses.perceptual(torch.square, a + 1, b + 1).item()
    assert squared == pytest.approx(2.0, rel=1e-4)


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
        losses.kl_to_normal(one),
        losses.energy_to_normal(one),
        losses.over_scales(losses.lsgan_d, [one, one], [other, other]),
        losses.perceptual(lambda x: x[:, :, None, None] * weight.new_ones(2, 2), one, other),
        losses.classification(one, label),
        losses.label_critic_real(one, label),
        losses.flag_classification(one, other),
        losses.bce(one, other, one),
        losses.pair_gradient_penalty(
            [lambda x, y: weight * x * y], [one, one], [other, other], [one[:, 0]] * 2
        ),
        losses.r1(lambda x: weight * x.square(), one),
        losses.gradient_penalty(lambda x: weight * x, one, other, one[:, :1]),
    ]
    assert {loss.dtype for loss in found} == {expected}


def test_bce_of_numbers_and_of_targets() -> None:
    logits, target = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.25]])
    assert losses.bce(logits, 1.0).item() == pytest.approx((softplus(-2) + softplus(1)) / 2)
    assert losses.bce(logits, 0.0).item() == pytest.approx((softplus(2) + softplus(-1)) / 2)
    expected = (softplus(-2) + 0.25 * softplus(1) + 0.75 * softplus(-1)) / 2
    assert losses.bce(logits, target).item() == pytest.approx(expected)


def test_weighted_bce_is_the_mean_over_what_the_weights_leave() -> None:
    """mean(w·BCE)·N / Σ w: masked patches neither count nor thin out the others."""
    logits, w = torch.tensor([2.0, -1.0, 7.0, 9.0]), torch.tensor([1.0, 0.5, 0.0, 0.0])
    logits.requires_grad_(True)
    expected = (softplus(-2) + 0.5 * softplus(1)) / 1.5
    loss = losses.bce(logits, 1.0, w)
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert logits.grad is not None and logits.grad[2:].eq(0).all() and logits.grad[:2].lt(0).all()
    assert losses.bce(logits, 1.0, torch.zeros(4)).item() == 0


def test_boxes_hide_the_patches_that_touch_them() -> None:
    """Official: 24 patches of 34 pixels, 4 apart, in a picture of 126."""
    boxes = torch.tensor([[40.0, 0.0, 80.0, 125.0], [40.0, 90.0, 41.0, 91.0]])
    first, second = losses.patch_weights(boxes, 24, 34, 4)[:, 0]
    hidden = [row for row in range(24) if not first[row].any()]
    assert hidden == list(range(2, 21))  # ⌈(40 - 34) / 4⌉ to ⌊80 / 4⌋
    assert first[:2].all() and first[21:].all()
    rows, columns = (1 - second).any(1).nonzero()[:, 0], (1 - second).any(0).nonzero()[:, 0]
    assert rows.tolist() == list(range(2, 11)) and columns.tolist() == list(range(14, 23))


def test_hidden_patches_are_those_that_see_the_box() -> None:
    """For any size: of all patches that see a pixel of the box none may count as background."""
    field, stride, patches = 16, 2, 9
    box = torch.tensor([[7.0, 3.0, 12.0, 5.0]])
    weights = losses.patch_weights(box, patches, field, stride)
    assert weights.shape == (1, 1, patches, patches)
    for row in range(patches):
        sees = stride * row + field > 7 and stride * row <= 12
        assert not (sees and weights[0, 0, row, 0])


def test_a_box_without_an_area_hides_nothing() -> None:
    boxes = torch.tensor([[20.0, 30.0, 20.0, 60.0], [20.0, 30.0, 60.0, 30.0], [0.0] * 4])
    assert losses.patch_weights(boxes, 24, 34, 4).all()


@pytest.mark.parametrize(
    ("child", "children", "parents", "expected"),
    [(199, 200, 20, 19), (0, 200, 20, 0), (10, 200, 20, 1), (195, 196, 20, 19), (119, 120, 12, 11)],
)
def test_parents_of_children(child: int, children: int, parents: int, expected: int) -> None:
    assert losses.parent_of(torch.tensor([child]), children, parents).tolist() == [expected]


@pytest.mark.parametrize(("children", "parents"), [(196, 20), (200, 20), (7, 3), (3, 3)])
def test_every_parent_has_about_as_many_children(children: int, parents: int) -> None:
    found = losses.parent_of(torch.arange(children), children, parents)
    counts = found.bincount(minlength=parents)
    assert len(counts) == parents and counts.max() - counts.min() <= 1 and found.diff().min() >= 0


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


def test_pair_penalty_of_linear_critics_has_a_term_for_each_input() -> None:
    """Four critics ⟨a, x⟩ + ⟨b_k, y_k⟩: eight terms, the code of one critic is not another's."""
    slopes = [torch.tensor([0.5, 2.0]), torch.tensor([3.0]), torch.tensor([0.0, 0.1, 0.2])]

    def critic(scale: float, slope: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda x, y: scale * (x * SLOPE).sum((1, 2, 3)) + (y * slope).sum(1)

    critics = [critic(k + 1.0, slope) for k, slope in enumerate(slopes)]
    real = [torch.randn(2, *SHAPE), *(torch.randn(2, len(slope)) for slope in slopes)]
    fake = [torch.randn_like(tensor) for tensor in real]
    penalty = losses.pair_gradient_penalty(critics, real, fake, torch.rand(4, 2))
    expected = sum(
        ((k + 1) * SLOPE.norm().item() - 1) ** 2 + (slope.norm().item() - 1) ** 2
        for k, slope in enumerate(slopes)
    )
    assert penalty.item() == pytest.approx(expected, rel=1e-5)


def test_pair_penalty_takes_every_tensor_with_its_own_alpha() -> None:
    """Of D(x, y) = |x|² / 2 + |y|² / 2 the gradients are x and y: where each was taken."""
    real = [torch.full((1, 1, 1, 1), 4.0), torch.full((1, 1), 4.0)]
    fake = [torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1), 2.0)]
    alpha = [torch.tensor([1.0]), torch.tensor([0.25])]
    penalty = losses.pair_gradient_penalty(
        [lambda x, y: x.square().sum((1, 2, 3)) / 2 + y.square().sum(1) / 2], real, fake, alpha
    )
    assert penalty.item() == pytest.approx((4 - 1) ** 2 + (2.5 - 1) ** 2)


def test_pair_penalty_trains_the_critics_also_where_they_are_flat() -> None:
    a = torch.tensor(0.0, requires_grad=True)
    pair = [torch.ones(2, 1, 1, 1), torch.ones(2, 1)]
    losses.pair_gradient_penalty(
        [lambda x, y: a * (x.sum((1, 2, 3)) + y.sum(1))], pair, pair, torch.rand(2, 2)
    ).backward()
    assert a.grad is not None and a.grad.item() == pytest.approx(-4)
    assert all(tensor.grad is None for tensor in pair)
