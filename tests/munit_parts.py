"""The parts of MUNIT and UNIT in plain Python, for their golden tests.

Axes: B batch, C channels, H W positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from golden_files import Golden, is_statistic
from torch import Tensor

from modgan.component import Component
from modgan.convert import munit, unit
from modgan.convert.checkpoint import Checkpoint
from modgan.convert.hierarchy import Network

Parts = dict[str, Component]


def two_domains(states: Mapping[str, dict[str, Tensor]]) -> Checkpoint:
    """What a reader makes of a file with the state dicts of both domains."""
    flat = {f"{side}.{key}": value for side in states for key, value in states[side].items()}
    return Checkpoint(Path("gen.pt"), {k: v for k, v in flat.items() if not is_statistic(k)})


def munit_parts(states: Mapping[str, dict[str, Tensor]], size: int) -> Parts:
    return munit.parts_of(two_domains(states), size)


def unit_parts(golden: Golden, size: int) -> Parts:
    """Both domains alike."""
    return unit.parts_of(two_domains(dict.fromkeys("ab", golden.state())), size)


def official_tensors(parts: Parts, prefix: str, network: Network) -> dict[str, Tensor]:
    """The parameters of both domains under official keys; `prefix` is "gen_" or "dis_"."""
    found: dict[str, Tensor] = {}
    for side in "ab":
        for role, piece in network.items():
            part = parts[f"{role}_{side}"]
            mine = dict(part.named_parameters())
            names = piece.names(part).items()
            found |= {f"{prefix}{side}.{theirs}": mine[ours] for ours, theirs in names}
    return found
