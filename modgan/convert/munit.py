"""MUNIT's `gen_{step}.pt` and `dis_{step}.pt` (github.com/NVlabs/MUNIT) as a zoo.

The weights are under CC BY-NC-SA 4.0: nothing of them ships here. The official MLP gives every
norm its shifts before its scales, ours its scales first: rows of weights move. Axes of weights:
outputs, inputs, kernel, kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from modgan.component import Component
from modgan.components import AdainTransformer, StyleCoder, UpsampleReconstructor
from modgan.convert import domains
from modgan.convert.checkpoint import LICENCE, Build, Checkpoint, gathered
from modgan.convert.domains import SIDES, SIZE
from modgan.convert.hierarchy import Layers, Network, Piece
from modgan.spec import TRAINING, image
from modgan.zoo import Zoo, sealed

SOURCE = "MUNIT, github.com/NVlabs/MUNIT"
GRAPHS = {
    "a_to_b": ["E_a", "T_b", "R_b"],
    "b_to_a": ["E_b", "T_a", "R_a"],
    "a_to_b_guided": ["E_a", "Q_b: guide -> style", "T_b", "R_b"],
    "b_to_a_guided": ["E_b", "Q_a: guide -> style", "T_a", "R_a"],
}
STYLE = "enc_style.model.0.conv.weight"
LAST = ("mlp.model.2.fc.weight", "mlp.model.2.fc.bias")


def _style_layers(part: Component) -> Layers:
    n_down = part.config["n_down"]
    layers = {f"body.{i}.0": f"enc_style.model.{i}.conv" for i in range(n_down + 1)}
    return layers | {"head": f"enc_style.model.{n_down + 2}"}


def _transformer_layers(part: Component) -> Layers:
    layers = {f"mlp.{2 * i}": f"mlp.model.{i}.fc" for i in range(3)}
    for i in range(part.config["n_res"]):
        block = f"dec.model.0.model.{i}.model"
        layers |= {f"blocks.{i}.first": f"{block}.0.conv", f"blocks.{i}.second": f"{block}.1.conv"}
    return layers


GENERATOR: Network = {
    "E": Piece("content_encoder", partial(domains.content_layers, "enc_content")),
    "Q": Piece("style_coder", _style_layers),
    "T": Piece("adain_transformer", _transformer_layers),
    "R": Piece("upsample_reconstructor", domains.decoder_layers),
}
NETWORKS: dict[str, Network] = {"gen": GENERATOR, "dis": domains.CRITICS}


def to_zoo(files: Sequence[str | Path], size: int | None = None, licence: str = LICENCE) -> Zoo:
    """The parts of both domains from a gen, the critics from a dis, at least one of them.

    Pictures have `size` pixels (256); all other sizes are read from the tensors. Both encoders
    write one content space, so each of them goes with the T and R of either domain.
    """
    found = []
    for one in domains.read_all(files):
        parts = parts_of(one, size or SIZE)
        found += [(name, part, one.path) for name, part in parts.items()]
    return gathered(found, SOURCE, licence, GRAPHS)


def to_official(parts: Mapping[str, Component]) -> dict[str, dict[str, dict[str, Tensor]]]:
    """What the official files hold, {"gen": {"a": …, "b": …}, "dis": …}, as far as it is here.

    The statistics of its AdaIN layers, which nothing reads, are those of a new network.
    """
    files = domains.official(parts, NETWORKS)
    for side, state in files.get("gen", {}).items():
        part = parts[f"T_{side}"]
        channels, device = part.inputs["feature"].channels, state[LAST[0]].device
        for key in LAST:
            state[key] = swapped(state[key], channels)
        for i in range(part.config["n_res"]):
            for k in (0, 1):
                norm = f"dec.model.0.model.{i}.model.{k}.norm"
                state[f"{norm}.running_mean"] = torch.zeros(channels, device=device)
                state[f"{norm}.running_var"] = torch.ones(channels, device=device)
    return files


def parts_of(one: Checkpoint, size: int = SIZE) -> dict[str, Component]:
    """The parts in one file."""
    if f"a.{domains.CRITIC}" in one.tensors:
        return domains.critics(one, "dis of MUNIT", size)
    if f"a.{STYLE}" not in one.tensors:
        other = "; without enc_style it may be UNIT: modgan convert unit"
        raise domains.unknown(one, "MUNIT", (STYLE, domains.CRITIC), other)
    build: dict[str, Build] = {}
    for side in SIDES:
        build |= _generator(one, side, size)
    parts = domains.read_parts(one, "gen of MUNIT", GENERATOR, build)
    for side in SIDES:
        part = parts[f"T_{side}"]
        for key in ("mlp.4.weight", "mlp.4.bias"):
            rows = part.get_parameter(key)
            rows.data = swapped(rows.data, part.inputs["feature"].channels)
    return sealed(parts)


def swapped(rows: Tensor, channels: int) -> Tensor:
    """The MLP's last rows with scales and shifts of every norm in each other's place."""
    halves = rearrange(rows, "(norm kind c) ... -> norm kind c ...", kind=2, c=channels)
    return rearrange(halves.flip(1), "norm kind c ... -> (norm kind c) ...")


def _generator(one: Checkpoint, side: str, size: int) -> dict[str, Build]:
    """How to build the parts of a domain."""
    width, n_in = one.shape(f"{side}.{STYLE}", 4)[:2]
    n_down = one.count(rf"{side}\.enc_style\.model\.\d+\.conv\.weight") - 1
    hidden, n_style = one.shape(f"{side}.mlp.model.0.fc.weight", 2)
    n_res, n_up = domains.decoder_counts(one, side)
    encoder = domains.encoder(one, side, "enc_content", size)

    def transformer() -> Component:
        content = encoder().outputs["feature"]
        return AdainTransformer(content, n_style, n_res, hidden, f"styled_{side}@{TRAINING}")

    return {
        f"E_{side}": encoder,
        f"Q_{side}": lambda: StyleCoder(image(size, n_in), n_style, width, n_down),
        f"T_{side}": transformer,
        f"R_{side}": lambda: UpsampleReconstructor(
            transformer().outputs["feature"], image(size, n_in), 0, n_up
        ),
    }
