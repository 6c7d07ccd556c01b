"""Running averages of the parts that a run exports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from modgan.component import Component


def averaged(parts: Mapping[str, Component], decay: float) -> AveragedModel:
    """An exponential moving average of all parameters of `parts`; update it after every step.

    It is in evaluation mode: batch norm in it uses the running statistics of the live parts.
    """
    together = nn.ModuleDict(dict(parts))
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(together, multi_avg_fn=average).eval()


def parts_of(average: AveragedModel) -> dict[str, Component]:
    """The averaged parts by name, to look at or to export."""
    together = cast(nn.ModuleDict, average.module)
    return {name: cast(Component, part) for name, part in together.items()}
