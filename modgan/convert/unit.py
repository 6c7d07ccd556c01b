"""UNIT's `gen_{step}.pt` and `dis_{step}.pt` (github.com/NVlabs/MUNIT, its UNIT trainer) as a zoo.

The weights are under CC BY-NC-SA 4.0: nothing of them ships here. Files of the program of 2017,
whose layers are tied, are other networks. Axes of weights: outputs, inputs, kernel, kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from modgan.component import Component
from modgan.components import UpsampleReconstructor
from modgan.convert import domains
from modgan.convert.checkpoint import LICENCE, Build, Checkpoint, gathered
from modgan.convert.domains import SIDES, SIZE
from modgan.convert.hierarchy import Network, Piece
from modgan.zoo import Zoo, sealed

SOURCE = "UNIT, github.com/NVlabs/MUNIT"
GRAPHS = {"a_to_b": ["E_a", "R_b"], "b_to_a": ["E_b", "R_a"]}
FIRST = "enc.model.0.conv.weight"
GENERATOR: Network = {
    "E": Piece("content_encoder", partial(domains.content_layers, "enc")),
    "R": Piece("upsample_reconstructor", domains.decoder_layers),
}
NETWORKS: dict[str, Network] = {"gen": GENERATOR, "dis": domains.CRITICS}


def to_zoo(files: Sequence[str | Path], size: int | None = None, licence: str = LICENCE) -> Zoo:
    """The encoders and reconstructors of both domains from a gen, the critics from a dis.

    Pictures have `size` pixels (256); all other sizes are read from the tensors. Encoders write
    and reconstructors read one space: any E goes with any R.
    """
    found = []
    for one in domains.read_all(files):
        parts = parts_of(one, size or SIZE)
        found += [(name, part, one.path) for name, part in parts.items()]
    return gathered(found, SOURCE, licence, GRAPHS)


def to_official(parts: Mapping[str, Component]) -> dict[str, dict[str, dict[str, Tensor]]]:
    """What the official files hold, {"gen": {"a": …, "b": …}, "dis": …}, as far as it is here."""
    return domains.official(parts, NETWORKS)


def parts_of(one: Checkpoint, size: int = SIZE) -> dict[str, Component]:
    """The parts in one file."""
    if f"a.{domains.CRITIC}" in one.tensors:
        return domains.critics(one, "dis of UNIT", size)
    if f"a.{FIRST}" not in one.tensors:
        other = "; with enc_style it is MUNIT: modgan convert munit"
        raise domains.unknown(one, "UNIT", (FIRST, domains.CRITIC), other)
    build: dict[str, Build] = {}
    for side in SIDES:
        build |= _generator(one, side, size)
    return sealed(domains.read_parts(one, "gen of UNIT", GENERATOR, build))


def _generator(one: Checkpoint, side: str, size: int) -> dict[str, Build]:
    """How to build the parts of a domain."""
    n_res, n_up = domains.decoder_counts(one, side)
    encoder = domains.encoder(one, side, "enc", size)

    def reconstructor() -> Component:
        part = encoder()
        return UpsampleReconstructor(part.outputs["feature"], part.inputs["image"], n_res, n_up)

    return {f"E_{side}": encoder, f"R_{side}": reconstructor}
