"""Layers: values recomputed by hand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modgan.layers import (
    PreactBlock,
    ReflectBlock,
    ResidualBlock,
    conv,
    instance_norm,
    plain_conv,
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
