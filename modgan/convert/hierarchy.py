"""What the checkpoints of FineGAN and MixNMatch share: parts of a network, names of layers.

Axes of weights: outputs, inputs, kernel, kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from modgan.component import Component
from modgan.components import BackgroundPainter, ChildTransformer, StageGenerator, StagePainter
from modgan.convert.checkpoint import Build, Checkpoint, few, official_state, renamed
from modgan.spec import LARGEST, TRAINING, FeatureSpec, image
from modgan.zoo import ZooError

SIZE = 128  # the official networks have as many doublings as it takes from 4×4
DOUBLINGS = 5
Layers = dict[str, str]  # our layer -> the official one
Found = tuple[str, Component, Path]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an official network: its component and the official names of its layers.

    In the official tensors `code_first` the columns of the code lie first, in ours last.
    """

    component: str
    layers: Callable[[Component], Layers]
    code_first: tuple[str, ...] = ()

    def names(self, part: Component) -> dict[str, str]:
        """The official key of every key of `part`."""
        return renamed(part, self.layers(part))


Network = Mapping[str, Piece]  # part -> what it is there


def read_parts(
    one: Checkpoint, what: str, network: Network, build: Mapping[str, Build]
) -> dict[str, Component]:
    """The parts of a `network` in a checkpoint, given how to build each."""
    pieces = {name: (build[name], piece.names) for name, piece in network.items()}
    parts = one.parts(pieces, what)
    for name, piece in network.items():
        names = {theirs: ours for ours, theirs in piece.names(parts[name]).items()}
        for key in piece.code_first:
            weight = parts[name].get_parameter(names[key])
            weight.data = weight.data.roll(-len(parts[name].config["labels"]), 1)
    return parts


@dataclass(frozen=True, slots=True)
class Stages:
    """The official names of a generator's stages, and of what paints two of them."""

    background: str
    start: str
    parent: str
    child: str
    paint_parent: str
    paint_child: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a generator, from its tensors; widths from 4×4 on."""

    background: tuple[int, ...]
    start: tuple[int, ...]
    parent: int  # channels that the parent's painter reads
    child: int
    dressing: int  # channels inside the child stage
    n_res: tuple[int, int]  # residual blocks of parent and child
    n_z: int
    parents: tuple[str, ...]
    children: tuple[str, ...]


def sizes(one: Checkpoint, stages: Stages) -> Sizes:
    """What the shapes of a generator's tensors say."""
    start = grown_widths(one, stages.start)
    parent, child = (
        one.shape(f"{stage}.img.0.weight", 4)[1]
        for stage in (stages.paint_parent, stages.paint_child)
    )
    twice, reads = one.shape(f"{stages.child}.jointConv.0.weight", 4)[:2]
    n_parents = one.shape(f"{stages.parent}.jointConv.0.weight", 4)[1] - start[-1]
    n_z = one.shape(f"{stages.start}.fc.0.weight", 2)[1] - n_parents
    blocks = (
        one.count(rf"{stage}\.residual\.\d+\.block\.0\.weight")
        for stage in (stages.parent, stages.child)
    )
    return Sizes(
        grown_widths(one, stages.background),
        start,
        parent,
        child,
        twice // 2,
        (next(blocks), next(blocks)),
        n_z,
        numbered(n_parents),
        numbered(reads - parent),
    )


def feature(name: str, channels: int) -> FeatureSpec:
    """The feature of a stage, while its training has no digest yet."""
    return FeatureSpec(channels, SIZE, SIZE, f"{name}@{TRAINING}")


def around_the_parent(sizes: Sizes) -> dict[str, Build]:
    """How to build the parts of a hierarchy but G_parent, which differs."""
    background = feature("background", sizes.background[-1])
    parent, child = feature("parent", sizes.parent), feature("child", sizes.child)
    painted = image(SIZE)
    return {
        "G_background": lambda: StageGenerator(
            "background", sizes.children, sizes.background, sizes.n_z, background.space
        ),
        "R_background": lambda: BackgroundPainter(background, painted),
        "R_parent": lambda: StagePainter(parent, painted, "parent"),
        "T_child": lambda: ChildTransformer(
            parent,
            "child",
            sizes.children,
            sizes.dressing,
            sizes.child,
            sizes.n_res[1],
            child.space,
        ),
        "R_child": lambda: StagePainter(child, painted, "child"),
    }


def official(
    parts: Mapping[str, Component], networks: Mapping[str, Network]
) -> dict[str, dict[str, Tensor]]:
    """The state dicts of the official `networks` whose parts are here, with `module.`.

    So the official programs write and read them, wrapped to run on several devices.
    """
    states = {}
    for network, pieces in networks.items():
        missing = [name for name in pieces if name not in parts]
        if missing and len(missing) < len(pieces):
            raise ZooError(
                f"the official {network} holds {', '.join(pieces)}: lacks {', '.join(missing)}; "
                "give all of them"
            )
        if not missing:
            states[network] = _official(parts, pieces)
    if not states:
        known = [name for pieces in networks.values() for name in pieces]
        raise ZooError(f"no part has an official form, only {', '.join(known)}; got {list(parts)}")
    return states


def _official(parts: Mapping[str, Component], pieces: Network) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, piece in pieces.items():
        part = parts[name]
        if part.component != piece.component:
            raise ZooError(f"{name}: expects a {piece.component}, got a {part.component}")
        mine = official_state(part, piece.names(part))
        for key in piece.code_first:
            mine[key] = mine[key].roll(len(part.config["labels"]), 1)
        state |= mine
    return {f"module.{key}": tensor for key, tensor in state.items()}


def of_one_training(parts: Iterable[Found]) -> list[Found]:
    """`parts`, checked to agree about the codes and the noise they read and write."""
    found = list(parts)
    seen: dict[str, tuple[int, Path]] = {}
    for _, part, path in found:
        ports = part.inputs | part.outputs
        codes = {name: spec for name, spec in ports.items() if spec.is_vector and name != "real"}
        for name, code in codes.items():
            known, other = seen.setdefault(name, (code.channels, path))
            if code.channels != known:
                raise ZooError(
                    f"{path}: {name} has {code.channels} entries, in {other} {known}: "
                    "give files of one training"
                )
    return found


def unknown(one: Checkpoint, program: str, expected: Iterable[str]) -> ZooError:
    """The error for a file that holds none of the networks of `program`."""
    return ZooError(
        f"{one.path}: holds no network of {program}: expects tensors such as "
        f"{', '.join(expected)}, got {few(sorted(one.tensors))}"
    )


def numbered(count: int) -> tuple[str, ...]:
    """The labels of a code whose entries have no names; too many stay too many for a spec."""
    return tuple(map(str, range(min(count, LARGEST + 1))))


def widths(one: Checkpoint, layers: Sequence[str]) -> tuple[int, ...]:
    """How many channels each of these convolutions makes."""
    return tuple(one.shape(f"{layer}.weight", 4)[0] for layer in layers)


def grown_widths(one: Checkpoint, stage: str) -> tuple[int, ...]:
    """The channels of a stage at 4×4 and after every doubling."""
    first = one.shape(f"{stage}.fc.0.weight", 2)[0] // 32
    ups = widths(one, [f"{stage}.upsample{i + 1}.1" for i in range(DOUBLINGS)])
    return (first, *(width // 2 for width in ups))


def growth(stage: str) -> Layers:
    """A `GatedGrowth` named grow."""
    layers = {f"grow.start.{k}": f"{stage}.fc.{k}" for k in (0, 1)}
    for i in range(DOUBLINGS):
        layers |= {f"grow.grow.{i}.1.{k}": f"{stage}.upsample{i + 1}.{k + 1}" for k in (0, 1)}
    return layers


def joint(stage: str, part: Component) -> Layers:
    """A `joint_stage` named joint."""
    layers = {f"joint.0.{k}": f"{stage}.jointConv.{k}" for k in (0, 1)}
    for i in range(part.config["n_res"]):
        layers |= gated_block(f"joint.{i + 1}", f"{stage}.residual.{i}")
    return layers


def narrow(stage: str) -> Layers:
    """The narrowing that ends a stage."""
    return {f"narrow.{k}": f"{stage}.samesample.{k}" for k in (0, 1)}


def gated_block(ours: str, theirs: str) -> Layers:
    """A `GatedBlock`."""
    inner = {"0.0": 0, "0.1": 1, "1": 3, "2": 4}
    return {f"{ours}.body.{mine}": f"{theirs}.block.{at}" for mine, at in inner.items()}


def painter(foreground: str, mask: str) -> Piece:
    """A `stage_painter`."""
    layers = {"foreground": f"{foreground}.img.0", "mask": f"{mask}.img.0"}
    return Piece("stage_painter", lambda part: layers)


def patches(trunk: str, heads: Layers) -> Callable[[Component], Layers]:
    """A critic of patches: convolutions with an activation between, and its heads."""

    def layers(part: Component) -> Layers:
        count = len(part.config["widths"])
        return {f"trunk.{i}.0": f"{trunk}.{2 * i}" for i in range(count)} | heads

    return layers


def normed(ours: str, convolutions: Sequence[str]) -> Layers:
    """A trunk of convolutions, each but the first with a batch norm right behind it."""
    layers = {f"{ours}.0.0": convolutions[0]}
    for i, theirs in enumerate(convolutions[1:], 1):
        stem, _, at = theirs.rpartition(".")
        layers |= {f"{ours}.{i}.0": theirs, f"{ours}.{i}.1": f"{stem}.{int(at) + 1}"}
    return layers
