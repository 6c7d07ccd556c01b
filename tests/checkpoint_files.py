"""Official checkpoints as files, for the tests of `modgan.convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from golden_files import Golden, is_statistic
from torch import Tensor

from modgan.components import StarDiscriminator, StarTranslator
from modgan.convert import stargan
from modgan.spec import flags, image

State = dict[str, Tensor]


def saved(path: Path, state: Any, legacy: bool = False) -> Path:
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    return path


def state(name: str, prefix: str = "sd.") -> State:
    return Golden(name).state(prefix)


def parameters(given: State) -> State:
    return {key: tensor for key, tensor in given.items() if not is_statistic(key)}


def equal(a: State, b: State) -> bool:
    return set(a) == set(b) and all(torch.equal(a[key], b[key]) for key in a)


def star_pair(folder: Path, n_g: int, n_d: int) -> list[Path]:
    """A G that reads `n_g` labels and a D that tells `n_d`, of 16 pixels, as official files."""
    given = [f"given {i}" for i in range(max(n_g, n_d))]
    f = StarTranslator(image(16), {"labels": flags(given[:n_g])}, channels=2, n_res=1)
    critic = StarDiscriminator(image(16), {"labels": given[:n_d]}, channels=2, n_down=2)
    return [
        saved(folder / f"{name}.ckpt", stargan.to_official(part))
        for name, part in (("1-G", f), ("1-D", critic))
    ]


def garbage(path: Path) -> Path:
    path.write_bytes(b"<!DOCTYPE html><html>this file moved</html>")
    return path


def changed(name: str, **tensors: Tensor) -> State:
    """A golden state dict with other tensors; `__` in a name stands for a dot."""
    return state(name) | {key.replace("__", "."): tensor for key, tensor in tensors.items()}
