"""Losses: plain functions from tensors to a scalar, in float32 or more whatever the parts use.

The last two say what some losses weigh and aim at. Axes: B batch, n labels, h w patches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def over_scales(loss: Callable[..., Tensor], *scores: Sequence[Tensor]) -> Tensor:
    """Σ_k loss(scores_k, …) over the scales k of a multi-scale critic (Huang et al. 2018).

    `over_scales(lsgan_d, D(real), D(fake))` is the critic's side of MUNIT and UNIT.
    """
    return torch.stack([loss(*scale) for scale in zip(*scores, strict=True)]).sum()


def l1(a: Tensor, b: Tensor) -> Tensor:
    """mean |a − b| over all elements."""
    return (_wide(a) - _wide(b)).abs().mean()


def kl_to_normal(mean: Tensor) -> Tensor:
    """mean μ², twice the KL of N(μ, 1) from N(0, 1) per element (UNIT, Liu et al. 2017)."""
    return _wide(mean).square().mean()


def energy_to_normal(x: Tensor, samples: int = 64) -> Tensor:
    """2 E‖x − y‖ − E‖x − x'‖ − E‖y − y'‖, vectors x (B, n), B > 1, against y from N(0, I).

    The energy distance (Székely & Rizzo 2013): 0 where x is distributed like y, unbiased in small
    batches. Where `kl_to_normal` pulls every x to 0, this keeps them apart, too.
    """
    if len(x) < 2:
        raise ValueError(f"distances within a batch need two of it or more, got {len(x)}")
    x = _wide(x)
    y = torch.randn(samples, x.shape[1], device=x.device, dtype=x.dtype)
    return 2 * torch.cdist(x, y).mean() - F.pdist(x).mean() - F.pdist(y).mean()


def perceptual(features: Callable[[Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    """mean (IN(φ(a)) − IN(φ(b)))², φ = `features` (B, C, H, W), each channel of mean 0, variance 1.

    MUNIT's domain-invariant perceptual loss (Huang et al. 2018): what the pictures show counts,
    not their colours. φ is any network of yours, in evaluation mode and on its own input range.
    """
    normed_a, normed_b = (F.instance_norm(_wide(features(x))) for x in (a, b))
    return (normed_a - normed_b).square().mean()


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


def bce(logits: Tensor, target: Tensor | float, weight: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of logits against targets in 0..1: its mean, or Σ w·BCE / Σ w.

    With weights that is FineGAN's mean(w·BCE)·N / Σ w (Singh et al. 2019); 0 where all are 0.
    """
    wide = _wide(logits)
    aim = torch.as_tensor(target, dtype=wide.dtype, device=wide.device).expand_as(wide)
    each = F.binary_cross_entropy_with_logits(wide, aim, reduction="none")
    w = torch.ones_like(each) if weight is None else weight.to(wide)
    total = w.sum()
    return (w * each).sum() / torch.where(total > 0, total, 1.0)


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


def pair_gradient_penalty(
    critics: Sequence[Callable[[Tensor, Tensor], Tensor]],
    real: Sequence[Tensor],
    fake: Sequence[Tensor],
    alpha: Sequence[Tensor],
) -> Tensor:
    """Σ over critics k of the penalties of ∂D_k/∂x and ∂D_k/∂y_k, each mean (‖g + ε‖₂ − 1)².

    `real` and `fake` hold a picture x and then the code y_k of every critic. Each of these
    tensors is taken at alpha·real + (1 − alpha)·fake with an `alpha` (B,) of its own; ε = 1e-16
    gives the norm a slope where g is 0 (MixNMatch, Li et al. 2020).
    """
    taken = [
        _wide(torch.lerp(b, a, t.reshape(-1, *(1,) * (a.ndim - 1)).to(a)).detach())
        for a, b, t in zip(real, fake, alpha, strict=True)
    ]
    image, *codes = (tensor.requires_grad_(True) for tensor in taken)
    penalties = []
    with torch.autocast(image.device.type, enabled=False):
        for critic, code in zip(critics, codes, strict=True):
            score = critic(image, code).sum()
            for grad in torch.autograd.grad(score, (image, code), create_graph=True):
                norms: Tensor = rearrange(grad + 1e-16, "b ... -> b (...)").norm(dim=1)
                penalties.append((norms - 1).square().mean())
    return torch.stack(penalties).sum()


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


def patch_weights(boxes: Tensor, patches: int, field: int, stride: int) -> Tensor:
    """0 for the patches that a box touches, 1 for the others: boxes (B, 4) -> (B, 1, h, w).

    A box is top, left, bottom, right in pixels. Of `patches` a side, each `field` pixels and
    `stride` from the next, it hides rows ⌈(top − field) / stride⌉ to ⌊bottom / stride⌋, and
    columns likewise; a box without an area hides none (FineGAN, Singh et al. 2019).
    """
    first, last = boxes[:, :2], boxes[:, 2:]
    at = torch.arange(patches, device=boxes.device)
    start, end = ((first - field) / stride).ceil(), (last / stride).floor()
    hidden = (
        (at >= start[..., None]) & (at <= end[..., None]) & (last > first).all(1)[:, None, None]
    )
    rows, columns = hidden.unbind(1)
    outside = ~(rows[:, :, None] & columns[:, None, :])
    return rearrange(outside.float(), "b h w -> b 1 h w")


def parent_of(child: Tensor, children: int, parents: int) -> Tensor:
    """The parents' indices of children's: ⌊child·parents / children⌋, about as many for each.

    It is FineGAN's tie of codes, for numbers that do not divide each other, too.
    """
    return child * parents // children


def _wide(x: Tensor) -> Tensor:
    """`x` in float32 if it has 16 bits; float64 stays as it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
