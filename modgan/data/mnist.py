"""MNIST, and anything else in its layout: small grey pictures of digits and which digit each is.

Axes: N pictures, H W positions; H = W, 28 in MNIST.
"""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from torch import Tensor

from modgan.data.images import DataError

PREFIXES = {"train": "train", "test": "t10k"}  # how the files of a split begin
FOLDERS = (".", "raw", "MNIST/raw")  # as people unpack it, then as torchvision does
DAMAGED = (OSError, EOFError, zlib.error)  # what a bad .gz raises
BROKEN = (*DAMAGED, ValueError, RuntimeError, zipfile.BadZipFile, TokenError)  # a bad .npz
DEFLATE = 1032  # no compressed byte makes more bytes than this
HELD_OUT = 6  # of an .npz, one in so many pictures is for testing


class _Kind(NamedTuple):
    """One of the two files of a split."""

    name: str
    ending: str
    magic: int  # 0x08 for bytes, then the number of axes
    axes: int


IMAGES = _Kind("images", "idx3", 0x0803, 3)
LABELS = _Kind("labels", "idx1", 0x0801, 1)
KINDS = (IMAGES, LABELS)


def read_mnist(source: str | Path, split: str = "train") -> tuple[Tensor, Tensor]:
    """Pictures, uint8 (N, H, W), and which digits they show, int64 (N,), of split train or test.

    `source` is a folder with MNIST's four IDX files, each plain or .gz, their names with a dash or
    a dot before idx, in the folder itself or in the raw or MNIST/raw that torchvision makes; or an
    .npz with `images`, uint8 (N, H, W), and `labels`, whole numbers (N,). An .npz is not split: the
    last sixth of it (N // 6 pictures) is the test split.
    """
    if split not in PREFIXES:
        raise ValueError(f"split {split!r}: expected {' or '.join(PREFIXES)}")
    path = Path(source)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; check the path")
    images, labels = _read_folder(path, split) if path.is_dir() else _read_npz(path, split)
    if len(images) == 0:
        raise DataError(f"{path}: no picture is of split {split!r}; give it more pictures")
    return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))


# --- IDX files --------------------------------------------------------------------------------


def _read_folder(folder: Path, split: str) -> tuple[NDArray[Any], NDArray[Any]]:
    places = _places(folder, split)
    images, labels = (_read_idx(place, kind) for place, kind in zip(places, KINDS, strict=True))
    _check_pair(f"{places[0]} and {places[1].name}", images, labels)
    return images, labels


def _names(split: str, kind: _Kind) -> list[str]:
    stem, ending = f"{PREFIXES[split]}-{kind.name}", f"{kind.ending}-ubyte"
    return [f"{stem}{mark}{ending}{suffix}" for suffix in ("", ".gz") for mark in "-."]


def _places(folder: Path, split: str) -> list[Path]:
    """The file of the pictures and that of the labels, from the first folder that has either."""
    wanted = [_names(split, kind) for kind in KINDS]
    for inner in FOLDERS:
        here = [_first(folder / inner, names) for names in wanted]
        found = [path for path in here if path is not None]
        if len(found) == 1:
            lacking = wanted[here.index(None)]
            raise DataError(
                f"{found[0].parent}: has {found[0].name}, but the other of the pair is missing, "
                f"any of {', '.join(lacking)}; copy it there too"
            )
        if found:
            return found
    raise DataError(
        f"{folder}: holds no IDX files of split {split!r}: looked in {', '.join(FOLDERS)} for "
        f"{', '.join(wanted[0] + wanted[1])}; copy a pair of them there"
    )


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_idx(path: Path, kind: _Kind) -> NDArray[np.uint8]:
    """The bytes of an IDX file in the shape that it says, which is (N, H, W) or (N,)."""
    head = 4 + 4 * kind.axes
    start = _read_bytes(path, head)
    if len(start) < head:
        raise DataError(
            f"{path}: has {len(start)} bytes, expected a header of {head}; fetch the file again"
        )
    magic, *shape = (int(number) for number in np.frombuffer(start, dtype=">u4"))
    if magic != kind.magic:
        raise DataError(
            f"{path}: begins with the number {magic}, expected {kind.magic} for {kind.name}; "
            "check that the file is what its name says, or fetch it again"
        )
    length = head + math.prod(shape)
    _check_length(path, length, path.suffix == ".gz")
    data = _read_bytes(path, length + 1)
    if len(data) != length:
        got = "more" if len(data) > length else f"{len(data)}"
        raise DataError(
            f"{path}: its header says {_times(shape)}, which takes {length} bytes, got {got}; "
            "fetch the file again"
        )
    return np.frombuffer(data, dtype=np.uint8, offset=head).reshape(shape).copy()


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _check_length(path: Path, length: int, packed: bool) -> None:
    """Refuse a header that asks for more than the file can hold, before that much is taken."""
    size = path.stat().st_size
    if length > size * (DEFLATE if packed else 1):
        raise DataError(
            f"{path}: its header asks for {length} bytes, the file has {size}; "
            "it is cut short or damaged: fetch it again"
        )


def _read_bytes(path: Path, count: int) -> bytes:
    """The first `count` bytes, or all there are, unpacked."""
    if path.suffix != ".gz":
        with path.open("rb") as plain:
            return plain.read(count)
    try:
        with gzip.open(path) as packed:
            return packed.read(count)
    except DAMAGED as error:
        raise DataError(
            f"{path}: cannot be unpacked ({error}); fetch it again, or take .gz off its name "
            "if it is unpacked already"
        ) from error


def _check_pair(where: str, images: NDArray[Any], labels: NDArray[Any]) -> None:
    if len(images) != len(labels):
        raise DataError(
            f"{where}: {len(images)} pictures and {len(labels)} labels, expected as many; "
            "take both from one source"
        )
    if images.shape[1] != images.shape[2] or images.shape[1] == 0:
        raise DataError(
            f"{where}: expected square pictures, got {_times(images.shape[1:])}; "
            "pad or crop them to a square"
        )
    strange = labels[(labels < 0) | (labels > 9)]
    if len(strange):
        raise DataError(
            f"{where}: {len(strange)} labels are not of 0 to 9, the first is {strange[0]}; "
            "correct them or take their pictures out"
        )


# --- .npz -------------------------------------------------------------------------------------


def _read_npz(path: Path, split: str) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            images, labels = (_read_array(path, archive, kind) for kind in KINDS)
    except DataError:
        raise
    except BROKEN as error:
        raise DataError(
            f"{path}: cannot be read as an .npz ({error}); save it again with numpy.savez, "
            "or give the folder of the IDX files"
        ) from error
    _check_pair(str(path), images, labels)
    first = len(images) - len(images) // HELD_OUT
    part = slice(None, first) if split == "train" else slice(first, None)
    return images[part].copy(), labels[part]


def _read_array(path: Path, archive: zipfile.ZipFile, kind: _Kind) -> NDArray[Any]:
    """An array of the archive; its header is held against the file before it is believed."""
    name = f"{kind.name}.npy"
    if name not in archive.namelist():
        found = ", ".join(one.removesuffix(".npy") for one in archive.namelist()) or "nothing"
        raise DataError(
            f"{path}: has no array {kind.name!r}, it has {found}; save images, uint8 (N, H, W), "
            "and labels, whole numbers (N,)"
        )
    with archive.open(name) as member:
        if npy.read_magic(member) != (1, 0):
            raise ValueError(f"{name} is not in version 1.0 of the format")
        shape, _, dtype = npy.read_array_header_1_0(member)
        _check_kind(f"{path}: {kind.name}", kind, shape, dtype)
        _check_length(path, math.prod(shape) * dtype.itemsize, packed=True)
    with archive.open(name) as member:
        return npy.read_array(member, allow_pickle=False)


def _check_kind(where: str, kind: _Kind, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    fits = dtype == np.uint8 if kind is IMAGES else dtype.kind in "iu"
    if not fits or len(shape) != kind.axes:
        expected = "uint8 (N, H, W)" if kind is IMAGES else "whole numbers (N,)"
        raise DataError(f"{where}: expected {expected}, got {dtype} {shape}; convert the array")
