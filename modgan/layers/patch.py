"""Pictures as patches. Axes: n_in pixels and colours of a patch, n_out channels."""

from __future__ import annotations

import torch
from torch import Tensor


def patch_basis(n_in: int, n_out: int) -> Tensor:
    """A fixed mixing matrix (n_out, n_in) with orthonormal rows or columns.

    It is the same every time: an encoder that starts with it and a reconstructor that starts with
    its transpose are each other's inverse (where n_out ≥ n_in) although made apart.
    """
    rng = torch.Generator("cpu").manual_seed(0)
    largest, smallest = max(n_in, n_out), min(n_in, n_out)
    draws = torch.randn(largest, smallest, generator=rng, device="cpu")
    basis: Tensor = torch.linalg.qr(draws).Q
    return basis if n_out >= n_in else basis.T
