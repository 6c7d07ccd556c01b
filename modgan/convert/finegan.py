"""FineGAN's `netG_{count}.pth` and `netD{0,1,2}.pth` (github.com/kkanshul/finegan, BSD) as a zoo.

G becomes the six parts of the hierarchy. The official stages read [code | noise] and [code |
feature], ours [noise | code] and [feature | code]: columns of weights move. Axes of weights:
outputs, inputs, kernel, kernel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from modgan.component import Component
from modgan.components import BackgroundDiscriminator, CodeDiscriminator, ParentGenerator
from modgan.convert import hierarchy
from modgan.convert.checkpoint import LICENCE, Checkpoint, gathered, read_all
from modgan.convert.hierarchy import SIZE, Found, Network, Piece, Stages, numbered
from modgan.spec import image
from modgan.zoo import Zoo, ZooError, sealed

SOURCE = "FineGAN, github.com/kkanshul/finegan"
HIERARCHY = ["G_background", "R_background", "G_parent", "R_parent", "T_child", "R_child"]
TRUNK = [*(f"img_code_s16.{i}" for i in (0, 2, 5, 8)), "img_code_s32.0", "img_code_s32_1.0"]
STAGES = Stages("h_net1_bg", "h_net1", "h_net2", "h_net3", "img_net2", "img_net3")
GENERATOR: Network = {
    "G_background": Piece(
        "stage_generator", lambda part: hierarchy.growth("h_net1_bg"), ("h_net1_bg.fc.0.weight",)
    ),
    "R_background": Piece("background_painter", lambda part: {"head": "img_net1_bg.img.0"}),
    "G_parent": Piece(
        "parent_generator",
        lambda part: (
            hierarchy.growth("h_net1")
            | hierarchy.joint("h_net2", part)
            | hierarchy.narrow("h_net2")
        ),
        ("h_net1.fc.0.weight", "h_net2.jointConv.0.weight"),
    ),
    "R_parent": hierarchy.painter("img_net2", "img_net2_mask"),
    "T_child": Piece(
        "child_transformer",
        lambda part: hierarchy.joint("h_net3", part) | hierarchy.narrow("h_net3"),
        ("h_net3.jointConv.0.weight",),
    ),
    "R_child": hierarchy.painter("img_net3", "img_net3_mask"),
}
CODE_CRITIC = Piece(
    "code_discriminator",
    lambda part: (
        hierarchy.normed("trunk", TRUNK)
        | {"real": "uncond_logits.0", "labels": "logits.0"}
        | {f"joint.{k}": f"jointConv.{k}" for k in (0, 1)}
    ),
)
BACKGROUND_CRITIC = Piece(
    "background_discriminator",
    hierarchy.patches(
        "patchgan_img_code_s16", {"background": "uncond_logits1.0", "real": "uncond_logits2.0"}
    ),
)
NETWORKS: dict[str, Network] = {
    "netG": GENERATOR,
    "netD0": {"D_background": BACKGROUND_CRITIC},
    "netD1": {"D_parent": CODE_CRITIC},
    "netD2": {"D_child": CODE_CRITIC},
}


def to_zoo(files: Sequence[str | Path], licence: str = LICENCE) -> Zoo:
    """The parts of the hierarchy from a G and the critics from D's, at least one of them.

    All sizes are read from the tensors; pictures have 128 pixels, those of D_background 126. The
    names of the files tell netD1 (D_parent) from netD2 (D_child): the networks are alike. Labels
    are numbers.
    """
    found: list[Found] = []
    for one in read_all(files, statistics=True):
        found += [(name, part, one.path) for name, part in parts_of(one).items()]
    graphs = {"hierarchy": HIERARCHY}
    return gathered(hierarchy.of_one_training(found), SOURCE, licence, graphs)


def to_official(parts: Mapping[str, Component]) -> dict[str, dict[str, Tensor]]:
    """The state dicts that the official program loads, by network: netG, netD0, netD1, netD2."""
    return hierarchy.official(parts, NETWORKS)


def parts_of(one: Checkpoint) -> dict[str, Component]:
    """The parts in one file."""
    if "h_net1_bg.fc.0.weight" in one.tensors:
        return _generator(one)
    if "patchgan_img_code_s16.0.weight" in one.tensors:
        return _background_critic(one)
    if "img_code_s16.0.weight" in one.tensors:
        return _code_critic(one)
    expected = ("h_net1_bg.fc.0.weight", "patchgan_img_code_s16.0.weight", "img_code_s16.0.weight")
    raise hierarchy.unknown(one, "FineGAN", expected)


def _generator(one: Checkpoint) -> dict[str, Component]:
    """The hierarchy in a G, its spaces named by the digest of its tensors."""
    sizes = hierarchy.sizes(one, STAGES)
    build = hierarchy.around_the_parent(sizes)
    space = hierarchy.feature("parent", sizes.parent).space
    build["G_parent"] = lambda: ParentGenerator(
        "parent", sizes.parents, sizes.start, sizes.parent, sizes.n_res[0], sizes.n_z, space
    )
    return sealed(hierarchy.read_parts(one, "netG of FineGAN", GENERATOR, build))


def _background_critic(one: Checkpoint) -> dict[str, Component]:
    widths = hierarchy.widths(one, [f"patchgan_img_code_s16.{i}" for i in (0, 2, 4)])
    build = {"D_background": lambda: BackgroundDiscriminator(image(SIZE - 2), widths)}
    return hierarchy.read_parts(one, "netD0 of FineGAN", NETWORKS["netD0"], build)


def _code_critic(one: Checkpoint) -> dict[str, Component]:
    told = re.search(r"D([12])", one.path.stem)
    if not told:
        raise ZooError(
            f"{one.path}: is netD1 or netD2, which are alike: call it netD1.pth (it tells the "
            "parent's code) or netD2.pth (the child's)"
        )
    attribute = {"1": "parent", "2": "child"}[told[1]]
    labels, widths = numbered(one.shape("logits.0.bias", 1)[0]), hierarchy.widths(one, TRUNK)
    build = {
        f"D_{attribute}": lambda: CodeDiscriminator(image(SIZE), attribute, labels, widths),
    }
    network = f"netD{told[1]}"
    return hierarchy.read_parts(one, f"{network} of FineGAN", NETWORKS[network], build)
