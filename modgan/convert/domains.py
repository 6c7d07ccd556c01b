"""What the checkpoints of MUNIT and UNIT share: two domains in a file, encoders, decoders, critics.

In no file are the options that have no weights: the official ones are meant (ReLU, reflected
borders, critics without norm). Axes of weights: outputs, inputs, kernel, kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from modgan.component import Component
from modgan.components import ContentEncoder, MultiScaleDiscriminator
from modgan.convert.checkpoint import (
    Build,
    Checkpoint,
    Names,
    few,
    official_state,
    read_domains,
)
from modgan.convert.hierarchy import Layers, Network, Piece
from modgan.spec import TRAINING, image
from modgan.zoo import ZooError

SIZE = 256
SIDES = ("a", "b")
CONTENT = f"content@{TRAINING}"  # the space of both encoders
CRITIC = "cnns.0.0.conv.weight"


def read_all(files: Sequence[str | Path]) -> list[Checkpoint]:
    """The state dicts in `files`, at least one, those of each file under `a.` and `b.`."""
    if not files:
        raise ZooError("no checkpoint to convert: name one file or more")
    return [read_domains(Path(file)) for file in files]


def read_parts(
    one: Checkpoint, what: str, network: Network, build: Mapping[str, Build]
) -> dict[str, Component]:
    """Both domains' parts of a `network`, E_a, E_b, …, given how to build each by that name."""
    pieces: dict[str, tuple[Build, Names]] = {}
    for side in SIDES:
        for role, piece in network.items():
            pieces[f"{role}_{side}"] = (build[f"{role}_{side}"], _named(side, piece))
    parts = one.parts(pieces, what)
    shown = [part.outputs["feature"] for name, part in parts.items() if name.startswith("E_")]
    if len({spec.shape for spec in shown}) > 1:
        raise ZooError(
            f"{one.path}: the encoders of the domains share no space: a makes {shown[0]}, "
            f"b {shown[1]}; only networks of one training can be converted"
        )
    return parts


def _named(side: str, piece: Piece) -> Names:
    """The official key of every key of a part of this domain."""

    def names(part: Component) -> dict[str, str]:
        return {ours: f"{side}.{theirs}" for ours, theirs in piece.names(part).items()}

    return names


def official(
    parts: Mapping[str, Component], networks: Mapping[str, Network]
) -> dict[str, dict[str, dict[str, Tensor]]]:
    """The content of the official files whose parts are here: network -> domain -> state dict."""
    files = {}
    for file, network in networks.items():
        wanted = [f"{role}_{side}" for side in SIDES for role in network]
        missing = [name for name in wanted if name not in parts]
        if missing and len(missing) < len(wanted):
            raise ZooError(
                f"the official {file} holds {', '.join(wanted)}: lacks {', '.join(missing)}; "
                "give all of them"
            )
        if not missing:
            files[file] = {side: _official(parts, side, network) for side in SIDES}
    if not files:
        known = [f"{role}_{side}" for n in networks.values() for role in n for side in SIDES]
        raise ZooError(f"no part has an official form, only {', '.join(known)}; got {list(parts)}")
    return files


def _official(parts: Mapping[str, Component], side: str, network: Network) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for role, piece in network.items():
        name = f"{role}_{side}"
        part = parts[name]
        if part.component != piece.component:
            raise ZooError(f"{name}: expects a {piece.component}, got a {part.component}")
        state |= official_state(part, piece.names(part))
    return state


def unknown(one: Checkpoint, program: str, expected: Sequence[str], other: str) -> ZooError:
    """The error for a file without a network of `program`; `other` is what it may be instead."""
    return ZooError(
        f"{one.path}: holds no network of {program}: expects tensors such as "
        f"{', '.join(f'a.{key}' for key in expected)}, got {few(sorted(one.tensors))}{other}"
    )


def encoder(one: Checkpoint, side: str, where: str, size: int) -> Build:
    """How to build the content encoder of a domain, `where` the official one is."""
    layers = rf"{side}\.{where}\.model"
    width, n_in = one.shape(f"{side}.{where}.model.0.conv.weight", 4)[:2]
    n_down = one.count(rf"{layers}\.\d+\.conv\.weight") - 1
    n_res = one.count(rf"{layers}\.\d+\.model\.\d+\.model\.0\.conv\.weight")
    return lambda: ContentEncoder(image(size, n_in), width, n_down, n_res, CONTENT)


def decoder_counts(one: Checkpoint, side: str) -> tuple[int, int]:
    """The residual blocks and the doublings of a domain's decoder."""
    n_res = one.count(rf"{side}\.dec\.model\.0\.model\.\d+\.model\.0\.conv\.weight")
    return n_res, one.count(rf"{side}\.dec\.model\.\d+\.conv\.weight") - 1


def critics(one: Checkpoint, what: str, size: int) -> dict[str, Component]:
    """D_a and D_b."""

    def build(side: str) -> Build:
        width, n_in = one.shape(f"{side}.{CRITIC}", 4)[:2]
        n_scales = one.count(rf"{side}\.cnns\.\d+\.0\.conv\.weight")
        n_layers = one.count(rf"{side}\.cnns\.0\.\d+\.conv\.weight")
        return lambda: MultiScaleDiscriminator(image(size, n_in), width, n_layers, n_scales)

    return read_parts(one, what, CRITICS, {f"D_{side}": build(side) for side in SIDES})


def content_layers(where: str, part: Component) -> Layers:
    """A `content_encoder`."""
    n_down, n_res = part.config["n_down"], part.config["n_res"]
    layers = {f"stem.{i}.0": f"{where}.model.{i}.conv" for i in range(n_down + 1)}
    return layers | residual(f"{where}.model.{n_down + 1}", n_res)


def residual(where: str, n_res: int) -> Layers:
    """The residual blocks named blocks."""
    layers: Layers = {}
    for i in range(n_res):
        block = f"{where}.model.{i}.model"
        layers |= {f"blocks.{i}.body.{at}": f"{block}.{k}.conv" for k, at in enumerate((0, 3))}
    return layers


def decoder_layers(part: Component) -> Layers:
    """An `upsample_reconstructor`."""
    n_res, n_up = part.config["n_res"], part.config["n_up"]
    layers = residual("dec.model.0", n_res)
    for i in range(n_up):
        where = f"dec.model.{2 * i + 2}"
        layers |= {f"grow.{i}.1": f"{where}.conv", f"grow.{i}.2": f"{where}.norm"}
    return layers | {"head": f"dec.model.{2 * n_up + 1}.conv"}


def critic_layers(part: Component) -> Layers:
    """A `multi_scale_discriminator`."""
    n_layers = part.config["n_layers"]
    layers: Layers = {}
    for k in range(part.config["n_scales"]):
        layers |= {f"critics.{k}.{i}.0": f"cnns.{k}.{i}.conv" for i in range(n_layers)}
        layers[f"critics.{k}.{n_layers}"] = f"cnns.{k}.{n_layers}"
    return layers


CRITICS: Network = {"D": Piece("multi_scale_discriminator", critic_layers)}
