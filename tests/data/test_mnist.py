"""Digits are read from IDX files and from .npz, and every error says what to do."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from modgan.data.images import DataError
from modgan.data.mnist import read_mnist

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 28, 28), dtype=np.uint8)
LABELS = np.array([5, 0, 4, 1, 9, 2, 1, 3, 8, 6, 7, 9], dtype=np.uint8)
TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: NDArray[np.uint8]) -> bytes:
    """The bytes of an IDX file, written apart from the reader."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.tobytes()


def write(
    folder: Path,
    names: tuple[str, str] = TRAIN,
    images: NDArray[np.uint8] = IMAGES,
    labels: NDArray[np.uint8] = LABELS,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, (images, labels), strict=True):
        data = idx(array)
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def equal(got: tuple[torch.Tensor, torch.Tensor], images: object, labels: object) -> None:
    assert (got[0].dtype, got[1].dtype) == (torch.uint8, torch.int64)
    assert np.array_equal(got[0].numpy(), np.asarray(images))
    assert np.array_equal(got[1].numpy(), np.asarray(labels))


# --- IDX files --------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", [".", "raw", "MNIST/raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("mark", ["-idx", ".idx"])
def test_idx_files_read_back(tmp_path: Path, inner: str, suffix: str, mark: str) -> None:
    images, labels = (name.replace("-idx", mark) + suffix for name in TRAIN)
    write(tmp_path / inner, (images, labels))
    equal(read_mnist(tmp_path), IMAGES, LABELS)
    equal(read_mnist(str(tmp_path), "train"), IMAGES, LABELS)


def test_one_of_the_pair_may_be_packed(tmp_path: Path) -> None:
    write(tmp_path, (TRAIN[0] + ".gz", TRAIN[1]))
    equal(read_mnist(tmp_path), IMAGES, LABELS)


def test_a_folder_holds_both_splits(tmp_path: Path) -> None:
    write(write(tmp_path), TEST, IMAGES[:3], LABELS[:3])
    equal(read_mnist(tmp_path, "test"), IMAGES[:3], LABELS[:3])
    equal(read_mnist(tmp_path, "train"), IMAGES, LABELS)


def test_any_square_side(tmp_path: Path) -> None:
    write(tmp_path, images=IMAGES[:, :20, :20])
    equal(read_mnist(tmp_path), IMAGES[:, :20, :20], LABELS)


def test_what_is_read_can_be_written_to(tmp_path: Path) -> None:
    images, labels = read_mnist(write(tmp_path))
    images[0], labels[0] = 7, 7
    assert images[0].unique().tolist() == [7] and labels[0] == 7


def fails(source: Path, text: str, split: str = "train") -> None:
    with pytest.raises(DataError) as error:
        read_mnist(source, split)
    assert str(error.value) == text


def test_no_such_source(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    fails(nowhere, f"{nowhere}: no such file or folder; check the path")
    with pytest.raises(ValueError, match="split 'val': expected train or test"):
        read_mnist(tmp_path, "val")


def test_no_idx_files(tmp_path: Path) -> None:
    names = [
        f"t10k-{kind}{mark}idx{axes}-ubyte{suffix}"
        for kind, axes in (("images", 3), ("labels", 1))
        for suffix in ("", ".gz")
        for mark in "-."
    ]
    fails(
        write(tmp_path),
        f"{tmp_path}: holds no IDX files of split 'test': looked in ., raw, MNIST/raw for "
        f"{', '.join(names)}; copy a pair of them there",
        "test",
    )


@pytest.mark.parametrize("gone", [0, 1])
def test_one_of_the_pair_is_missing(tmp_path: Path, gone: int) -> None:
    (write(tmp_path) / TRAIN[gone]).unlink()
    dash = TRAIN[gone]
    dot = dash.replace("-idx", ".idx")
    fails(
        tmp_path,
        f"{tmp_path}: has {TRAIN[1 - gone]}, but the other of the pair is missing, any of {dash}, "
        f"{dot}, {dash}.gz, {dot}.gz; copy it there too",
    )


def test_bad_magic_number(tmp_path: Path) -> None:
    path = write(tmp_path) / TRAIN[0]
    path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    magic = int.from_bytes(path.read_bytes()[:4], "big")
    hint = "check that the file is what its name says, or fetch it again"
    fails(tmp_path, f"{path}: begins with the number {magic}, expected 2051 for images; {hint}")
    write(tmp_path, (TRAIN[0], TRAIN[1]))
    labels = tmp_path / TRAIN[1]
    labels.write_bytes(idx(IMAGES))
    fails(tmp_path, f"{labels}: begins with the number 2051, expected 2049 for labels; {hint}")


def test_shorter_than_a_header(tmp_path: Path) -> None:
    path = write(tmp_path) / TRAIN[1]
    path.write_bytes(path.read_bytes()[:7])
    fails(tmp_path, f"{path}: has 7 bytes, expected a header of 8; fetch the file again")


def test_wrong_lengths(tmp_path: Path) -> None:
    path = write(tmp_path) / TRAIN[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    fails(
        tmp_path,
        f"{path}: its header asks for 9424 bytes, the file has 9423; "
        "it is cut short or damaged: fetch it again",
    )
    path.write_bytes(whole + b"\0\0")
    says = "its header says 12x28x28, which takes 9424 bytes"
    fails(tmp_path, f"{path}: {says}, got more; fetch the file again")
    path.unlink()
    packed = tmp_path / (TRAIN[0] + ".gz")
    packed.write_bytes(gzip.compress(whole[:-4]))
    fails(tmp_path, f"{packed}: {says}, got 9420; fetch the file again")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_header_is_not_believed(tmp_path: Path, suffix: str) -> None:
    write(tmp_path)
    (tmp_path / TRAIN[0]).unlink()
    path = tmp_path / (TRAIN[0] + suffix)
    data = bytes([0, 0, 8, 3]) + b"\xff" * 12
    path.write_bytes(gzip.compress(data) if suffix else data)
    asked = 16 + (2**32 - 1) ** 3
    fails(
        tmp_path,
        f"{path}: its header asks for {asked} bytes, the file has {path.stat().st_size}; "
        "it is cut short or damaged: fetch it again",
    )


def test_damaged_gz(tmp_path: Path) -> None:
    path = write(tmp_path, (TRAIN[0] + ".gz", TRAIN[1])) / (TRAIN[0] + ".gz")
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[4000] ^= 255
    for data in (whole[:4000], bytes(flipped), whole[:-8] + bytes(8), idx(IMAGES)):
        path.write_bytes(data)
        with pytest.raises(DataError) as error:
            read_mnist(tmp_path)
        text = str(error.value)
        assert text.startswith(f"{path}: cannot be unpacked (")
        assert text.endswith("fetch it again, or take .gz off its name if it is unpacked already")


def test_counts_differ(tmp_path: Path) -> None:
    write(tmp_path, labels=LABELS[:-1])
    where = f"{tmp_path / TRAIN[0]} and {TRAIN[1]}"
    fails(
        tmp_path,
        f"{where}: 12 pictures and 11 labels, expected as many; take both from one source",
    )


def test_pictures_that_are_no_squares(tmp_path: Path) -> None:
    write(tmp_path, images=IMAGES[:, :, :20])
    where = f"{tmp_path / TRAIN[0]} and {TRAIN[1]}"
    fails(tmp_path, f"{where}: expected square pictures, got 28x20; pad or crop them to a square")


def test_labels_beyond_nine(tmp_path: Path) -> None:
    labels = LABELS.copy()
    labels[3:5] = 10, 77
    write(tmp_path, labels=labels)
    fails(
        tmp_path,
        f"{tmp_path / TRAIN[0]} and {TRAIN[1]}: 2 labels are not of 0 to 9, the first is 10; "
        "correct them or take their pictures out",
    )


def test_empty_files(tmp_path: Path) -> None:
    write(tmp_path, images=IMAGES[:0], labels=LABELS[:0])
    fails(tmp_path, f"{tmp_path}: no picture is of split 'train'; give it more pictures")


# --- .npz -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int64", ">i4"])
@pytest.mark.parametrize("packed", [False, True])
def test_npz_holds_out_the_last_sixth(tmp_path: Path, dtype: str, packed: bool) -> None:
    path = tmp_path / "digits.npz"
    save = np.savez_compressed if packed else np.savez
    save(path, images=IMAGES, labels=LABELS.astype(dtype))
    equal(read_mnist(path), IMAGES[:10], LABELS[:10])
    equal(read_mnist(str(path), "test"), IMAGES[10:], LABELS[10:])


def test_npz_too_small_to_hold_out(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    np.savez(path, images=IMAGES[:5], labels=LABELS[:5])
    equal(read_mnist(path), IMAGES[:5], LABELS[:5])
    fails(path, f"{path}: no picture is of split 'test'; give it more pictures", "test")


def test_npz_without_the_arrays(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    expected = "save images, uint8 (N, H, W), and labels, whole numbers (N,)"
    np.savez(path, images=IMAGES, y=LABELS)
    fails(path, f"{path}: has no array 'labels', it has images, y; {expected}")
    np.savez(path)
    fails(path, f"{path}: has no array 'images', it has nothing; {expected}")


@pytest.mark.parametrize(
    ("images", "labels", "text"),
    [
        (IMAGES / 255, LABELS, "images: expected uint8 (N, H, W), got float64 (12, 28, 28)"),
        (IMAGES[0], LABELS, "images: expected uint8 (N, H, W), got uint8 (28, 28)"),
        (IMAGES, LABELS / 1, "labels: expected whole numbers (N,), got float64 (12,)"),
        (IMAGES, np.eye(12, dtype=int), "labels: expected whole numbers (N,), got int64 (12, 12)"),
        (IMAGES, LABELS.astype(object), "labels: expected whole numbers (N,), got object (12,)"),
    ],
)
def test_npz_of_another_kind(
    tmp_path: Path, images: NDArray[np.generic], labels: NDArray[np.generic], text: str
) -> None:
    path = tmp_path / "digits.npz"
    np.savez(path, images=images, labels=labels)
    fails(path, f"{path}: {text}; convert the array")


def test_npz_with_wrong_values(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    np.savez(path, images=IMAGES, labels=LABELS.astype(int) - 1)
    with pytest.raises(DataError, match="1 labels are not of 0 to 9, the first is -1; correct"):
        read_mnist(path)
    np.savez(path, images=IMAGES, labels=LABELS[:4])
    with pytest.raises(DataError, match="12 pictures and 4 labels, expected as many"):
        read_mnist(path)
    np.savez(path, images=IMAGES[:, :9], labels=LABELS)
    with pytest.raises(DataError, match="expected square pictures, got 9x28"):
        read_mnist(path)


def broken(path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_mnist(path)
    assert str(error.value).startswith(f"{path}: cannot be read as an .npz (")
    assert str(error.value).endswith(
        "); save it again with numpy.savez, or give the folder of the IDX files"
    )


def test_damaged_npz(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    np.savez(path, images=IMAGES, labels=LABELS)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[5000] ^= 255  # in the pixels: only the checksum tells
    for data in (whole[:5000], bytes(flipped), b"", b"no archive"):
        path.write_bytes(data)
        broken(path)
    magic = b"\x93NUMPY"
    headers = (b"\x02\x00", b"\x01\x00\x05\x00{'a'}", b"\x01\x00\x05\x00{'a' ")
    for content in (b"no array", b"", *(magic + header for header in headers)):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", content)
        broken(path)


def test_the_header_of_an_npz_is_not_believed(tmp_path: Path) -> None:
    path, stream = tmp_path / "digits.npz", io.BytesIO()
    header = {"shape": (10**12, 28, 28), "fortran_order": False, "descr": "|u1"}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", stream.getvalue())
    fails(
        path,
        f"{path}: its header asks for {784 * 10**12} bytes, the file has {path.stat().st_size}; "
        "it is cut short or damaged: fetch it again",
    )
