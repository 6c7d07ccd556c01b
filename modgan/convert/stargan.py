"""StarGAN's `{step}-G.ckpt` and `{step}-D.ckpt` (github.com/yunjey/stargan, MIT) as a zoo.

The official norms track running statistics but never use them, neither in training nor at test:
they are dropped. Axes of weights: output channels, input channels, kernel, kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from modgan.component import Component
from modgan.components import StarDiscriminator, StarTranslator
from modgan.convert.checkpoint import (
    LICENCE,
    Checkpoint,
    few,
    gathered,
    official_state,
    read_all,
    renamed,
)
from modgan.spec import FeatureSpec, flags, image, onehot
from modgan.zoo import Zoo, ZooError

SOURCE = "StarGAN, github.com/yunjey/stargan"
SIZE = 128
CELEBA = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
RAFD = ("angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
Code = tuple[str, FeatureSpec]  # a port and what it reads
SETS = 2  # the labels that say which data set is meant, for G alone


def to_zoo(
    files: Sequence[str | Path],
    size: int | None = None,
    labels: str | None = None,
    licence: str = LICENCE,
) -> Zoo:
    """The translator F from a G and the discriminator D from a D, at least one of them.

    `size` is the pictures' in pixels: D's file says it, a G alone works at any, 128 unless given.
    `labels` are "a,b,c" for labels that are on or off, "name=a,b,c" if a picture has one of them;
    known are CelebA's 5 and RaFD's 8. A D trained on two data sets lacks the last two labels of
    its G, which say whose labels the others are.
    """
    checkpoints = read_all(files)
    generators = [one for one in checkpoints if _is_generator(one)]
    critics = [one for one in checkpoints if one not in generators]
    for one in critics:
        size = _size(one, size)
    parts: list[tuple[str, Component, Path]] = []
    known: Code | None = None
    for one in generators:
        known = _code(one, one.shape("main.0.weight", 4)[1] - 3, labels)
        parts.append(("F", _translator(one, size or SIZE, *known), one.path))
    for one in critics:
        n_labels = one.shape("conv2.weight", 4)[0]
        port, read = _answered(one, n_labels, known or _code(one, n_labels, labels))
        parts.append(("D", _discriminator(one, size or SIZE, port, read), one.path))
    return gathered(parts, SOURCE, licence, {"translate": ["F"], "judge": ["D"]})


def to_official(part: Component) -> dict[str, Tensor]:
    """The state dict that the official program loads; statistics are those of a new network."""
    if isinstance(part, StarTranslator):
        return official_state(part, translator_names(part))
    if isinstance(part, StarDiscriminator):
        return official_state(part, discriminator_names(part))
    raise ZooError(f"StarGAN has no {part.component}, only star_translator, star_discriminator")


def translator_names(part: Component) -> dict[str, str]:
    """The key in the official G of every key of a `star_translator`."""
    n_res = part.config["n_res"]
    starts = {f"stem.{i}": 3 * i for i in range(3)}
    starts |= {f"head.{i}": 9 + n_res + 3 * i for i in range(2)}
    layers = {f"{ours}.{k}": f"main.{at + k}" for ours, at in starts.items() for k in (0, 1)}
    for i in range(n_res):
        layers |= {f"blocks.{i}.body.{k}": f"main.{9 + i}.main.{k}" for k in (0, 1, 3, 4)}
    return renamed(part, layers | {"head.2": f"main.{15 + n_res}"})


def discriminator_names(part: Component) -> dict[str, str]:
    """The key in the official D of every key of a `star_discriminator`."""
    layers = {f"trunk.{i}.0": f"main.{2 * i}" for i in range(part.config["n_down"])}
    return renamed(part, layers | {"real": "conv1", "labels": "conv2"})


def _is_generator(one: Checkpoint) -> bool:
    """Whether a file holds a G; one that holds neither G nor D is an error."""
    if "conv2.weight" in one.tensors:
        return False
    if "main.1.weight" in one.tensors:
        return True
    raise ZooError(
        f"{one.path}: is neither a G nor a D of StarGAN: expects tensors such as main.1.weight or "
        f"conv2.weight, got {few(sorted(one.tensors))}"
    )


def _size(critic: Checkpoint, asked: int | None) -> int:
    """The pixels of D's pictures: its last convolution covers all positions that are left."""
    size = critic.shape("conv2.weight", 4)[-1] << critic.count(r"main\.\d+\.weight")
    if asked not in (None, size):
        raise ZooError(f"{critic.path}: is for pictures of {size} pixels, not {asked}")
    return size


def _code(one: Checkpoint, n_labels: int, labels: str | None) -> Code:
    """The port that `n_labels` labels are read from: as told, or the official ones."""
    if labels is None:
        official: dict[int, Code] = {
            len(CELEBA): ("labels", flags(CELEBA)),
            len(RAFD): ("expression", onehot("expression", RAFD)),
        }
        if n_labels not in official:
            raise ZooError(
                f"{one.path}: has {n_labels} labels, official are 5 (CelebA) or 8 (RaFD): name "
                "them, --labels a,b,c or, where a picture has exactly one, --labels NAME=a,b,c"
            )
        return official[n_labels]
    port, equals, listed = labels.rpartition("=")
    names = [name.strip() for name in listed.split(",")]
    if len(names) != n_labels or not all(names):
        raise ZooError(f"{one.path}: has {n_labels} labels, --labels names {len(names)}: {labels}")
    return (port, onehot(port, names)) if equals else ("labels", flags(names))


def _answered(critic: Checkpoint, n_labels: int, known: Code) -> tuple[str, list[str]]:
    """The port and the labels of D's logits, given what G reads."""
    port, code = known
    if n_labels not in (code.channels, code.channels - SETS):
        raise ZooError(
            f"{critic.path}: has {n_labels} labels, the G beside it {code.channels}: "
            "give a G and a D of one training"
        )
    return port, list(code.labels[:n_labels])


def _translator(one: Checkpoint, size: int, port: str, code: FeatureSpec) -> Component:
    channels = one.shape("main.0.weight", 4)[0]
    n_res = one.count(r"main\.\d+\.main\.0\.weight")
    return one.part(
        lambda: StarTranslator(image(size), {port: code}, channels, n_res), translator_names
    )


def _discriminator(one: Checkpoint, size: int, port: str, labels: list[str]) -> Component:
    channels = one.shape("main.0.weight", 4)[0]
    n_down = one.count(r"main\.\d+\.weight")
    return one.part(
        lambda: StarDiscriminator(image(size), {port: labels}, channels, n_down),
        discriminator_names,
    )
