"""Layers: values recomputed by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modgan.layers import (
    AdainBlock,
    GatedBlock,
    GatedGrowth,
    Noise,
    PreactBlock,
    ReflectBlock,
    ResidualBlock,
    SampleNorm,
    adain,
    conv,
    instance_norm,
    kaiming_init,
    leaky_norm,
    noised,
    orthogonal_init,
    plain_conv,
    reflect_conv,
    resized,
    reversed_gradient,
    same_block,
    up_block,
    upconv,
)


def normed(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (var + 1e-5).sqrt() * scale[:, None, None] + shift[:, None, None]


def shaken(module: nn.Module) -> nn.Module:
    """The module with parameters away from 0 and 1, so that none can be forgotten unseen."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn_like(p) / 3)
    return module


def test_instance_norm_uses_the_instance_in_evaluation_too() -> None:
    norm = shaken(instance_norm(4))
    x = 3 * torch.randn(2, 4, 5, 6) + 1
    expected = normed(x, *norm.parameters())
    torch.testing.assert_close(norm(x), expected)
    torch.testing.assert_close(norm.eval()(x), expected)
    assert set(norm.state_dict()) == {"weight", "bias"}


def test_conv_is_conv_norm_relu() -> None:
    block = shaken(conv(3, 4, 4, 2))
    x = torch.randn(2, 3, 8, 8)
    weight, scale, shift = block.parameters()
    expected = F.relu(normed(F.conv2d(x, weight, stride=2, padding=1), scale, shift))
    torch.testing.assert_close(block(x), expected)
    assert block(x).shape == (2, 4, 4, 4)


def test_upconv_is_transposed_conv_norm_relu() -> None:
    block = shaken(upconv(4, 3))
    x = torch.randn(2, 4, 5, 5)
    weight, scale, shift = block.parameters()
    expected = F.relu(normed(F.conv_transpose2d(x, weight, stride=2, padding=1), scale, shift))
    torch.testing.assert_close(block(x), expected)
    assert block(x).shape == (2, 3, 10, 10)


def test_residual_block_adds_without_a_last_activation() -> None:
    block = shaken(ResidualBlock(4))
    x = torch.randn(2, 4, 6, 6)
    w1, s1, b1, w2, s2, b2 = block.parameters()
    h = F.relu(normed(F.conv2d(x, w1, padding=1), s1, b1))
    expected = x + normed(F.conv2d(h, w2, padding=1), s2, b2)
    torch.testing.assert_close(block(x), expected)
    assert block(x).min() < 0


def test_preact_block_keeps_its_input_and_starts_near_the_identity() -> None:
    block = PreactBlock(4)
    x = torch.randn(2, 4, 6, 6)
    kept = x.clone()
    w1, b1, w2, b2 = block.parameters()
    h = F.conv2d(F.leaky_relu(x, 0.2), w1, b1, padding=1)
    expected = x + F.conv2d(F.leaky_relu(h, 0.2), w2, b2, padding=1)
    torch.testing.assert_close(block(x), expected)
    assert torch.equal(x, kept)
    assert w2.abs().max() <= 0.1 / (9 * 4) ** 0.5 < w1.abs().max()
    assert (block(x) - x).norm() < 0.3 * x.norm()


def plain(x: Tensor) -> Tensor:
    """Instance norm without weights."""
    return normed(x, torch.ones(x.shape[1]), torch.zeros(x.shape[1]))


def test_plain_conv_norms_without_weights() -> None:
    block = shaken(plain_conv(nn.Conv2d(3, 4, 3, 2, 1)))
    weight, bias = block.parameters()
    x = torch.randn(2, 3, 8, 8)
    expected = F.relu(plain(F.conv2d(x, weight, bias, stride=2, padding=1)))
    torch.testing.assert_close(block(x), expected)
    torch.testing.assert_close(block.eval()(x), expected)


def test_reflect_block_is_a_residual_over_reflected_borders() -> None:
    block = shaken(ReflectBlock(4))
    w1, b1, w2, b2 = block.parameters()
    x = torch.randn(2, 4, 5, 6)

    def reflected(y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), weight, bias)

    h = F.relu(plain(reflected(x, w1, b1)))
    torch.testing.assert_close(block(x), x + plain(reflected(h, w2, b2)))


def batch_normed(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, scale, shift, training=True)


def gate(x: Tensor) -> Tensor:
    value, opened = x.chunk(2, 1)
    return value * torch.sigmoid(opened)


def test_gated_blocks_halve_what_their_convolution_gives() -> None:
    x = torch.randn(2, 3, 4, 4)
    for block, read in ((same_block(3, 5), x), (up_block(3, 5), F.interpolate(x, scale_factor=2))):
        weight, scale, shift = shaken(block).parameters()
        expected = gate(batch_normed(F.conv2d(read, weight, padding=1), scale, shift))
        torch.testing.assert_close(block(x), expected)
        assert block(x).shape == (2, 5, *read.shape[2:])


def test_gated_block_adds_without_a_last_activation() -> None:
    block = shaken(GatedBlock(4))
    w1, s1, b1, w2, s2, b2 = block.parameters()
    x = torch.randn(2, 4, 6, 6)
    h = gate(batch_normed(F.conv2d(x, w1, padding=1), s1, b1))
    expected = x + batch_normed(F.conv2d(h, w2, padding=1), s2, b2)
    torch.testing.assert_close(block(x), expected)


def test_gated_growth_starts_at_4_and_doubles_for_every_further_width() -> None:
    grow = shaken(GatedGrowth(5, (6, 4, 3)))
    x = torch.randn(4, 5)
    assert grow(x).shape == (4, 3, 16, 16)
    weight, scale, shift = list(grow.parameters())[:3]
    start = gate(batch_normed(x @ weight.T, scale, shift)).reshape(4, 6, 4, 4)
    torch.testing.assert_close(grow(x), grow.get_submodule("grow")(start))


def test_leaky_norm_is_conv_norm_leaky_relu() -> None:
    block = shaken(leaky_norm(3, 4, 4, 2))
    weight, scale, shift = block.parameters()
    x = torch.randn(2, 3, 8, 8)
    expected = batch_normed(F.conv2d(x, weight, stride=2, padding=1), scale, shift)
    torch.testing.assert_close(block(x), F.leaky_relu(expected, 0.2))


def test_noise_is_drawn_anew_in_evaluation_too() -> None:
    noise = Noise(0.5).eval()
    x = torch.ones(20_000)
    first, second = noise(x), noise(x)
    assert not torch.equal(first, second) and not list(noise.parameters())
    assert abs(first.mean() - 1) < 0.02 and abs(first.std() - 0.5) < 0.02
    assert torch.equal(Noise(0.0)(x), x)


def test_resized_keeps_the_corners() -> None:
    ramp = torch.arange(9.0).expand(1, 1, 9, 9)
    smaller = resized(ramp, 5)
    torch.testing.assert_close(smaller[0, 0, 0], torch.tensor([0.0, 2.0, 4.0, 6.0, 8.0]))


def test_orthogonal_init() -> None:
    block = nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.Linear(6, 4))
    conv_bias = block[0].get_parameter("bias").clone()
    orthogonal_init(block)
    for layer in (block[0], block[2]):
        rows = layer.get_parameter("weight").flatten(1)
        small = min(rows.shape)
        gram = rows @ rows.T if len(rows) == small else rows.T @ rows
        torch.testing.assert_close(gram, torch.eye(small), rtol=0, atol=1e-5)
    scale = block[1].get_parameter("weight")
    assert 0 < (scale - 1).abs().max() < 0.1
    assert not block[1].get_parameter("bias").any() and not block[2].get_parameter("bias").any()
    assert torch.equal(block[0].get_parameter("bias"), conv_bias)


def test_sample_norm_adds_epsilon_to_the_unbiased_deviation() -> None:
    norm = shaken(SampleNorm(3))
    gamma, beta = norm.parameters()
    x = 3 * torch.randn(2, 3, 4, 4) + 1
    for at, sample in enumerate(x):
        deviation = ((sample - sample.mean()).square().sum() / (sample.numel() - 1)).sqrt()
        scaled = (sample - sample.mean()) / (deviation + 1e-5)
        expected = scaled * gamma[:, None, None] + beta[:, None, None]
        torch.testing.assert_close(norm(x)[at], expected)


def test_sample_norm_of_what_hardly_varies() -> None:
    """Of a deviation of 1e-5 epsilon leaves half; inside the root it would leave 0.3%."""
    norm = SampleNorm(3)
    nn.init.ones_(norm.gamma)
    x = torch.randn(1, 3, 8, 8)
    x = (x - x.mean()) / x.std()
    torch.testing.assert_close(norm(1e-5 * x), x / 2, rtol=1e-3, atol=1e-3)
    assert not norm(torch.zeros(1, 3, 4, 4)).any()


def test_sample_norm_is_not_group_norm() -> None:
    """48 elements: the biased deviation of group norm with one group is 1% smaller."""
    norm, other = SampleNorm(3), nn.GroupNorm(1, 3)
    nn.init.ones_(norm.gamma)
    x = torch.randn(2, 3, 4, 4)
    assert 0.005 < (norm(x) - other(x)).abs().max() < 0.1
    torch.testing.assert_close(norm(x) * (48 / 47) ** 0.5, other(x), rtol=1e-3, atol=1e-3)


def test_sample_norm_starts_with_scales_in_0_to_1() -> None:
    gamma, beta = SampleNorm(20_000).parameters()
    assert 0 <= gamma.min() < 0.01 and 0.99 < gamma.max() < 1 and abs(gamma.mean() - 0.5) < 0.01
    assert not beta.any()


def test_adain_scales_and_shifts_every_sample_by_its_own() -> None:
    x = 3 * torch.randn(2, 4, 5, 6) + 1
    scale, shift = torch.randn(2, 2, 4, 1, 1).unbind()
    for at in range(2):
        expected = normed(x[at : at + 1], scale[at, :, 0, 0], shift[at, :, 0, 0])
        torch.testing.assert_close(adain(x, scale, shift)[at : at + 1], expected)


def test_adain_block_takes_scale_and_shift_of_the_first_norm_then_of_the_second() -> None:
    block = shaken(AdainBlock(4))
    w1, b1, w2, b2 = block.parameters()
    x, modulation = torch.randn(2, 4, 5, 6), torch.randn(2, 2, 2, 4, 1, 1)

    def reflected(y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), weight, bias)

    h = F.relu(plain(reflected(x, w1, b1)) * modulation[0, 0] + modulation[0, 1])
    expected = x + plain(reflected(h, w2, b2)) * modulation[1, 0] + modulation[1, 1]
    torch.testing.assert_close(block(x, modulation), expected)
    assert block(x, modulation).min() < 0


@pytest.mark.parametrize(("kernel", "stride", "side"), [(7, 1, 8), (5, 1, 8), (3, 1, 8), (4, 2, 4)])
def test_reflect_conv_keeps_or_halves_the_side(kernel: int, stride: int, side: int) -> None:
    layer = reflect_conv(1, 1, kernel, stride)
    x = torch.ones(1, 1, 8, 8)
    assert layer(x).shape == (1, 1, side, side)
    torch.testing.assert_close(layer(x), layer(x)[..., :1, :1].expand(1, 1, side, side))


@pytest.mark.parametrize("strength", [1.0, 0.25, 0.0])
def test_reversed_gradient_keeps_the_value_and_turns_the_gradient(strength: float) -> None:
    x = torch.randn(3, requires_grad=True)
    y = reversed_gradient(x, strength)
    assert torch.equal(y, x)
    (grad,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    torch.testing.assert_close(grad, -strength * 2 * x)
    if strength:
        (second,) = torch.autograd.grad(grad.sum(), x)
        torch.testing.assert_close(second, (strength**2 * 2) * torch.ones(3))


def test_a_critic_behind_a_reversal_learns_what_the_encoder_unlearns() -> None:
    encoder, critic = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    x, target = torch.ones(1, 1), torch.zeros(1, 1)
    parameters = [*encoder.parameters(), *critic.parameters()]
    plain_ = torch.autograd.grad((critic(encoder(x)) - target).square().sum(), parameters)
    loss = (critic(reversed_gradient(encoder(x), 0.5)) - target).square().sum()
    turned = torch.autograd.grad(loss, parameters)
    torch.testing.assert_close(turned[0], -0.5 * plain_[0])
    torch.testing.assert_close(turned[1], plain_[1])


def test_noised_has_unit_variance_and_lets_gradients_through() -> None:
    x = torch.full((20_000,), 3.0, requires_grad=True)
    y = noised(x)
    assert abs(y.mean() - 3) < 0.03 and abs(y.std() - 1) < 0.03
    assert not torch.equal(y, noised(x))
    (grad,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(grad, torch.ones(20_000))


def test_kaiming_init() -> None:
    block = nn.Sequential(nn.Conv2d(64, 64, 3), SampleNorm(64), nn.Linear(500, 100))
    gamma = block[1].get_parameter("gamma").clone()
    kaiming_init(block)
    for layer, inputs in ((block[0], 576), (block[2], 500)):
        weight = layer.get_parameter("weight")
        assert weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.02)
        assert not layer.get_parameter("bias").any()
    assert torch.equal(block[1].get_parameter("gamma"), gamma)
