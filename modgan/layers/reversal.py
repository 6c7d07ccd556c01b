"""Gradients that turn round. Axes: any."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grads[0], None


def reversed_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """x itself, whose gradient is −strength times what comes back.

    What stands behind it learns a loss and what stands before it unlearns it, in one update: an
    encoder hides what a critic looks for (Ganin & Lempitsky, ICML 2015).
    """
    reversed_x: Tensor = _Reversal.apply(x, strength)  # type: ignore[no-untyped-call]
    return reversed_x
