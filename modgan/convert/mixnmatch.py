"""MixNMatch's `{G,E,EX,D0,D1,D2,BD}*.pth` (github.com/Yuheng-Li/MixNMatch) as a zoo.

The program has no licence: its weights are their owners', nothing of them ships here. Only the
official child stage reads [code | feature] where ours reads [feature | code]: its columns move.
Axes of weights: outputs, inputs, kernel, kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from modgan.component import Component
from modgan.components import (
    BackgroundDiscriminator,
    BoundedNoiseCoder,
    CodeDiscriminator,
    PairDiscriminator,
    ShapeGenerator,
    SoftCoder,
    UnetEncoder,
)
from modgan.convert import hierarchy
from modgan.convert.checkpoint import LICENCE, Build, Checkpoint, gathered, read_all
from modgan.convert.finegan import HIERARCHY
from modgan.convert.hierarchy import SIZE, Found, Layers, Network, Piece, Stages, numbered
from modgan.spec import FeatureSpec, image, onehot
from modgan.zoo import Zoo, ZooError, sealed

SOURCE = "MixNMatch, github.com/Yuheng-Li/MixNMatch"
CODES = {"z": "z", "b": "background", "p": "parent", "c": "child"}  # official letter -> port
PAINTED = ["R_parent", "T_child: feature c -> feature", "R_child"]
GRAPHS = {
    "hierarchy": HIERARCHY,
    "code_mode": [
        "Q_z: pose -> z",
        "Q_z: background -> z_background",
        "Q_b: background -> b",
        "Q_p: shape -> p",
        "Q_c: texture -> c",
        "G_background: z_background b -> feature",
        "R_background",
        "G_parent: z p -> feature",
        *PAINTED,
    ],
    "feature_mode": [
        "Q_z: background -> z_background",
        "Q_b: background -> b",
        "Q_c: texture -> c",
        "G_background: z_background b -> feature",
        "R_background",
        "S: shape -> feature",
        *PAINTED,
    ],
}
STAGES = Stages(
    "background_stage",
    "parent_stage",
    "parent_stage",
    "child_stage",
    "parent_image",
    "child_image",
)
GENERATOR: Network = {
    "G_background": Piece("stage_generator", lambda part: hierarchy.growth("background_stage")),
    "R_background": Piece("background_painter", lambda part: {"head": "background_image.img.0"}),
    "G_parent": Piece(
        "shape_generator",
        lambda part: hierarchy.growth("parent_stage") | hierarchy.joint("parent_stage", part),
    ),
    "R_parent": hierarchy.painter("parent_image", "parent_mask"),
    "T_child": Piece(
        "child_transformer",
        lambda part: hierarchy.joint("child_stage", part) | hierarchy.narrow("child_stage"),
        ("child_stage.jointConv.0.weight",),
    ),
    "R_child": hierarchy.painter("child_image", "child_mask"),
}


def coder_trunk(letter: str) -> list[str]:
    """The official convolutions of an encoder but its head."""
    return [f"model_{letter}.{at}" for at in ("0.0", "0.2", "0.5", "0.8", "1.0", "2.0", "3.0")]


def critic_trunk(name: str) -> list[str]:
    """The official convolutions of a critic of codes before its heads."""
    return [f"encode_{name}.{i}" for i in (0, 2, 5, 8, 11, 14)]


def _coder_piece(letter: str) -> Piece:
    layers = hierarchy.normed("body", coder_trunk(letter)) | {"head": f"model_{letter}.4"}
    return Piece("bounded_noise_coder" if letter == "z" else "soft_coder", lambda part: layers)


def _encoder_layers(part: Component) -> Layers:
    layers = {f"stem.{i}.{k}": f"first.{i}.{k}" for i in (0, 1) for k in (0, 1)}
    for way in ("down", "up"):
        count = SIZE.bit_length() - 2
        layers |= {f"{way}.{i}.{k}": f"{way}{i + 1}.{k}" for i in range(count) for k in (0, 1)}
    for i in range(part.config["n_res"]):
        layers |= hierarchy.gated_block(f"blocks.{i}", f"last.{i}")
    return layers


def _pair_layers(letter: str, part: Component) -> Layers:
    looks, reads = len(part.config["widths"]) + 1, len(part.config["noise"])
    counts = {"look": ("image_layer", looks), "read": ("code_layer", reads)}
    layers = {
        f"{ours}.{i}.0": f"BD_{letter}.{theirs}.{i}.model.0"
        for ours, (theirs, count) in counts.items()
        for i in range(count)
    }
    return layers | {
        "judge.0.0": f"BD_{letter}.joint.0.model.0",
        "judge.1": f"BD_{letter}.joint.1.model.0",
    }


def _critic_piece(name: str) -> Piece:
    layers = hierarchy.normed("trunk", critic_trunk(name))
    layers |= {"joint.0": "code_logits.0", "joint.1": "code_logits.1"}
    layers |= {"labels": "code_logits.3", "real": "rf_logits.0"}
    return Piece("code_discriminator", lambda part: layers)


NETWORKS: dict[str, Network] = {
    "G": GENERATOR,
    "E": {f"Q_{letter}": _coder_piece(letter) for letter in CODES},
    "EX": {"S": Piece("unet_encoder", _encoder_layers)},
    "D0": {
        "D_background": Piece(
            "background_discriminator",
            hierarchy.patches(
                "encode_img", {"background": "class_logits.0", "real": "rf_logits.0"}
            ),
        )
    },
    "D1": {"D_parent": _critic_piece("mask")},
    "D2": {"D_child": _critic_piece("img")},
    "BD": {
        f"D_pair_{letter}": Piece("pair_discriminator", partial(_pair_layers, letter))
        for letter in CODES
    },
}


def to_zoo(files: Sequence[str | Path], licence: str = LICENCE) -> Zoo:
    """The parts of G, E, EX (the shape encoder S) and of critics, whichever are given.

    All sizes are read from the tensors; pictures have 128 pixels, those of D_background 126. EX
    needs its G beside it, whose parent stage makes the same feature. Labels are numbers.
    """
    found: list[Found] = []
    for one in sorted(read_all(files, statistics=True), key=_needs_others):
        known = {name: part for name, part, _ in found}
        found += [(name, part, one.path) for name, part in parts_of(one, known).items()]
    return gathered(hierarchy.of_one_training(found), SOURCE, licence, GRAPHS)


def _needs_others(one: Checkpoint) -> bool:
    """Whether a file is to be read after the others."""
    return READERS["EX"][0] in one.tensors


def to_official(parts: Mapping[str, Component]) -> dict[str, dict[str, Tensor]]:
    """The state dicts that the official program loads, by network: G, E, EX, D0, D1, D2, BD."""
    return hierarchy.official(parts, NETWORKS)


def parts_of(one: Checkpoint, known: Mapping[str, Component]) -> dict[str, Component]:
    """The parts in one file; S takes its space from the `known` G_parent."""
    for network, (key, build) in READERS.items():
        if key in one.tensors:
            what, pieces = f"{network} of MixNMatch", NETWORKS[network]
            parts = hierarchy.read_parts(one, what, pieces, build(one, known))
            return sealed(parts) if network == "G" else parts
    raise hierarchy.unknown(one, "MixNMatch", (key for key, _ in READERS.values()))


def _generator(one: Checkpoint, known: Mapping[str, Component]) -> dict[str, Build]:
    sizes = hierarchy.sizes(one, STAGES)
    space = hierarchy.feature("parent", sizes.parent).space
    n_res, n_z = sizes.n_res[0], sizes.n_z
    return hierarchy.around_the_parent(sizes) | {
        "G_parent": lambda: ShapeGenerator("parent", sizes.parents, sizes.start, n_res, n_z, space)
    }


def _coders(one: Checkpoint, known: Mapping[str, Component]) -> dict[str, Build]:
    return {f"Q_{letter}": partial(_coder, one, letter) for letter in CODES}


def _coder(one: Checkpoint, letter: str) -> Component:
    widths = hierarchy.widths(one, coder_trunk(letter)[:-1])
    count = one.shape(f"model_{letter}.4.bias", 1)[0]
    if letter == "z":
        return BoundedNoiseCoder(image(SIZE), count, widths)
    return SoftCoder(image(SIZE), CODES[letter], numbered(count), widths)


def _encoder(one: Checkpoint, known: Mapping[str, Component]) -> dict[str, Build]:
    if "G_parent" not in known:
        raise ZooError(
            f"{one.path}: the feature of S is understood by the G of its training alone: "
            "give that G.pth beside it"
        )
    width = one.shape("first.0.0.weight", 4)[0] // 2
    n_res = one.count(r"last\.\d+\.block\.0\.weight")
    feature = known["G_parent"].outputs["feature"]
    return {"S": lambda: UnetEncoder(image(SIZE), feature, width, n_res)}


def _background_critic(one: Checkpoint, known: Mapping[str, Component]) -> dict[str, Build]:
    widths = hierarchy.widths(one, [f"encode_img.{i}" for i in (0, 2, 4)])
    return {"D_background": lambda: BackgroundDiscriminator(image(SIZE - 2), widths)}


def _critic(
    trunk: str, attribute: str, one: Checkpoint, known: Mapping[str, Component]
) -> dict[str, Build]:
    widths = hierarchy.widths(one, critic_trunk(trunk))
    labels = numbered(one.shape("code_logits.3.bias", 1)[0])
    return {f"D_{attribute}": lambda: CodeDiscriminator(image(SIZE), attribute, labels, widths)}


def _pairs(one: Checkpoint, known: Mapping[str, Component]) -> dict[str, Build]:
    return {f"D_pair_{letter}": partial(_pair, one, letter) for letter in CODES}


def _pair(one: Checkpoint, letter: str) -> Component:
    """A pair critic; the deviations of its noise are in no file: the official ones."""
    name, port = f"BD_{letter}", CODES[letter]
    widths = hierarchy.widths(one, [f"{name}.image_layer.{i}.model.0" for i in range(6)])
    count = one.shape(f"{name}.code_layer.0.model.0.weight", 2)[1]
    value = FeatureSpec(count, space="normal") if letter == "z" else onehot(port, numbered(count))
    return PairDiscriminator(image(SIZE), port, value, widths[:-1], widths[-1])


Reader = Callable[[Checkpoint, Mapping[str, Component]], dict[str, Build]]
READERS: dict[str, tuple[str, Reader]] = {  # network -> a tensor that only it has, how it is built
    "G": ("background_stage.fc.0.weight", _generator),
    "E": ("model_z.0.0.weight", _coders),
    "EX": ("first.0.0.weight", _encoder),
    "D0": ("class_logits.0.weight", _background_critic),
    "D1": ("encode_mask.0.weight", partial(_critic, "mask", "parent")),
    "D2": ("encode_img.11.weight", partial(_critic, "img", "child")),
    "BD": ("BD_z.image_layer.0.model.0.weight", _pairs),
}
