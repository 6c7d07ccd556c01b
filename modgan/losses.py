"""Losses: plain functions from tensors to a scalar, in float32 or more whatever the parts use.

Axes: B batch, n labels, h w patches.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor


def wgan_d(real: Tensor, fake: Tensor) -> Tensor:
    """mean D(fake) − mean D(real), the critic's side (Arjovsky et al. 2017)."""
    return _wide(fake).mean() - _wide(real).mean()


def wgan_g(fake: Tensor) -> Tensor:
    """−mean D(fake), the generator's side."""
    return -_wide(fake).mean()


def lsgan_d(real: Tensor, fake: Tensor) -> Tensor:
    """mean (D(real) − 1)² + mean D(fake)² (Mao et al. 2017)."""
    return (_wide(real) - 1).square().mean() + _wide(fake).square().mean()


def lsgan_g(fake: Tensor) -> Tensor:
    """mean (D(fake) − 1)², the generator's side."""
    return (_wide(fake) - 1).square().mean()


def logistic_d(real: Tensor, fake: Tensor) -> Tensor:
    """mean softplus(−D(real)) + mean softplus(D(fake)) (Goodfellow et al. 2014)."""
    return F.softplus(-_wide(real)).mean() + F.softplus(_wide(fake)).mean()


def logistic_g(fake: Tensor) -> Tensor:
    """mean softplus(−D(fake)), the non-saturating generator's side."""
    return F.softplus(-_wide(fake)).mean()


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """mean max(0, 1 − D(real)) + mean max(0, 1 + D(fake)) (Lim & Ye 2017)."""
    return F.relu(1 - _wide(real)).mean() + F.relu(1 + _wide(fake)).mean()


def hinge_g(fake: Tensor) -> Tensor:
    """−mean D(fake), the generator's side."""
    return -_wide(fake).mean()


def label_critic_real(logits: Tensor, label: Tensor) -> Tensor:
    """mean softplus(−s_label) + ½ mean softplus(s_other), logits (B, n) of real pictures.

    A real picture counts as real under its own label and as fake under every other (the
    wrong-label pairs of Reed et al. 2016), so that the critic of a label learns what it means.
    """
    own, logits = F.one_hot(label, logits.shape[1]).bool(), _wide(logits)
    return F.softplus(-logits[own]).mean() + F.softplus(logits[~own]).mean() / 2


def of_label(logits: Tensor, label: Tensor) -> Tensor:
    """The logit (B,) of each sample's label, from (B, n)."""
    return logits[torch.arange(len(label), device=label.device), label]


def l1(a: Tensor, b: Tensor) -> Tensor:
    """mean |a − b| over all elements."""
    return (_wide(a) - _wide(b)).abs().mean()


def classification(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of logits (B, n) against label indices (B,), mean over the batch."""
    return F.cross_entropy(_wide(logits), label)


def flag_classification(logits: Tensor, flags: Tensor) -> Tensor:
    """Binary cross-entropy of logits (B, n) against flags (B, n) of 0 and 1, summed, over B.

    The sum over labels and mean over the batch is StarGAN's, for CelebA (Choi et al. 2018).
    """
    wide = _wide(logits)
    total = F.binary_cross_entropy_with_logits(wide, flags.to(wide), reduction="sum")
    return total / len(logits)


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, alpha: Tensor
) -> Tensor:
    """mean over the batch of (‖∇ Σ critic(x̂)‖₂ − 1)² at x̂ = alpha·real + (1 − alpha)·fake.

    `alpha` is (B, 1, 1, 1) in 0..1; the sum runs over all patches of a sample
    (Gulrajani et al. 2017, with StarGAN's sum over patch scores).
    """
    grad = slope(critic, alpha * real + (1 - alpha) * fake)
    norms: Tensor = rearrange(grad, "b ... -> b (...)").norm(dim=1)
    return (norms - 1).square().mean()


def r1(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Half the mean over the batch of ‖∇ Σ critic(real)‖₂² (Mescheder et al. 2018)."""
    norms: Tensor = reduce(slope(critic, real).square(), "b ... -> b", "sum")
    return norms.mean() / 2


def slope(critic: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """∇ Σ critic(pictures) with its graph; never in 16 bits, which its square leaves."""
    pictures = _wide(pictures.detach()).requires_grad_(True)
    with torch.autocast(pictures.device.type, enabled=False):
        scores = critic(pictures).sum()
        (grad,) = torch.autograd.grad(scores, pictures, create_graph=True)
    return grad


def _wide(x: Tensor) -> Tensor:
    """`x` in float32 if it has 16 bits; float64 stays as it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
