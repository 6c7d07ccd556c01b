"""CycleGAN's `{epoch}_net_{G,D}[_{A,B}].pth` as a zoo.

From github.com/junyanz/pytorch-CycleGAN-and-pix2pix (BSD): residual generators and PatchGAN
discriminators with instance norm. Files of 2017 and 2018 carry running statistics, which today's
program drops: so does this. Axes of weights: output channels, input channels, kernel, kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from modgan.component import Component
from modgan.components import CycleTranslator, PatchDiscriminator
from modgan.convert.checkpoint import (
    LICENCE,
    Checkpoint,
    few,
    gathered,
    official_state,
    read_all,
    renamed,
)
from modgan.spec import image
from modgan.zoo import Zoo, ZooError

SOURCE = "CycleGAN, github.com/junyanz/pytorch-CycleGAN-and-pix2pix"
SIZE = 256
GRAPHS = {"translate": ["F"], "A_to_B": ["F_A"], "B_to_A": ["F_B"]}


def to_zoo(files: Sequence[str | Path], size: int | None = None, licence: str = LICENCE) -> Zoo:
    """The translators and discriminators in `files`, for pictures of `size` pixels (256).

    The end of a file's name says which it is: `…_net_G_A.pth` becomes F_A, which makes B from A,
    `…_net_D_A.pth` D_A, which judges what F_A makes, and `…_net_G.pth` the only translator, F.
    """
    parts = []
    for one in read_all(files):
        kind, part = _read(one, size or SIZE)
        side = one.path.stem[-2:] if one.path.stem[-2:] in ("_A", "_B") else ""
        parts.append((kind + side, part, one.path))
    return gathered(parts, SOURCE, licence, GRAPHS)


def to_official(part: Component, dropout: bool = False) -> dict[str, Tensor]:
    """The state dict that the official program loads; `dropout` is its flag for G."""
    if isinstance(part, CycleTranslator):
        return official_state(part, translator_names(part, dropout))
    if isinstance(part, PatchDiscriminator):
        return official_state(part, discriminator_names(part))
    raise ZooError(f"CycleGAN has no {part.component}, only cycle_translator, patch_discriminator")


def translator_names(part: Component, dropout: bool = False) -> dict[str, str]:
    """The key in the official G of every key of a `cycle_translator`.

    Dropout stands between the convolutions of a block and moves the second one.
    """
    n_res = part.config["n_res"]
    layers = {f"stem.{i}.0": f"model.{1 + 3 * i}" for i in range(3)}
    for i in range(n_res):
        block = f"model.{10 + i}.conv_block"
        layers[f"blocks.{i}.body.0"] = f"{block}.1"
        layers[f"blocks.{i}.body.3"] = f"{block}.{6 if dropout else 5}"
    layers |= {f"head.{i}.0": f"model.{10 + n_res + 3 * i}" for i in range(2)}
    return renamed(part, layers | {"head.2": f"model.{17 + n_res}"})


def discriminator_names(part: Component) -> dict[str, str]:
    """The key in the official D of every key of a `patch_discriminator`."""
    n_layers = part.config["n_layers"]
    layers = {f"body.{i}.0": f"model.{max(0, 3 * i - 1)}" for i in range(n_layers + 1)}
    return renamed(part, layers | {"real": f"model.{3 * n_layers + 2}"})


def _read(one: Checkpoint, size: int) -> tuple[str, Component]:
    """What a file holds, "F" or "D", as a part; G starts with padding and D with a convolution."""
    n_blocks = one.count(r"model\.\d+\.conv_block\.1\.weight")
    if n_blocks and "model.1.weight" in one.tensors:
        channels, n_in = one.shape("model.1.weight", 4)[:2]
        dropout = one.count(r"model\.\d+\.conv_block\.6\.weight") > 0
        return "F", one.part(
            lambda: CycleTranslator(image(size, n_in), channels, n_blocks),
            lambda part: translator_names(part, dropout),
        )
    n_layers = one.count(r"model\.\d+\.weight") - 2
    if n_layers > 0 and "model.0.weight" in one.tensors:
        channels, n_in = one.shape("model.0.weight", 4)[:2]
        return "D", one.part(
            lambda: PatchDiscriminator(image(size, n_in), channels, n_layers), discriminator_names
        )
    raise ZooError(
        f"{one.path}: is neither a residual generator nor a PatchGAN discriminator of CycleGAN: "
        "expects tensors such as model.1.weight and model.10.conv_block.1.weight, or "
        f"model.0.weight and model.2.weight, got {few(sorted(one.tensors))}"
    )
