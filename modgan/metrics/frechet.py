"""How far two sets of pictures are apart, as a network sees them. Axes: N pictures, C features."""

from __future__ import annotations

import torch
from torch import Tensor

from modgan.component import Component

BATCH = 100


def frechet(a: Tensor, b: Tensor) -> float:
    """‖μ_a − μ_b‖² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½) of features (N, C): 0 for alike sets.

    The distance of two Gaussians with the means and covariances of the sets (Heusel et al. 2017);
    it falls with N, so sets of one size are compared.
    """
    if min(len(a), len(b)) < 2 or a.shape[1:] != b.shape[1:] or a.ndim != 2:
        raise ValueError(
            "frechet: expected two sets (N, C) of one C, with 2 rows or more, got "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    a, b = a.double(), b.double()
    first, second = _covariance(a), _covariance(b)
    root = _root(first)
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    return (apart + first.trace() + second.trace() - 2 * cross).item()


def _covariance(rows: Tensor) -> Tensor:
    """Of rows (N, C), (C, C)."""
    apart = rows - rows.mean(0)
    return apart.T @ apart / (len(rows) - 1)


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a covariance."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


def features(judge: Component, pictures: Tensor) -> Tensor:
    """What a judge reads its labels from, (N, C), of pictures (N, 3, H, W)."""
    body = judge.get_submodule("body")
    with torch.inference_mode():
        return torch.cat([body(some) for some in torch.split(pictures, BATCH)])
