"""Running averages of the parts that a run exports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel, get_ema_multi_avg_fn

from modgan.component import Component


def averaged(parts: Mapping[str, Component], decay: float, soon: bool = True) -> AveragedModel:
    """An exponential moving average of all parameters of `parts`; update it after every step.

    It is in evaluation mode: batch norm in it uses the running statistics of the live parts. At
    step t it keeps min(decay, (1 + t) / (10 + t)) of what it was, so that the first weights are
    `soon` forgotten and short runs have an average, too; else `decay` of it, as FineGAN's does.
    """

    def average(old: PARAM_LIST, new: PARAM_LIST, count: Tensor | int) -> None:
        kept = min(decay, (1 + int(count)) / (10 + int(count))) if soon else decay
        get_ema_multi_avg_fn(kept)(old, new, count)  # type: ignore[no-untyped-call]

    return AveragedModel(nn.ModuleDict(dict(parts)), multi_avg_fn=average).eval()


def parts_of(average: AveragedModel) -> dict[str, Component]:
    """The averaged parts by name, to look at or to export."""
    together = cast(nn.ModuleDict, average.module)
    return {name: cast(Component, part) for name, part in together.items()}
