"""A set in shards may come from anywhere: what is wrong with it is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from shard_files import COUNTS, edit_index, files_of, write_pictures, write_tar

from modgan.data.images import DataError
from modgan.data.pack import pack
from modgan.data.shards import Shards
from modgan.data.table import LabelledFiles


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LabelledFiles]:
    folder = tmp_path_factory.mktemp("pictures")
    return {split: write_pictures(folder, split, count) for split, count in COUNTS.items()}


@pytest.fixture
def root(sources: dict[str, LabelledFiles], tmp_path: Path) -> Path:
    pack(sources, tmp_path / "packed", per_shard=4)
    return tmp_path / "packed"


def test_a_missing_library_names_the_extra(
    root: Path,
    sources: dict[str, LabelledFiles],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "webdataset", None)
    with pytest.raises(DataError, match=r'pip install "modgan\[data\]"'):
        Shards(root, 8)
    with pytest.raises(DataError, match=r'pip install "modgan\[data\]"'):
        pack(sources, tmp_path / "new")


def test_a_missing_or_large_index_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"index\.json: no such file; is it a folder that `modgan"):
        Shards(root.parent, 8)
    monkeypatch.setattr("modgan.data.shards.INDEX_BYTES", 10)
    with pytest.raises(DataError, match=r"index\.json: has \d+ bytes, at most 10 are read"):
        Shards(root, 8)


@pytest.mark.parametrize(
    "text", ["{", "\xff", "[" * 100_000, "[]", "{}", '{"format": "1"}', '{"format": 0}']
)
def test_a_damaged_index_is_said(root: Path, text: str) -> None:
    (root / "index.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"(no JSON text|no format number).*it is damaged: fetch"):
        Shards(root, 8)


SHARD = {"name": "train_000000.tar", "count": 4}
ESCAPES = [
    "../train.tar",
    "/etc/train.tar",
    "a/b.tar",
    "a\\b.tar",
    "train",
    "train.tar\n",
    ".tar",
    1,
]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, r"has format 2, this modgan reads 1; upgrade modgan"),
        ({"attributes": {}}, r"names no attributes; it is damaged"),
        ({"attributes": {"a b": ["no", "yes"]}}, r"'a b' cannot name an attribute"),
        ({"attributes": {"hair": ["red"]}}, r"'hair' has no list of two or more labels"),
        ({"attributes": {"hair": ["red", "red"]}}, r"'hair' has no list of two or more labels"),
        ({"attributes": {"hair": [1, 2]}}, r"'hair' has no list of two or more labels"),
        ({"splits": {}}, r"names no splits"),
        ({"splits": {"train": []}}, r"split 'train' has no shards"),
        ({"splits": {"train": [SHARD, SHARD]}}, r"lists a shard twice"),
        *(
            ({"splits": {"train": [{"name": name, "count": 4}]}}, r"is no name .* and count")
            for name in ESCAPES
        ),
        *(
            ({"splits": {"train": [{"name": "a.tar", "count": count}]}}, r"is no name .* and count")
            for count in (0, -1, True, 1.5, 10**9, None)
        ),
        ({"splits": {"train": ["a.tar"]}}, r"is no name .* and count"),
        ({"size": 0}, r"size 0 is no number of pixels"),
        ({"url": "pipe:true"}, r"url 'pipe:true': expected http\(s\)://host/folder"),
        ({"url": "http://host/[1-9]"}, r"expected http\(s\)://host/folder"),
        ({"url": "file:///etc"}, r"expected http\(s\)://host/folder"),
    ],
)
def test_an_index_is_not_trusted(root: Path, change: dict[str, Any], message: str) -> None:
    edit_index(root, lambda index: index.update(change))
    with pytest.raises(DataError, match=message):
        Shards(root, 8)


def test_an_unknown_split_lists_those_there(root: Path) -> None:
    with pytest.raises(DataError, match=r"split 'dev': expected one of train, val, test"):
        Shards(root, 8, "dev")


@pytest.mark.parametrize("wrong", [{"size": 0}, {"window": 0}, {"cache_bytes": 0}])
def test_sizes_are_at_least_one(root: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        Shards(root, **wrong)  # type: ignore[arg-type]


def test_a_missing_shard_is_named(root: Path) -> None:
    (root / "val_000000.tar").unlink()
    with pytest.raises(DataError, match=r"val_000000\.tar: no such shard, although index\.json"):
        Shards(root, 8, "val")[0]


def test_a_shard_cut_between_files_is_named(root: Path) -> None:
    os.truncate(root / "val_000000.tar", 3 * 2048)
    with pytest.raises(DataError, match=r"val_000000\.tar: expected 4 pictures, .* got 3; fetch"):
        Shards(root, 8, "val")[0]


@pytest.mark.parametrize(("count", "got"), [(5, "4"), (3, "more")])
def test_a_shard_with_another_count_is_named(root: Path, count: int, got: str) -> None:
    edit_index(root, lambda index: index["splits"]["val"][0].update(count=count))
    message = rf"val_000000\.tar: expected {count} pictures, as index\.json says, got {got}"
    with pytest.raises(DataError, match=message):
        Shards(root, 8, "val")[0]


def test_a_cut_or_compressed_shard_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = root / "val_000000.tar"
    files = files_of(path)
    os.truncate(path, 1700)
    with pytest.raises(DataError, match=r"val_000000\.tar: cannot be read as a shard \(unexpected"):
        Shards(root, 8, "val")[0]
    write_tar(path, files, "w:gz")
    with pytest.raises(
        DataError, match=r"shard \(it is no uncompressed tar file\); fetch it again"
    ):
        Shards(root, 8, "val")[0]
    write_tar(path, files)
    monkeypatch.setattr("modgan.data.shards.SHARD_BYTES", 10)
    with pytest.raises(DataError, match=r"shard \(it has \d+ bytes, at most 10 are read at once\)"):
        Shards(root, 8, "val")[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"00000001.png": b"nothing"}, r"val_000000\.tar: 00000001\.png: cannot be read as a pic"),
        ({"00000001.png": None}, r"val_000000\.tar: 00000001: has 0 pictures \(\.png"),
        (
            {"00000001.jpg": b""},
            r"val_000000\.tar: 00000001: has 2 pictures .*, expected one; pack",
        ),
        ({"00000001.json": None}, r"val_000000\.tar: 00000001\.json: expected one of the labels"),
        ({"00000001.json": b"{"}, r"00000001\.json: .* for each of hair, smile, got b'\{'; pack"),
        ({"00000001.json": b'{"hair": "blond"}'}, r"00000001\.json: expected one of the labels"),
        ({"00000001.json": b'{"hair": "red", "smile": "no"}'}, r"00000001\.json: expected one"),
        ({"00000001.json": b"[]"}, r"00000001\.json: expected one of the labels"),
    ],
)
def test_a_damaged_picture_or_label_is_named(
    root: Path, change: dict[str, bytes | None], message: str
) -> None:
    files = files_of(root / "val_000000.tar") | change
    kept = {name: data for name, data in files.items() if data is not None}
    write_tar(root / "val_000000.tar", dict(sorted(kept.items())))
    data = Shards(root, 8, "val")
    assert data[0][0].shape == (3, 8, 8)
    with pytest.raises(DataError, match=message):
        data[1]
